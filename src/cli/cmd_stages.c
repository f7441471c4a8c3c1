/* cmd_stages.c - run, prepare, train, evaluate and export: stages of one job in its work folder. */
#include "cli/command.h"
#include "cli/job_input.h"
#include "cli/summary.h"
#include "job/stages.h"
#include "job/tables.h"

typedef dg_status dg_stage(dg_work *w, dg_err *err);

static dg_status in_work(const dg_cli *cli, dg_work *w, dg_stage *stage, dg_err *err)
{
    dg_status st = stage(w, err);
    if (st == DG_OK) st = dg_work_finish(w, err);
    if (st != DG_OK) {
        dg_log(DG_LOG_DEBUG, "failed", "%s", err->text); /* for log.jsonl; main tells people */
        return st;
    }
    if (!dg_cli_speaks(cli)) return DG_OK;
    if (cli->json) return dg_cli_print_json(json_incref(w->record), err);
    if (cli->level < DG_LOG_QUIET) dg_cli_print_summary(w);
    return DG_OK;
}

static dg_status run_stage(const dg_cli *cli, dg_stage *stage, dg_err *err)
{
    char folder[DG_WORK_PATH];
    dg_job *job = NULL;
    dg_work w;
    dg_status st = dg_cli_job(cli, dg_job_tables_all(NULL), &job, err);
    if (st != DG_OK) return st;
    dg_cli_work(cli, job, folder, sizeof folder);
    st = dg_work_open(cli->comm, job, folder, cli->resume, &w, err);
    if (st == DG_OK) {
        st = dg_agree(cli->comm, in_work(cli, &w, stage, err), err);
        dg_work_close(&w);
    }
    dg_job_destroy(&job);
    return st;
}

static dg_status run(const dg_cli *cli, dg_err *err) { return run_stage(cli, dg_stage_all, err); }

const dg_command dg_cmd_run = {
    .name = "run",
    .arguments = "JOB.yaml",
    .summary = "every stage the job names, in order; those whose inputs are unchanged are skipped",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .run = run,
};

static dg_status prepare(const dg_cli *cli, dg_err *err)
{
    return run_stage(cli, dg_stage_prepare, err);
}

const dg_command dg_cmd_prepare = {
    .name = "prepare",
    .arguments = "JOB.yaml",
    .summary = "raw files to dataset.h5",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .run = prepare,
};

static dg_status train(const dg_cli *cli, dg_err *err)
{
    return run_stage(cli, dg_stage_train, err);
}

const dg_command dg_cmd_train = {
    .name = "train",
    .arguments = "JOB.yaml",
    .summary = "dataset.h5 to model.h5, with checkpoints; goes on where a run was stopped",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .run = train,
};

static dg_status evaluate(const dg_cli *cli, dg_err *err)
{
    return run_stage(cli, dg_stage_evaluate, err);
}

const dg_command dg_cmd_evaluate = {
    .name = "evaluate",
    .arguments = "JOB.yaml",
    .summary = "model.h5 and what was held back to metrics.json",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .run = evaluate,
};

static dg_status export(const dg_cli *cli, dg_err *err)
{
    return run_stage(cli, dg_stage_export, err);
}

const dg_command dg_cmd_export = {
    .name = "export",
    .arguments = "JOB.yaml",
    .summary = "model.h5 and dataset.h5 to artifact.h5, all that serving reads",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .run = export,
};
