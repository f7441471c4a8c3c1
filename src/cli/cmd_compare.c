/* cmd_compare.c - two evaluated models side by side, with intervals of their differences. */
#include "base/memory.h"
#include "cli/command.h"
#include "cli/saved.h"
#include "evaluate/compare.h"

#include <stdio.h>

typedef struct flags {
    int64_t resamples, seed;
    double confidence;
} flags;

static const dg_option rows[] = {{.key = "resamples",
                                  .type = DG_OPT_INT,
                                  .offset = offsetof(flags, resamples),
                                  .fallback = "2000",
                                  .help = "Resamples of the users",
                                  .min = 100,
                                  .max = 100000},
                                 {.key = "confidence",
                                  .type = DG_OPT_REAL,
                                  .offset = offsetof(flags, confidence),
                                  .fallback = "0.95",
                                  .help = "Of the intervals",
                                  .min = 0.5,
                                  .max = 0.9999},
                                 {.key = "seed",
                                  .type = DG_OPT_INT,
                                  .offset = offsetof(flags, seed),
                                  .fallback = "1",
                                  .help = "Of the resamples",
                                  .min = 0,
                                  .max = 9e15}};

/* metrics.h5, or a work folder that has one. */
static dg_status read(const char *name, dg_user_table *out, dg_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, dg_cli_is_folder(name) ? "%.4000s/metrics.h5" : "%.4000s", name);
    const dg_status st = dg_user_table_read(path, out, err);
    if (st != DG_ERR_NOINPUT) return st;
    return dg_err_hint(err, st, "evaluate with --set evaluate.per_user=true writes it");
}

static void print(const dg_cli *cli, const dg_difference *d, int n)
{
    const flags *f = cli->fields;
    char interval[40];
    printf("A: %s\nB: %s\n", cli->args[0], cli->args[1]);
    snprintf(interval, sizeof interval, "%g %% interval", 100 * f->confidence);
    printf("  %-22s %10s %10s %10s %23s %8s %8s %8s\n", "", "A", "B", "B - A", interval, "p",
           "B better", "B worse");
    for (int k = 0; k < n; k++) {
        snprintf(interval, sizeof interval, "%+.5f … %+.5f", d[k].low, d[k].high);
        printf("  %-22s %10.5f %10.5f %+10.5f %25s %8.4f %8lld %8lld\n", d[k].name, d[k].a, d[k].b,
               d[k].b - d[k].a, interval, d[k].p, (long long)d[k].better, (long long)d[k].worse);
    }
}

static dg_status print_json(const dg_cli *cli, const dg_user_table *t, const dg_difference *d,
                            int n, dg_err *err)
{
    const flags *f = cli->fields;
    json_t *list = json_array();
    for (int k = 0; k < n; k++)
        json_array_append_new(
            list, json_pack("{s:s, s:f, s:f, s:f, s:[f,f], s:f, s:I, s:I}", "measure", d[k].name,
                            "a", d[k].a, "b", d[k].b, "difference", d[k].b - d[k].a, "interval",
                            d[k].low, d[k].high, "p", d[k].p, "b_better", (json_int_t)d[k].better,
                            "b_worse", (json_int_t)d[k].worse));
    return dg_cli_print_json(json_pack("{s:s, s:s, s:I, s:I, s:f, s:s, s:o}", "a", cli->args[0],
                                       "b", cli->args[1], "users", (json_int_t)t->n, "resamples",
                                       (json_int_t)f->resamples, "confidence", f->confidence,
                                       "split", t->split, "measures", list),
                             err);
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    const flags *f = cli->fields;
    const dg_compare_options o = {f->resamples, f->confidence, (uint64_t)f->seed};
    dg_user_table a = {0}, b = {0};
    dg_difference *d = NULL;
    int n = 0;
    dg_status st = read(cli->args[0], &a, err);
    if (st == DG_OK) st = read(cli->args[1], &b, err);
    if (st == DG_OK) st = dg_compare(&a, &b, &o, &d, &n, err);
    if (st == DG_OK && cli->json) st = print_json(cli, &a, d, n, err);
    if (st == DG_OK && !cli->json) print(cli, d, n);
    dg_free(d);
    dg_user_table_free(&a);
    dg_user_table_free(&b);
    return st;
}

const dg_command dg_cmd_compare = {
    .name = "compare",
    .arguments = "A B",
    .summary = "two evaluated models (work folders or metrics.h5): differences and their intervals",
    .min_args = 2,
    .max_args = 2,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
