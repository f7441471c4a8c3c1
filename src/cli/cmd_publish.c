/* cmd_publish.c - put a run's artifact into the registry, as champion if it passes the gate. */
#include "cli/in_work.h"
#include "cli/summary.h"
#include "job/stages.h"

typedef struct flags {
    char *why;
} flags;

static const dg_option rows[] = {
    {.key = "why",
     .type = DG_OPT_TEXT,
     .offset = offsetof(flags, why),
     .help = "What the history keeps as the reason; by default the gate's verdict"},
};

static dg_status publish(const dg_cli *cli, dg_work *w, dg_err *err)
{
    const flags *f = cli->fields;
    dg_status st = dg_stage_release(w, f->why[0] == '\0' ? NULL : f->why, err);
    if (st == DG_OK) st = dg_agree(cli->comm, dg_cli_report(cli, w, err), err);
    return st;
}

static dg_status run(const dg_cli *cli, dg_err *err) { return dg_cli_in_work(cli, publish, err); }

const dg_command dg_cmd_publish = {
    .name = "publish",
    .arguments = "JOB.yaml",
    .summary = "artifact.h5 to the registry, as champion if it passes publish.gate",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
