/* cmd_stages.c - run, prepare, train, evaluate and export: stages of one job in its work folder. */
#include "base/clock.h"
#include "cli/command.h"
#include "cli/in_work.h"
#include "cli/page.h"
#include "cli/summary.h"
#include "job/stages.h"

dg_status dg_cli_report(const dg_cli *cli, dg_work *w, dg_err *err)
{
    const dg_status st = dg_work_finish(w, err);
    if (st != DG_OK || !dg_cli_speaks(cli)) return st;
    if (cli->json) return dg_cli_print_json(json_incref(w->record), err);
    if (cli->level < DG_LOG_QUIET) dg_cli_print_summary(w);
    return DG_OK;
}

static dg_status with(const dg_cli *cli, dg_work *w, dg_status (*stage)(dg_work *, dg_err *),
                      dg_err *err)
{
    dg_status st = stage(w, err);
    if (st == DG_OK) st = dg_agree(cli->comm, dg_cli_report(cli, w, err), err);
    return st;
}

/* Every stage, and the page about them. */
static dg_status all(dg_work *w, dg_err *err)
{
    dg_status st = dg_stage_all(w, err);
    if (st != DG_OK || w->model == NULL) return st;
    const double started = dg_now();
    st = dg_cli_page(w, NULL, err);
    if (st == DG_OK)
        dg_work_record(w, "report", started, w->comm->rank == 0 ? json_object() : NULL);
    return st;
}

static dg_status run_in(const dg_cli *cli, dg_work *w, dg_err *err)
{
    return with(cli, w, all, err);
}

static dg_status run(const dg_cli *cli, dg_err *err) { return dg_cli_in_work(cli, run_in, err); }

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

static dg_status prepare_in(const dg_cli *cli, dg_work *w, dg_err *err)
{
    return with(cli, w, dg_stage_prepare, err);
}

static dg_status prepare(const dg_cli *cli, dg_err *err)
{
    return dg_cli_in_work(cli, prepare_in, err);
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

static dg_status train_in(const dg_cli *cli, dg_work *w, dg_err *err)
{
    return with(cli, w, dg_stage_model, err);
}

static dg_status train(const dg_cli *cli, dg_err *err)
{
    return dg_cli_in_work(cli, train_in, err);
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

static dg_status evaluate_in(const dg_cli *cli, dg_work *w, dg_err *err)
{
    return with(cli, w, dg_stage_verdict, err);
}

static dg_status evaluate(const dg_cli *cli, dg_err *err)
{
    return dg_cli_in_work(cli, evaluate_in, err);
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

static dg_status export_in(const dg_cli *cli, dg_work *w, dg_err *err)
{
    return with(cli, w, dg_stage_export, err);
}

static dg_status export(const dg_cli *cli, dg_err *err)
{
    return dg_cli_in_work(cli, export_in, err);
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
