#include "base/memory.h"
#include "base/text.h"
#include "cli/job_input.h"
#include "generate/generate.h"
#include "job/tables.h"

#include <stdio.h>
#include <string.h>

/* All text: what is given becomes --set generate.KEY=TEXT, checked by the table of such keys. */
typedef struct flags {
    char *preset, *out, *users, *items, *events, *ratings, *rank, *seed;
    dg_strings set;
} flags;

#define FLAG(field, text, standard)                                                                \
    {                                                                                              \
        .key = #field, .type = DG_OPT_TEXT, .offset = offsetof(flags, field), .help = text,        \
        .fallback = standard                                                                       \
    }

static const dg_option rows[] = {
    FLAG(users, "Shoppers", NULL),
    FLAG(items, "Goods", NULL),
    FLAG(events, "Rows of events.csv; 0: none", NULL),
    FLAG(ratings, "Rows of ratings.csv; 0: none", NULL),
    FLAG(rank, "Planted factors", NULL),
    FLAG(seed, "Another seed, another shop", NULL),
    FLAG(preset, "shop-small, shop-medium, ratings-1m or ratings-20m", "shop-small"),
    FLAG(out, "Folder of the files; by default runs/PRESET-data", NULL),
    {.key = "set",
     .type = DG_OPT_LIST,
     .offset = offsetof(flags, set),
     .help = "Any other key, as generate.noise=0.5; may be repeated"},
};
enum { N_ROWS = sizeof rows / sizeof *rows, N_KEYS = 6 /* rows that are keys of generate */ };

static dg_status add_set(dg_strings *sets, const char *key, const char *text, dg_err *err)
{
    dg_text set = {0};
    dg_text_add(&set, "generate.%s=%s", key, text);
    const dg_status st = set.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory")
                                    : dg_strings_add(sets, set.at, set.n + 1, err);
    dg_text_free(&set);
    return st;
}

/* The given flags as arguments of --set, each with its NUL. */
static dg_status collect_sets(const flags *f, dg_strings *sets, dg_err *err)
{
    dg_status st = DG_OK;
    for (size_t k = 0; k < N_KEYS && st == DG_OK; k++) {
        const char *text = *(char *const *)((const char *)f + rows[k].offset);
        if (text[0] != '\0') st = add_set(sets, rows[k].key, text, err);
    }
    for (int64_t k = 0; k < f->set.n && st == DG_OK; k++) {
        size_t n;
        dg_text set = {0};
        const char *at = dg_strings_at(&f->set, k, &n);
        dg_text_bytes(&set, at, n);
        st = set.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory")
                        : dg_strings_add(sets, set.at, set.n + 1, err);
        dg_text_free(&set);
    }
    return st;
}

/* A job with the preset for defaults. COLLECTIVE. */
static dg_status read_job(const dg_cli *cli, const dg_generate_options *preset,
                          const dg_strings *sets, dg_job **out, dg_err *err)
{
    const char **list = dg_alloc((size_t)sets->n, sizeof *list);
    dg_status st = list == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : DG_OK;
    for (int64_t k = 0; k < sets->n && list != NULL; k++) {
        size_t n;
        list[k] = dg_strings_at(sets, k, &n);
    }
    st = dg_agree(cli->comm, st, err);
    dg_cli with = *cli;
    with.sets = list;
    with.n_sets = (size_t)sets->n;
    if (st == DG_OK) st = dg_cli_job(&with, dg_job_tables_all(preset), out, err);
    dg_free(list);
    return st;
}

static void print_report(const char *folder, const dg_generate_report *r)
{
    printf("%s\n", folder);
    for (int k = 0; k < r->n_files; k++) {
        char bytes[32];
        printf("  %-16s %10s\n", r->file[k].name,
               dg_show_bytes((double)r->file[k].bytes, bytes, sizeof bytes));
    }
    char count[DG_N_EVENTS][32];
    for (int k = 0; k < DG_N_EVENTS; k++) dg_show_count(r->events[k], count[k], sizeof count[k]);
    if (r->events[DG_EVENT_VIEW] > 0)
        printf("events: %s views, %s searches, %s into the cart, %s bought\n", count[DG_EVENT_VIEW],
               count[DG_EVENT_SEARCH], count[DG_EVENT_CART], count[DG_EVENT_BUY]);
    if (r->ratings > 0)
        printf("ratings: mean %.3f; RMSE of the planted values %.4f, of those clipped %.4f\n",
               r->mean_rating, r->rmse_planted, r->rmse_planted_clipped);
}

static dg_status generate(const dg_cli *cli, const dg_generate_options *o, dg_err *err)
{
    const flags *f = cli->fields;
    char folder[4096];
    dg_generate_report report;
    snprintf(folder, sizeof folder, "%s", f->out);
    if (f->out[0] == '\0') snprintf(folder, sizeof folder, "runs/%s-data", f->preset);
    const dg_status st = dg_generate(cli->comm, o, folder, &report, err);
    if (st != DG_OK || !dg_cli_speaks(cli)) return st;
    if (!cli->json) {
        if (cli->level < DG_LOG_QUIET) print_report(folder, &report);
        return DG_OK;
    }
    json_t *json = dg_generate_truth(o, &report);
    if (json == NULL) return DG_OK;
    json_object_set_new(json, "folder", json_string(folder));
    return dg_cli_print_json(json, err);
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    const flags *f = cli->fields;
    dg_strings sets = {0};
    dg_generate_options preset;
    dg_job *job = NULL;
    dg_status st = dg_generate_preset(f->preset, &preset, err);
    if (st == DG_OK) st = collect_sets(f, &sets, err);
    st = dg_agree(cli->comm, st, err);
    if (st == DG_OK) st = read_job(cli, &preset, &sets, &job, err);
    if (st == DG_OK) st = generate(cli, job->generate.options, err);
    dg_job_destroy(&job);
    dg_strings_free(&sets);
    return st;
}

const dg_command dg_cmd_generate = {
    .name = "generate",
    .arguments = "[JOB.yaml]",
    .summary = "write a synthetic shop with planted truth; same bytes on any number of ranks",
    .max_args = 1,
    .has_peers = true,
    .row = rows,
    .n_rows = N_ROWS,
    .fields_size = sizeof(flags),
    .run = run,
};
