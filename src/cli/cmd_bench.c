/* cmd_bench.c - rates of this machine, of its kernels, of sweeps and of what ranks send. */
#include "base/memory.h"
#include "bench/kernels.h"
#include "bench/peaks.h"
#include "bench/sweeps.h"
#include "bench/transfer.h"
#include "cli/bench_scaling.h"
#include "cli/bench_serve.h"
#include "cli/command.h"
#include "cli/in_work.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const dg_option rows[] = {
    {.key = "csv",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_bench_flags, csv),
     .help = "Write the table to this file as CSV"},
    {.key = "plot",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_bench_flags, plot),
     .help = "Draw the picture into this file as SVG"},
    {.key = "ranks",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_bench_flags, ranks),
     .fallback = "1,2,4,8,16",
     .help = "scaling: numbers of ranks, as in \"1,2,4\""},
    {.key = "sizes",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_bench_flags, sizes),
     .fallback = "7,36",
     .help = "exchange: sizes of the matrix in MB"},
    {.key = "goods",
     .type = DG_OPT_TEXT,
     .offset = offsetof(dg_bench_flags, goods),
     .fallback = "26744,1000000",
     .help = "serve: numbers of goods, made up, where no artifact is given"},
    {.key = "factors",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_bench_flags, factors),
     .fallback = "64",
     .min = 1,
     .max = 2048,
     .help = "serve: of those goods"},
    {.key = "k",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_bench_flags, k),
     .fallback = "10",
     .min = 1,
     .max = 1000,
     .help = "serve: goods of a list"},
    {.key = "rounds",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_bench_flags, rounds),
     .fallback = "3",
     .min = 1,
     .max = 32,
     .help = "scaling, exchange: repeat each case so often, taking turns"},
    {.key = "quick",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_bench_flags, quick),
     .help = "Measure so shortly that rates mean little: to try it out"},
};

static dg_status cannot_create(const char *path, dg_err *err)
{
    dg_err_errno(err, path, "cannot create");
    return DG_ERR_CANTCREATE;
}

/* Whole or not at all would be too much for a picture; but a full disk is an error. */
static dg_status write_text(const char *path, dg_text *text, dg_err *err)
{
    if (text->failed) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    FILE *file = fopen(path, "w");
    if (file == NULL) return cannot_create(path, err);
    const bool good = fwrite(text->at, 1, text->n, file) == text->n;
    if (fclose(file) == 0 && good) return DG_OK;
    return dg_err_errno(err, path, "cannot write");
}

/* Table and remarks, JSON, CSV and picture: whatever was asked for. */
static dg_status deliver(const dg_cli *cli, const dg_report *r,
                         void (*tell)(const dg_report *r, dg_text *out),
                         void (*draw)(const dg_report *r, dg_text *svg), dg_err *err)
{
    const dg_bench_flags *f = cli->fields;
    dg_text text = {0}, csv = {0}, svg = {0};
    dg_status st = DG_OK;
    if (f->csv[0] != '\0') {
        dg_report_csv(r, &csv);
        st = write_text(f->csv, &csv, err);
    }
    if (f->plot[0] != '\0' && st == DG_OK) {
        draw(r, &svg);
        st = write_text(f->plot, &svg, err);
    }
    if (st == DG_OK && cli->json) {
        json_t *all = dg_report_json(r);
        st = all == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory printing JSON")
                         : dg_cli_print_json(all, err);
    } else if (st == DG_OK) {
        tell(r, &text);
        if (text.failed)
            st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a table");
        else
            fwrite(text.at, 1, text.n, stdout);
    }
    dg_text_free(&text);
    dg_text_free(&csv);
    dg_text_free(&svg);
    return st;
}

static void tell_kernels(const dg_report *r, dg_text *out)
{
    char line[DG_PEAKS_LINE];
    dg_text_add(out, "%s\n", dg_bench_peaks_line(r, line));
    dg_report_table(r, out);
}

static dg_status bench_kernels(const dg_cli *cli, dg_err *err)
{
    const dg_bench_flags *f = cli->fields;
    dg_report r;
    dg_status st = dg_bench_kernels(f->quick, &r, err);
    if (st == DG_OK) st = deliver(cli, &r, tell_kernels, dg_bench_kernels_plot, err);
    dg_report_free(&r);
    return st;
}

static dg_status bench_sweeps(const dg_cli *cli, dg_work *w, dg_err *err)
{
    const dg_bench_flags *f = cli->fields;
    dg_report r = {0};
    if (w->class == NULL) return dg_job_missing(w->job, "model.algorithm", err);
    dg_bench_sweeps_of of = {.class = w->class,
                             .data = &w->data,
                             .options = w->job->model.options,
                             .seed = (uint64_t)w->job->seed,
                             .base_rss = (int64_t)dg_peak_rss(),
                             .quick = f->quick};
    dg_status st = dg_work_data(w, err);
    if (st == DG_OK) st = dg_bench_sweeps(w->comm, &of, &r, err);
    if (st == DG_OK && dg_cli_speaks(cli))
        st = deliver(cli, &r, dg_bench_sweeps_text, dg_bench_sweeps_plot, err);
    dg_report_free(&r);
    return dg_agree(w->comm, st, err);
}

static dg_status bench_scaling(const dg_cli *cli, dg_err *err)
{
    dg_report r = {0};
    dg_status st = dg_bench_scaling(cli, &r, err);
    if (st == DG_OK) st = deliver(cli, &r, dg_bench_scaling_text, dg_bench_scaling_plot, err);
    dg_report_free(&r);
    return st;
}

static dg_status read_sizes(const dg_bench_flags *f, dg_bench_transfer_of *out, dg_err *err)
{
    *out = (dg_bench_transfer_of){.rounds = (int)f->rounds};
    for (const char *at = f->sizes; at != NULL;) {
        const char *comma = strchr(at, ',');
        const size_t n = comma == NULL ? strlen(at) : (size_t)(comma - at);
        double size;
        if (!dg_parse_double(at, n, &size) || size <= 0 || size > 1e5)
            return DG_FAIL(err, DG_ERR_USAGE,
                           "--sizes: expected numbers of MB up to 100000, found \"%.*s\"",
                           (int)(n > 40 ? 40 : n), at);
        if (out->n == DG_TRANSFER_SIZES)
            return DG_FAIL(err, DG_ERR_USAGE, "--sizes: more than %d numbers", DG_TRANSFER_SIZES);
        out->size[out->n++] = size * 1e6;
        at = comma == NULL ? NULL : comma + 1;
    }
    return DG_OK;
}

static dg_status bench_exchange(const dg_cli *cli, dg_err *err)
{
    dg_bench_transfer_of of;
    dg_report r = {0};
    dg_status st = read_sizes(cli->fields, &of, err);
    if (st == DG_OK) st = dg_bench_transfer(cli->comm, &of, &r, err);
    if (st == DG_OK && dg_cli_speaks(cli))
        st = deliver(cli, &r, dg_bench_transfer_text, dg_bench_transfer_plot, err);
    dg_report_free(&r);
    return dg_agree(cli->comm, st, err);
}

static dg_status bench_serve(const dg_cli *cli, dg_err *err)
{
    const dg_bench_flags *f = cli->fields;
    const dg_bench_serve_of of = {.artifact = cli->n_args > 1 ? cli->args[1] : NULL,
                                  .goods = f->goods,
                                  .factors = (int)f->factors,
                                  .k = (int)f->k,
                                  .quick = f->quick};
    dg_report r = {0};
    if (f->plot[0] != '\0')
        return DG_FAIL(err, DG_ERR_USAGE, "--plot: there is no picture of bench serve");
    dg_status st = dg_bench_serve(&of, &r, err);
    if (st == DG_OK) st = deliver(cli, &r, dg_bench_serve_text, NULL, err);
    dg_report_free(&r);
    return st;
}

static bool is(const dg_cli *cli, const char *what, int n_args)
{
    return cli->n_args == n_args && strcmp(cli->args[0], what) == 0;
}

/* One core's kernels need no peers, and scaling starts them itself. */
static bool needs_peers(const dg_cli *cli) { return is(cli, "als", 2) || is(cli, "exchange", 1); }

/* Rank 0 says early what it could not write late. */
static dg_status check_files(const dg_cli *cli, dg_err *err)
{
    const dg_bench_flags *f = cli->fields;
    const char *const paths[] = {f->csv, f->plot};
    dg_status st = DG_OK;
    for (size_t k = 0; k < 2 && st == DG_OK && dg_cli_speaks(cli); k++) {
        FILE *file = paths[k][0] == '\0' ? NULL : fopen(paths[k], "a");
        if (file != NULL)
            fclose(file);
        else if (paths[k][0] != '\0')
            st = cannot_create(paths[k], err);
    }
    return cli->comm == NULL ? st : dg_agree(cli->comm, st, err);
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    const dg_status st = check_files(cli, err);
    if (st != DG_OK) return st;
    if (is(cli, "kernels", 1)) return bench_kernels(cli, err);
    if (is(cli, "serve", 1) || is(cli, "serve", 2)) return bench_serve(cli, err);
    if (is(cli, "scaling", 2)) return bench_scaling(cli, err);
    if (is(cli, "exchange", 1)) return bench_exchange(cli, err);
    if (is(cli, "als", 2)) {
        dg_cli of_job = *cli;
        of_job.args++;
        of_job.n_args--;
        return dg_cli_in_work(&of_job, bench_sweeps, err);
    }
    return DG_FAIL(
        err, DG_ERR_USAGE,
        "bench takes \"kernels\" or \"exchange\"; \"serve\", or that and an artifact; or "
        "\"als\" or \"scaling\" and a job");
}

const dg_command dg_cmd_bench = {
    .name = "bench",
    .arguments = "kernels | exchange | serve [ARTIFACT] | als JOB.yaml | scaling JOB.yaml",
    .summary = "rates of this machine and its kernels; of sweeps, exchanges, lists; speed-up",
    .min_args = 1,
    .max_args = 2,
    .has_job = true,
    .has_peers = true,
    .needs_peers = needs_peers,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(dg_bench_flags),
    .run = run,
};
