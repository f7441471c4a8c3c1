/* cmd_report.c - what a run was: report.html, and the measures beside others on the terminal. */
#include "cli/command.h"
#include "cli/in_work.h"
#include "cli/page.h"
#include "job/stages.h"
#include "report/page.h"

#include <stdio.h>

static dg_status tell(const dg_cli *cli, const dg_work *w, json_t *figures, dg_err *err)
{
    char path[DG_WORK_PATH];
    dg_text lines = {0};
    if (cli->json) return dg_cli_print_json(json_incref(figures), err);
    dg_report_lines(figures, &lines);
    if (cli->level < DG_LOG_QUIET && lines.at != NULL) printf("%s", lines.at);
    if (cli->level < DG_LOG_QUIET) printf("%s\n", dg_work_path(w, "report.html", path));
    dg_text_free(&lines);
    return DG_OK;
}

static dg_status report(const dg_cli *cli, dg_work *w, dg_err *err)
{
    json_t *figures = NULL;
    dg_status st = dg_work_model(w, err);
    if (st == DG_OK && w->data.n_test + w->data.n_valid > 0) st = dg_stage_evaluate(w, err);
    if (st == DG_OK) st = dg_cli_page(w, &figures, err);
    if (st == DG_OK && figures != NULL) st = tell(cli, w, figures, err);
    json_decref(figures);
    return dg_agree(cli->comm, st, err);
}

static dg_status run(const dg_cli *cli, dg_err *err) { return dg_cli_in_work(cli, report, err); }

const dg_command dg_cmd_report = {
    .name = "report",
    .arguments = "JOB.yaml",
    .summary = "report.html: measures beside champion and the most popular, curves, examples",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .run = run,
};
