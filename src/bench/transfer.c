#include "bench/transfer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "comm/matrix.h"
#include "dense/panel.h"
#include "plot/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 64, LENGTH = 64, SHARDS = 64, MOST_ROUNDS = 32, READS = 2, POKE_EVERY = 64 };

static const dg_report_column columns[] = {
    {.key = "strategy", .head = "strategy"},
    {.key = "matrix_bytes", .head = "matrix MB", .unit = 1e6, .digits = 1},
    {.key = "batches", .head = "batches"},
    {.key = "bytes", .head = "MB moved", .unit = 1e6, .digits = 3},
    {.key = "bytes_model", .head = "by formula", .unit = 1e6, .digits = 3},
    {.key = "transfer_seconds", .head = "transfer ms", .unit = 1e-3, .digits = 2},
    {.key = "byte_rate", .head = "GB/s", .unit = 1e9, .digits = 2},
    {.key = "work_seconds", .head = "work ms", .unit = 1e-3, .digits = 2},
    {.key = "both_seconds", .head = "both ms", .unit = 1e-3, .digits = 2},
    {.key = "hidden", .head = "hidden", .unit = 0.01, .mark = "%"},
};

typedef struct ground { /* one matrix, by one strategy */
    const dg_comm *c;
    dg_nodes nodes;
    dg_shards shards; /* of the matrix's rows */
    dg_csr ratings;   /* what this rank reads */
    dg_rows *rows;    /* NULL: replicate */
    dg_matrix m;
    const int32_t *index;
    const dg_panel_kernels *k;
    float *panel, *x, *out; /* (LENGTH, D), (D,), (D,) */
    int repeats;            /* of the work on each row, to last as long as the transfer */
    volatile float sink;
} ground;

/* Popular rows are read more often: the square of a uniform number. */
static dg_status make_ratings(ground *g, dg_err *err)
{
    const int64_t n_rows = g->shards.begin[SHARDS];
    const int64_t readers = n_rows * READS / g->c->size / LENGTH + 1;
    const dg_status st = dg_csr_create(readers * g->c->rank, readers * (g->c->rank + 1),
                                       readers * LENGTH, &g->ratings, err);
    for (int64_t r = 0; r < readers && st == DG_OK; r++) {
        dg_rng rng = dg_rng_at(5, DG_RNG_TEST, (uint64_t)(g->ratings.begin + r));
        for (int k = 0; k < LENGTH; k++) {
            const double u = dg_rng_uniform(&rng);
            g->ratings.index[r * LENGTH + k] = (int32_t)(u * u * (double)n_rows);
        }
        g->ratings.ptr[r + 1] = (r + 1) * LENGTH;
    }
    return st;
}

static dg_status open_local(ground *g, double bytes, dg_err *err)
{
    const int64_t n_rows = (int64_t)(bytes / (4 * D)) + 1;
    dg_status st = dg_shards_create(SHARDS, &g->shards, err);
    for (int k = 0; k <= SHARDS && st == DG_OK; k++) g->shards.begin[k] = n_rows * k / SHARDS;
    if (st == DG_OK) st = make_ratings(g, err);
    g->k = dg_panel();
    g->panel = dg_alloc(LENGTH * D, sizeof *g->panel);
    g->x = dg_alloc(D, sizeof *g->x);
    g->out = dg_alloc(D, sizeof *g->out);
    if (st == DG_OK && (g->panel == NULL || g->x == NULL || g->out == NULL))
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a matrix of %.0f bytes", bytes);
    return st;
}

static void close_ground(ground *g)
{
    if (g->m.at != NULL && g->rows == NULL) dg_matrix_destroy(&g->m);
    dg_rows_destroy(&g->rows);
    dg_nodes_close(&g->nodes);
    dg_shards_destroy(&g->shards);
    dg_csr_free(&g->ratings);
    dg_free(g->panel);
    dg_free(g->x);
    dg_free(g->out);
}

static dg_status open_ground(const dg_comm *c, double bytes, bool replicate, ground *g, dg_err *err)
{
    *g = (ground){.c = c, .repeats = 1};
    dg_status st = dg_agree(c, open_local(g, bytes, err), err);
    if (st == DG_OK) st = dg_nodes_open(c, &g->nodes, err);
    if (st == DG_OK && replicate) {
        st = dg_matrix_create(c, &g->shards, D, &g->m, err);
        g->index = g->ratings.index;
    } else if (st == DG_OK) {
        st = dg_rows_survey(&g->nodes, &g->shards, &g->ratings, INT64_MAX, &g->rows, err);
        if (st == DG_OK) st = dg_rows_plan(g->rows, D, err);
        if (st == DG_OK) {
            dg_matrix_of_rows(g->rows, &g->shards, D, &g->m);
            g->index = dg_rows_index(g->rows);
        }
    }
    if (st != DG_OK) {
        close_ground(g);
        return st;
    }
    for (int64_t r = g->m.own.begin; r < g->m.own.end; r++)
        for (int k = 0; k < D; k++) dg_matrix_row(&g->m, r)[k] = (float)(k + 1) / D;
    return DG_OK;
}

/* What a batch of row solves reads and computes, about. */
static void work(ground *g, int batch, bool poke)
{
    const dg_range part =
        dg_matrix_batch(&g->m, batch, (dg_range){g->ratings.begin, g->ratings.end});
    for (int64_t r = part.begin; r < part.end; r++) {
        const int32_t *at = g->index + g->ratings.ptr[r - g->ratings.begin];
        for (int k = 0; k < LENGTH; k++)
            memcpy(g->panel + (size_t)k * D, dg_matrix_row(&g->m, at[k]), D * sizeof(float));
        for (int k = 0; k < g->repeats; k++) {
            g->k->apply(LENGTH, D, g->panel, NULL, NULL, g->x, NULL, g->out);
            if (poke && k % POKE_EVERY == 0) dg_matrix_poke(&g->m);
        }
    }
    g->sink = g->out[0];
}

typedef enum mode { TRANSFER, WORK, BOTH } mode;

/* Seconds until the slowest rank is done. */
static double run(ground *g, mode how)
{
    dg_mpi(MPI_Barrier(g->c->comm), g->c, "start of a transfer");
    const double started = dg_now();
    const int n = dg_matrix_batches(&g->m);
    if (how == TRANSFER)
        dg_matrix_share(&g->m);
    else if (how == BOTH)
        dg_matrix_publish(&g->m);
    for (int b = 0; b < n && how != TRANSFER; b++) {
        if (how == BOTH) dg_matrix_await(&g->m, b);
        work(g, b, how == BOTH);
    }
    int64_t spent = (int64_t)((dg_now() - started) * 1e9);
    dg_max_int64(g->c, &spent, 1);
    return (double)spent / 1e9;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Work that lasts about as long as the transfer: then overlap could hide all of it. */
static void balance(ground *g)
{
    run(g, TRANSFER);
    const double transfer = run(g, TRANSFER);
    g->repeats = POKE_EVERY;
    for (int pass = 0; pass < 3; pass++) { /* gathering is part of it: not quite proportional */
        const double ratio = transfer / run(g, WORK);
        int64_t repeats = (int64_t)(g->repeats * ratio + 0.5);
        dg_max_int64(g->c, &repeats, 1);
        g->repeats = repeats < 1 ? 1 : repeats > 100000 ? 100000 : (int)repeats;
    }
}

static double bytes_model(const ground *g)
{
    double rows = 0;
    if (g->rows != NULL) {
        int64_t received = dg_rows_received(g->rows);
        dg_sum_int64(g->c, &received, 1);
        rows = (double)received;
    } else { /* every node receives what it does not own */
        rows = (double)g->shards.begin[SHARDS] * (g->nodes.n - 1);
    }
    return rows * D * sizeof(float);
}

static void measure(ground *g, int rounds, double matrix, dg_report *out)
{
    double seconds[3][MOST_ROUNDS], median[3];
    const double model = bytes_model(g);
    balance(g);
    dg_traffic before = dg_comm_traffic();
    run(g, TRANSFER);
    dg_traffic moved = dg_traffic_since(dg_comm_traffic(), before);
    dg_traffic_sum(g->c, &moved);
    for (int k = 0; k < rounds; k++)
        for (int how = TRANSFER; how <= BOTH; how++) seconds[how][k] = run(g, (mode)how);
    for (int how = TRANSFER; how <= BOTH; how++) {
        qsort(seconds[how], (size_t)rounds, sizeof(double), ascending);
        median[how] = seconds[how][rounds / 2];
    }
    const double bytes = (double)moved.received[DG_TRAFFIC_ROWS];
    json_t *row = json_pack("{s:s, s:f, s:i, s:I, s:I, s:f, s:f, s:f}", "strategy",
                            g->rows == NULL ? "replicate" : "rows", "matrix_bytes", matrix,
                            "batches", dg_matrix_batches(&g->m), "bytes", (json_int_t)bytes,
                            "bytes_model", (json_int_t)model, "transfer_seconds", median[TRANSFER],
                            "work_seconds", median[WORK], "both_seconds", median[BOTH]);
    if (bytes > 0) {
        json_object_set_new(row, "byte_rate", json_real(bytes / median[TRANSFER]));
        json_object_set_new(row, "hidden",
                            json_real(1 - (median[BOTH] - median[WORK]) / median[TRANSFER]));
    }
    json_array_append_new(out->rows, row);
}

dg_status dg_bench_transfer(const dg_comm *c, const dg_bench_transfer_of *of, dg_report *out,
                            dg_err *err)
{
    const int rounds = of->rounds < MOST_ROUNDS ? of->rounds : MOST_ROUNDS;
    const bool pretend =
        dg_comm_node_size(c) == c->size && c->size > 1 && getenv("DAOGOU_NODE_SIZE") == NULL;
    if (pretend) setenv("DAOGOU_NODE_SIZE", "1", 1);
    dg_status st = dg_report_start("exchange", columns, sizeof columns / sizeof *columns, out, err);
    st = dg_agree(c, st, err);
    for (int k = 0; k < 2 * of->n && st == DG_OK; k++) {
        ground g;
        st = open_ground(c, of->size[k / 2], k % 2 == 0, &g, err);
        if (st != DG_OK) break;
        measure(&g, rounds, of->size[k / 2], out);
        json_object_set_new(out->facts, "nodes", json_integer(g.nodes.n));
        close_ground(&g);
    }
    if (pretend) unsetenv("DAOGOU_NODE_SIZE");
    json_object_set_new(out->facts, "ranks", json_integer(c->size));
    json_object_set_new(out->facts, "pretended", json_boolean(pretend));
    if (st != DG_OK) dg_report_free(out);
    return st;
}

static double number(const json_t *from, const char *key)
{
    return json_number_value(json_object_get(from, key));
}

static void headline(const dg_report *r, char line[160])
{
    snprintf(line, 160, "%.0f rank%s on %.0f %snode%s, rows of %d floats",
             number(r->facts, "ranks"), number(r->facts, "ranks") == 1 ? "" : "s",
             number(r->facts, "nodes"),
             json_is_true(json_object_get(r->facts, "pretended")) ? "pretended " : "",
             number(r->facts, "nodes") == 1 ? "" : "s", D);
}

void dg_bench_transfer_text(const dg_report *r, dg_text *out)
{
    char line[160];
    headline(r, line);
    dg_text_add(out, "%s\n", line);
    dg_report_table(r, out);
    if (number(r->facts, "nodes") == 1)
        dg_text_add(out, "one node shares its memory: nothing travels\n");
}

void dg_bench_transfer_plot(const dg_report *r, dg_text *svg)
{
    enum { WIDTH = 1000, HEIGHT = 420, TOP = 66 };
    double size[2][DG_TRANSFER_SIZES], rate[2][DG_TRANSFER_SIZES];
    dg_plot_series s[2] = {{"replicate", size[0], rate[0], 0, false},
                           {"rows", size[1], rate[1], 0, false}};
    dg_plot_bar bar[2 * DG_TRANSFER_SIZES];
    char label[2 * DG_TRANSFER_SIZES][48], note[2 * DG_TRANSFER_SIZES][48], line[160];
    size_t k;
    json_t *row;
    int n = 0;
    json_array_foreach(r->rows, k, row)
    {
        const char *name = json_string_value(json_object_get(row, "strategy"));
        const int which = strcmp(name, "rows") == 0;
        if (n == 2 * DG_TRANSFER_SIZES || s[which].n == DG_TRANSFER_SIZES) break;
        size[which][s[which].n] = number(row, "bytes");
        rate[which][s[which].n++] = number(row, "byte_rate");
        const double hidden = 100 * number(row, "hidden");
        snprintf(label[n], sizeof *label, "%s, %.0f MB", name, number(row, "matrix_bytes") / 1e6);
        snprintf(note[n], sizeof *note, "%.0f %%", hidden);
        bar[n] = (dg_plot_bar){label[n], note[n], hidden > 0 ? hidden : 0, which ? 50 : 0, which};
        n++;
    }
    headline(r, line);
    dg_plot_begin(svg, WIDTH, TOP + HEIGHT + 10, "Rows between nodes", line);
    dg_plot_lines(svg, (dg_plot_box){0, TOP, WIDTH / 2, HEIGHT}, "Rate", "bytes received by all",
                  "bytes a second, all nodes", s, 2);
    dg_plot_bars(svg, (dg_plot_box){WIDTH / 2, TOP, WIDTH / 2, dg_plot_bars_height(n)},
                 "transfer hidden behind as much work, per cent", 100, bar, n);
    dg_plot_end(svg);
}
