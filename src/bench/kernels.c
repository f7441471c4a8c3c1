#include "bench/kernels.h"

#include "base/memory.h"
#include "bench/peaks.h"
#include "dense/blas.h"
#include "dense/panel.h"
#include "dense/scores.h"
#include "plot/plot.h"
#include "ranking/topk.h"

#include <stdio.h>
#include <string.h>

enum { MOST_D = 256, MOST_N = 600, MOST_USERS = 64, TOP = 100 };

static const size_t most_table = (size_t)256 << 20; /* bytes */

typedef struct ground { /* what kernels run on */
    const dg_panel_kernels *k;
    int d, n;       /* factors; entries, rows or users */
    int64_t n_rows; /* of the table, as this run uses it */
    float *table;   /* (n_rows, d) */
    float *panel;   /* (MOST_N, MOST_D) */
    float *square;  /* (MOST_D, MOST_D) */
    float *x, *out; /* (MOST_D or MOST_N,) */
    double *wide;   /* (MOST_D, MOST_D) */
    double *rows;   /* (MOST_D, MOST_D) */
    float *score;   /* (MOST_USERS, DG_SCORE_BLOCK) */
    uint16_t *mark; /* (MOST_USERS, words of a block) */
    dg_hit *hit;    /* (MOST_USERS, TOP) */
    int32_t *index; /* (MOST_N,) */
    uint32_t next;  /* where the next gather begins */
    int runs;       /* how long to measure */
    double least;
} ground;

static void run_gram(void *with)
{
    ground *g = with;
    g->k->gram(g->n, g->d, g->panel, g->panel, g->square);
}

static void run_pass(void *with)
{
    ground *g = with;
    g->k->apply(g->n, g->d, g->panel, NULL, NULL, g->x, NULL, g->out);
}

static void run_score(void *with)
{
    ground *g = with;
    g->k->score(g->n, g->d, g->panel, g->x, g->out);
}

static void run_dot(void *with)
{
    ground *g = with;
    for (int k = 0; k < g->n; k++)
        g->out[k] = g->k->dot(g->d, g->panel + (size_t)k * (size_t)g->d, g->x);
}

static void set_system(ground *g)
{
    const size_t d = (size_t)g->d;
    memset(g->square, 0, d * d * sizeof(float));
    for (size_t i = 0; i < d; i++) g->square[i * d + i] = 2;
    memcpy(g->out, g->x, d * sizeof(float));
}

static void run_cholesky(void *with)
{
    ground *g = with;
    set_system(g);
    g->k->cholesky_solve(g->d, g->d, g->square, g->out);
}

static void run_lapack(void *with)
{
    ground *g = with;
    set_system(g);
    dg_cholesky_solve(g->d, g->d, g->square, g->out);
}

static void run_eigen(void *with)
{
    ground *g = with;
    const size_t d = (size_t)g->d;
    double value[MOST_D];
    dg_err err;
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++)
            g->wide[i * d + j] = 1.0 / (double)(1 + i + j) + (i == j ? 1.0 + (double)i : 0);
    if (dg_eigen(g->d, g->wide, value, &err) == DG_OK) g->out[0] = (float)value[0];
}

static void run_rotate(void *with)
{
    ground *g = with;
    dg_rotate(g->n, g->d, g->panel, g->d, g->square, g->score);
}

static void run_syrk(void *with)
{
    ground *g = with;
    dg_syrk_add_double(g->n, g->d, g->rows, g->wide);
}

/* Rows from anywhere in the table, other ones each time. */
static void gather(ground *g, const uint16_t *half)
{
    const uint32_t stride = 2654435761u, n = (uint32_t)g->n_rows;
    const dg_panel_table from = {g->d, g->table, half, 1};
    for (int k = 0; k < g->n; k++, g->next += stride) g->index[k] = (int32_t)(g->next % n);
    g->k->gather(g->n, 0, g->d, &from, g->index, g->panel);
}

static void run_gather(void *with) { gather(with, NULL); }

static void run_gather_half(void *with)
{
    ground *g = with;
    gather(g, (const uint16_t *)(const void *)g->table);
}

/* The best of all rows of the table for n users, a block at a time as evaluation does. */
static void run_topk(void *with)
{
    ground *g = with;
    const dg_queries users = {g->n, g->d, (size_t)g->d, g->panel, g->x, NULL};
    dg_topk top[MOST_USERS];
    float threshold[MOST_USERS];
    dg_err err;
    for (int u = 0; u < g->n; u++) top[u] = dg_topk_start(g->hit + (size_t)u * TOP, TOP);
    memset(g->x, 0, MOST_N * sizeof(float));
    for (int64_t first = 0, n; first < g->n_rows; first += n) {
        n = dg_score_block(first);
        n = g->n_rows - first < n ? g->n_rows - first : n;
        for (int u = 0; u < g->n; u++) threshold[u] = top[u].threshold;
        g->k->scores(&users, (int)n, g->table + first * g->d, (size_t)g->d, threshold, g->score,
                     g->mark);
        for (int u = 0; u < g->n; u++)
            dg_topk_push_marked(&top[u], g->score + u * n,
                                g->mark + (size_t)u * dg_mark_words((size_t)n), (int32_t)first,
                                (int32_t)n, NULL, 0, &err);
    }
}

/* Flops and bytes of one call, d factors and n entries. */
static double of_gram(const ground *g) { return (double)g->n * g->d * (g->d + 1); }
static double of_pass(const ground *g) { return 4.0 * g->n * g->d; }
static double of_score(const ground *g) { return 2.0 * g->n * g->d; }
static double of_cholesky(const ground *g)
{
    return (double)g->d * g->d * g->d / 3 + 2.0 * g->d * g->d;
}
static double of_eigen(const ground *g) { return 9.0 * g->d * g->d * g->d; }
static double of_rotate(const ground *g) { return 2.0 * g->n * g->d * g->d; }
static double of_table(const ground *g) { return 2.0 * g->n * g->d * (double)g->n_rows; }
static double bytes_of_rows(const ground *g) { return 4.0 * g->n * g->d; }
static double bytes_of_halves(const ground *g) { return 2.0 * g->n * g->d; }
static double bytes_of_table(const ground *g) { return 4.0 * g->d * (double)g->n_rows; }

typedef struct kernel {
    const char *name;
    void (*run)(void *with);
    double (*flops)(const ground *g), (*bytes)(const ground *g); /* NULL: not its point */
    int d[4];                                                    /* until 0 */
    int n[4];                                                    /* until 0 */
    double table[3];                                             /* MB, until 0; all 0: no table */
} kernel;

static const kernel kernels[] = {
    {"gram", run_gram, of_gram, NULL, {32, 64, 128, 256}, {16, 64, 144, 600}, {0}},
    {"CG pass", run_pass, of_pass, bytes_of_rows, {32, 64, 128, 256}, {64, 600}, {0}},
    {"score", run_score, of_score, bytes_of_rows, {64, 128, 256}, {600}, {0}},
    {"dot", run_dot, of_score, bytes_of_rows, {64, 128, 256}, {64}, {0}},
    {"cholesky", run_cholesky, of_cholesky, NULL, {32, 64, 128, 256}, {1}, {0}},
    {"cholesky, LAPACK", run_lapack, of_cholesky, NULL, {64, 128, 256}, {1}, {0}},
    {"eigenbasis", run_eigen, of_eigen, NULL, {64, 128, 256}, {1}, {0}},
    {"rotate", run_rotate, of_rotate, NULL, {64, 128}, {256}, {0}},
    {"gram of all, f64", run_syrk, of_gram, NULL, {64, 128, 256}, {256}, {0}},
    {"gather", run_gather, NULL, bytes_of_rows, {64, 128, 256}, {600}, {7, 36, 256}},
    {"gather, f16", run_gather_half, NULL, bytes_of_halves, {64, 128, 256}, {600}, {7, 36, 256}},
    {"top 100", run_topk, of_table, bytes_of_table, {64, 128}, {1, 64}, {7}},
    {"top 100", run_topk, of_table, bytes_of_table, {64}, {1}, {256}},
};
enum { N_KERNELS = sizeof kernels / sizeof *kernels };

/* PERFORMANCE: useful flops of a row's Gram at least this share of sgemm. */
static double bar_of(const kernel *k, const ground *g)
{
    const bool asked = k->run == run_gram && (g->d == 64 || g->d == 128) && g->n >= 144;
    return asked ? 0.7 : 0;
}

static const dg_report_column columns[] = {
    {.key = "kernel", .head = "kernel"},
    {.key = "factors", .head = "factors"},
    {.key = "entries", .head = "entries"},
    {.key = "table_bytes", .head = "table MB", .unit = 1e6},
    {.key = "seconds", .head = "µs", .unit = 1e-6, .digits = 2},
    {.key = "seconds_median", .head = NULL},
    {.key = "flops", .head = "GFLOP/s", .unit = 1e9, .digits = 1},
    {.key = "flops_share", .head = "of sgemm", .unit = 0.01, .mark = "%"},
    {.key = "bytes", .head = "GB/s", .unit = 1e9, .digits = 1},
    {.key = "bytes_share", .head = "of stream", .unit = 0.01, .mark = "%"},
    {.key = "bar", .head = "bar", .unit = 0.01, .mark = "%"},
};

/* Bytes of a number in the table. */
static double element(const kernel *k) { return k->run == run_gather_half ? 2 : 4; }

static void measure(const kernel *k, ground *g, const dg_peaks *p, json_t *rows)
{
    const dg_timing t = dg_measure_call(k->run, g, g->runs, g->least);
    json_t *row = json_pack("{s:s, s:i, s:i, s:f, s:f}", "kernel", k->name, "factors", g->d,
                            "entries", g->n, "seconds", t.best, "seconds_median", t.median);
    if (k->flops != NULL) {
        const double rate = k->flops(g) / t.best;
        json_object_set_new(row, "flops", json_real(rate));
        json_object_set_new(row, "flops_share", json_real(rate / p->flops));
    }
    if (k->bytes != NULL) {
        const double rate = k->bytes(g) / t.best;
        json_object_set_new(row, "bytes", json_real(rate));
        json_object_set_new(row, "bytes_share", json_real(rate / p->bytes));
    }
    if (k->table[0] > 0)
        json_object_set_new(row, "table_bytes", json_real(element(k) * g->d * (double)g->n_rows));
    if (bar_of(k, g) > 0) json_object_set_new(row, "bar", json_real(bar_of(k, g)));
    json_array_append_new(rows, row);
}

static void measure_sizes(const kernel *k, ground *g, const dg_peaks *p, json_t *rows)
{
    for (int a = 0; a < 4 && k->d[a] > 0; a++)
        for (int b = 0; b < 4 && k->n[b] > 0; b++)
            for (int c = 0; c < 3 && (c == 0 || k->table[c] > 0); c++) {
                g->d = k->d[a];
                g->n = k->n[b];
                g->n_rows = (int64_t)(k->table[c] * 1e6 / (element(k) * g->d));
                memset(g->square, 0, (size_t)MOST_D * MOST_D * sizeof(float));
                measure(k, g, p, rows);
            }
}

static float *filled(size_t n)
{
    float *a = dg_alloc(n, sizeof *a);
    for (size_t k = 0; a != NULL && k < n; k++) a[k] = 0.5f + (float)(k % 1021) / 1021;
    return a;
}

static bool prepare(ground *g)
{
    const size_t square = (size_t)MOST_D * MOST_D;
    g->table = filled(most_table / sizeof(float));
    g->panel = filled((size_t)MOST_N * MOST_D);
    g->square = filled(square);
    g->x = filled(MOST_N);
    g->out = filled(MOST_N);
    g->score = filled((size_t)MOST_USERS * DG_SCORE_BLOCK);
    g->wide = dg_alloc(square, sizeof *g->wide);
    g->rows = dg_alloc(square, sizeof *g->rows);
    g->mark = dg_alloc(MOST_USERS * dg_mark_words(DG_SCORE_BLOCK), sizeof *g->mark);
    g->hit = dg_alloc((size_t)MOST_USERS * TOP, sizeof *g->hit);
    g->index = dg_alloc(MOST_N, sizeof *g->index);
    return g->table && g->panel && g->square && g->x && g->out && g->score && g->wide && g->rows &&
           g->mark && g->hit && g->index;
}

dg_status dg_bench_kernels(bool quick, dg_report *out, dg_err *err)
{
    ground g = {.k = dg_panel(), .runs = quick ? 2 : 5, .least = quick ? 2e-5 : 0.01};
    dg_peaks peaks = {0};
    dg_status st = dg_report_start("kernels", columns, sizeof columns / sizeof *columns, out, err);
    if (st != DG_OK) return st;
    st = dg_bench_peaks(NULL, quick, out, &peaks, err);
    if (st == DG_OK && !prepare(&g))
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory measuring kernels");
    for (int k = 0; k < N_KERNELS && st == DG_OK; k++)
        measure_sizes(&kernels[k], &g, &peaks, out->rows);
    void *const all[] = {g.table, g.panel, g.square, g.x,   g.out,  g.score,
                         g.wide,  g.rows,  g.mark,   g.hit, g.index};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    if (st != DG_OK) dg_report_free(out);
    return st;
}

static const char *text_of(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static double number_of(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

enum { MOST_BARS = 96 };

typedef struct bars {
    dg_plot_bar bar[MOST_BARS];
    char label[MOST_BARS][64], note[MOST_BARS][64];
    int n;
} bars;

static int hue_of(const char *name)
{
    int hue = -1;
    for (int k = 0; k < N_KERNELS; k++) {
        hue += k == 0 || strcmp(kernels[k].name, kernels[k - 1].name) != 0;
        if (strcmp(kernels[k].name, name) == 0) break;
    }
    return hue;
}

/* Bars of all rows that have `share`, of the gathers or of the others. */
static void collect(const dg_report *r, const char *share, bool gathers, bars *out)
{
    size_t k;
    json_t *row;
    out->n = 0;
    json_array_foreach(r->rows, k, row)
    {
        const char *name = text_of(row, "kernel");
        if (out->n == MOST_BARS || json_object_get(row, share) == NULL ||
            (strncmp(name, "gather", 6) == 0) != gathers)
            continue;
        const double percent = 100 * number_of(row, share), table = number_of(row, "table_bytes");
        char *label = out->label[out->n], *note = out->note[out->n];
        if (gathers)
            snprintf(label, 64, "%.0f MB, rows of %.0f%s", table / 1e6, number_of(row, "factors"),
                     strcmp(name, "gather") == 0 ? "" : ", f16");
        else if (number_of(row, "entries") > 1 || table > 0)
            snprintf(label, 64, "%s %.0f × %.0f%s", name, number_of(row, "factors"),
                     number_of(row, "entries"), table > 1e8 ? ", 1M" : "");
        else
            snprintf(label, 64, "%s %.0f", name, number_of(row, "factors"));
        if (gathers)
            snprintf(note, 64, "%.1f GB/s", number_of(row, "bytes") / 1e9);
        else
            snprintf(note, 64, "%.0f %%, %.1f GFLOP/s", percent, number_of(row, "flops") / 1e9);
        out->bar[out->n++] =
            (dg_plot_bar){label, note, percent, 100 * number_of(row, "bar"), hue_of(name)};
    }
}

/* Rate of the Gram kernel over the entries of a row, one line for each number of factors. */
static void plot_grams(const dg_report *r, dg_plot_box box, dg_text *svg)
{
    enum { LINES = 4, POINTS = 4 };
    const double peak = number_of(json_object_get(r->facts, "peaks"), "sgemm_flops") / 1e9;
    const int *factors = kernels[0].d;
    double x[LINES][POINTS], y[LINES][POINTS];
    const double ends[] = {16, 600}, top[] = {peak, peak}, bar[] = {0.7 * peak, 0.7 * peak};
    char name[LINES][32];
    dg_plot_series s[LINES + 2] = {{"sgemm", ends, top, 2, true}, {"70 %", ends, bar, 2, true}};
    size_t k;
    json_t *row;
    for (int a = 0; a < LINES; a++) {
        dg_plot_series *line = &s[2 + a];
        snprintf(name[a], sizeof name[a], "%d factors", factors[a]);
        *line = (dg_plot_series){name[a], x[a], y[a], 0, false};
        json_array_foreach(r->rows, k, row)
        {
            if (strcmp(text_of(row, "kernel"), "gram") != 0 || line->n == POINTS ||
                (int)number_of(row, "factors") != factors[a])
                continue;
            x[a][line->n] = number_of(row, "entries");
            y[a][line->n++] = number_of(row, "flops") / 1e9;
        }
    }
    dg_plot_lines(svg, box, "Gram of a row", "entries of the row", "useful GFLOP/s", s, LINES + 2);
}

void dg_bench_kernels_plot(const dg_report *r, dg_text *svg)
{
    enum { TOP_OF_PANELS = 66, LEFT = 620, WIDTH = 1160 };
    char line[DG_PEAKS_LINE];
    bars *b = dg_alloc(2, sizeof *b);
    if (b == NULL) {
        svg->failed = true;
        return;
    }
    collect(r, "flops_share", false, &b[0]);
    collect(r, "bytes_share", true, &b[1]);
    const double gathers = dg_plot_bars_height(b[1].n), grams = 480;
    const double left = dg_plot_bars_height(b[0].n);
    const double right = gathers + grams;
    dg_plot_begin(svg, WIDTH, TOP_OF_PANELS + (left > right ? left : right) + 16,
                  "Kernels on one core", dg_bench_peaks_line(r, line));
    dg_plot_bars(svg, (dg_plot_box){8, TOP_OF_PANELS, LEFT, left}, "per cent of sgemm", 100,
                 b[0].bar, b[0].n);
    dg_plot_bars(svg, (dg_plot_box){LEFT, TOP_OF_PANELS, WIDTH - LEFT, gathers},
                 "gathering rows: per cent of stream", 100, b[1].bar, b[1].n);
    plot_grams(r, (dg_plot_box){LEFT + 60, TOP_OF_PANELS + gathers, WIDTH - LEFT - 80, grams}, svg);
    dg_plot_end(svg);
    dg_free(b);
}
