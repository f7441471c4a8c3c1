/* cmd_tune.c - search the space of a job's section tune. */
#include "base/text.h"
#include "cli/command.h"
#include "cli/job_input.h"
#include "job/tables.h"
#include "tune/search.h"

#include <stdio.h>
#include <string.h>

typedef struct flags {
    int64_t trial, groups;
} flags;

static const dg_option rows[] = {
    {.key = "trial",
     .type = DG_OPT_INT,
     .offset = offsetof(flags, trial),
     .fallback = "0",
     .help = "Run this one alone, in full, as a task of an array may; then run the command without "
             "it to see which is best",
     .min = 0,
     .max = 100000},
    {.key = "groups",
     .type = DG_OPT_INT,
     .offset = offsetof(flags, groups),
     .fallback = "1",
     .help = "Groups of ranks, each at a trial of its own",
     .min = 1,
     .max = 100000},
};

static void print_settings(const json_t *settings)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)settings, key, value)
        printf(" %s=%s", strncmp(key, "model.", 6) == 0 ? key + 6 : key, json_string_value(value));
    printf("\n");
}

static void print_row(const json_t *result)
{
    char spent[32];
    const json_t *value = json_object_get(result, "value");
    printf("  %5lld ", (long long)json_integer_value(json_object_get(result, "trial")));
    if (json_is_number(value))
        printf("%12.5f", json_number_value(value));
    else
        printf("%12s", "failed");
    printf(" %7lld %8s ", (long long)json_integer_value(json_object_get(result, "sweeps")),
           dg_show_seconds(json_number_value(json_object_get(result, "seconds")), spent,
                           sizeof spent));
    print_settings(json_object_get(result, "settings"));
}

static void print_table(const json_t *tuned)
{
    enum { SHOWN = 12 };
    const json_t *results = json_object_get(tuned, "results");
    const size_t n = json_array_size(results);
    printf("  %5s %12s %7s %8s\n", "trial", json_string_value(json_object_get(tuned, "metric")),
           "sweeps", "time");
    for (size_t k = 0; k < n && k < SHOWN; k++) print_row(json_array_get(results, k));
    if (n > SHOWN) printf("  … and %zu more in tune.json\n", n - SHOWN);
    printf("best: %s\n", json_string_value(json_object_get(tuned, "job")));
}

static dg_status tell(const dg_cli *cli, json_t *tuned, dg_err *err)
{
    if (cli->json) return dg_cli_print_json(json_incref(tuned), err);
    if (cli->level < DG_LOG_QUIET) print_table(tuned);
    return DG_OK;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    const flags *f = cli->fields;
    char work[DG_WORK_PATH];
    json_t *tuned = NULL;
    dg_job *job = NULL;
    dg_status st = dg_cli_job_as_given(cli, dg_job_tables_all(NULL), &job, err);
    if (st != DG_OK) return st;
    dg_cli_work(cli, job, work, sizeof work);
    st = dg_tune(cli->comm, job, work, (int)f->groups, f->trial, &tuned, err);
    if (st == DG_OK && tuned != NULL) st = tell(cli, tuned, err);
    st = dg_agree(cli->comm, st, err);
    json_decref(tuned);
    dg_job_destroy(&job);
    return st;
}

const dg_command dg_cmd_tune = {
    .name = "tune",
    .arguments = "JOB.yaml",
    .summary = "try the jobs of section tune on validation rows; the best becomes best.yaml",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .has_peers = true,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
