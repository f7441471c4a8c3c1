#include "cli/bench_serve.h"

#include "artifact/artifact.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/option.h"
#include "base/rng.h"
#include "bench/peaks.h"
#include "serve/rank/by_factors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TASTES = 512, TOGETHER = 64, MOST_K = 1000 };

static const dg_report_column columns[] = {
    {"goods", "goods", 0, 0, NULL},
    {"factors", "factors", 0, 0, NULL},
    {"case", "case", 0, 0, NULL},
    {"seconds", "median, us", 1e-6, 1, NULL},
    {"seconds_p99", "p99, us", 1e-6, 1, NULL},
    {"bytes_share", "all factors, of stream", 0.01, 0, "%"},
};

typedef struct ground {
    const dg_artifact *a;
    dg_by_factors *b;
    const float *taste[MOST_TASTES];
    float *room; /* where tastes are made that the file does not hold as floats */
    int n, k;
    uint64_t *bits; /* of goods allowed by a filter */
    dg_hit *hit;    /* (TOGETHER, k) */
    dg_hit *other;  /* (k,) */
    double seconds[MOST_TASTES];
} ground;

/* ---- goods ---- */

static void fill(float *at, int64_t n, uint64_t row)
{
    dg_rng rng = dg_rng_at(1, DG_RNG_TEST, row);
    for (int64_t k = 0; k < n; k++) at[k] = (float)dg_rng_normal(&rng);
}

static dg_status make_goods(int64_t n_items, int factors, dg_artifact *a, dg_err *err)
{
    float *item = dg_alloc((size_t)n_items * (size_t)factors, sizeof *item);
    float *user = dg_alloc((size_t)MOST_TASTES * (size_t)factors, sizeof *user);
    *a = (dg_artifact){.path = (char *)(uintptr_t) "generated goods",
                       .n_items = n_items,
                       .n_users = MOST_TASTES,
                       .n_cols = factors,
                       .similar_cols = factors,
                       .item_factor = {.n_cols = factors, .at = item},
                       .user_factor = {.n_cols = factors, .at = user}};
    if (item == NULL || user == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %" PRId64 " goods", n_items);
    fill(item, n_items * factors, 1);
    fill(user, (int64_t)MOST_TASTES * factors, 2);
    return DG_OK;
}

static void free_goods(dg_artifact *a)
{
    dg_free((void *)(uintptr_t)a->item_factor.at);
    dg_free((void *)(uintptr_t)a->user_factor.at);
}

/* ---- cases ---- */

/* How a list is made. */
typedef enum list_way { TASTE, TASTE_PASS, CLOSEST, CLOSEST_PASS } list_way;

/* Of the i-th taste, or of goods evenly over all. */
static dg_status list_of(ground *g, int i, const dg_allowed *allowed, dg_hit *hit, list_way way,
                         int *n, dg_err *err)
{
    const int32_t item = (int32_t)(i * g->a->n_items / MOST_TASTES);
    dg_topk best = dg_topk_start(hit, g->k);
    dg_status st = DG_OK;
    switch (way) {
    case TASTE: st = dg_by_factors_top(g->b, 1, g->taste + i, allowed, &best, err); break;
    case TASTE_PASS: st = dg_by_factors_pass(g->b, g->taste[i], allowed, &best, err); break;
    case CLOSEST: st = dg_by_factors_similar(g->b, item, allowed, &best, err); break;
    case CLOSEST_PASS: st = dg_by_factors_near_pass(g->b, item, allowed, &best, err); break;
    }
    if (st == DG_OK) *n = dg_topk_finish(&best);
    return st;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_row(ground *g, const char *name, int n, const dg_peaks *peaks, json_t *rows)
{
    qsort(g->seconds, (size_t)n, sizeof *g->seconds, by_size);
    const double median = g->seconds[n / 2];
    const double bytes = 4.0 * (double)g->a->n_items * g->a->n_cols;
    json_array_append_new(rows, json_pack("{s:I, s:i, s:s, s:f, s:f, s:f}", "goods",
                                          (json_int_t)g->a->n_items, "factors", g->a->n_cols,
                                          "case", name, "seconds", median, "seconds_p99",
                                          g->seconds[(n - 1) * 99 / 100], "bytes_share",
                                          bytes / median / peaks->bytes));
}

static dg_status single(ground *g, const char *name, const dg_allowed *allowed, list_way way,
                        int most, const dg_peaks *peaks, json_t *rows, dg_err *err)
{
    const int n = g->n < most ? g->n : most;
    dg_status st = DG_OK;
    for (int warm = 1; warm >= 0; warm--)
        for (int i = 0; i < n && st == DG_OK; i++) {
            int found;
            const double began = dg_now();
            st = list_of(g, i, allowed, g->hit, way, &found, err);
            g->seconds[i] = dg_now() - began;
        }
    if (st == DG_OK) add_row(g, name, n, peaks, rows);
    return st;
}

static dg_status together(ground *g, const dg_peaks *peaks, json_t *rows, dg_err *err)
{
    static const dg_allowed all[TOGETHER];
    const int batches = g->n / TOGETHER;
    dg_topk best[TOGETHER];
    for (int batch = 0; batch < batches; batch++) {
        const double began = dg_now();
        for (int i = 0; i < TOGETHER; i++)
            best[i] = dg_topk_start(g->hit + (int64_t)i * g->k, g->k);
        const dg_status st =
            dg_by_factors_top(g->b, TOGETHER, g->taste + batch * TOGETHER, all, best, err);
        if (st != DG_OK) return st;
        for (int i = 0; i < TOGETHER; i++) dg_topk_finish(best + i);
        g->seconds[batch] = (dg_now() - began) / TOGETHER;
    }
    if (batches > 0) add_row(g, "64 tastes at once, each", batches, peaks, rows);
    return DG_OK;
}

/* A rate of wrong lists is worth nothing. */
static dg_status compare(ground *g, list_way found, list_way passed, int most, dg_err *err)
{
    const dg_allowed all = {0};
    for (int i = 0; i < g->n && i < most; i++) {
        int n = 0, m = 0;
        dg_status st = list_of(g, i, &all, g->hit, found, &n, err);
        if (st == DG_OK) st = list_of(g, i, &all, g->other, passed, &m, err);
        if (st != DG_OK) return st;
        if (n != m || memcmp(g->hit, g->other, (size_t)n * sizeof *g->hit) != 0)
            return DG_FAIL(err, DG_ERR_INTERNAL, "%s: list %d is not that of a pass", g->a->path,
                           i);
    }
    return DG_OK;
}

static void allow(ground *g, uint32_t one_in)
{
    dg_rng rng = dg_rng_at(2, DG_RNG_TEST, one_in);
    memset(g->bits, 0, dg_allowed_words(g->a->n_items) * sizeof *g->bits);
    for (int64_t i = 0; i < g->a->n_items; i++)
        if (dg_rng_below(&rng, one_in) == 0) g->bits[i / 64] |= UINT64_C(1) << i % 64;
}

static dg_status measure(ground *g, bool quick, const dg_peaks *peaks, json_t *rows, dg_err *err)
{
    const dg_allowed all = {0}, some = {.bits = g->bits};
    const int most = quick ? 8 : g->a->n_items > 200000 ? 128 : MOST_TASTES;
    dg_status st = single(g, "one taste", &all, TASTE, most, peaks, rows, err);
    if (st == DG_OK) st = together(g, peaks, rows, err);
    allow(g, 10);
    if (st == DG_OK) st = single(g, "a tenth allowed", &some, TASTE, most, peaks, rows, err);
    allow(g, 200);
    if (st == DG_OK) st = single(g, "1 in 200 allowed", &some, TASTE, most, peaks, rows, err);
    if (st == DG_OK) st = single(g, "closest to a good", &all, CLOSEST, most, peaks, rows, err);
    if (st == DG_OK)
        st = single(g, "all factors read", &all, TASTE_PASS, most / 8, peaks, rows, err);
    if (st == DG_OK) st = compare(g, TASTE, TASTE_PASS, most / 8, err);
    return st == DG_OK ? compare(g, CLOSEST, CLOSEST_PASS, most / 8, err) : st;
}

/* Tastes evenly over the users who have one. */
static void pick_tastes(ground *g)
{
    const dg_artifact *a = g->a;
    for (int64_t u = 0; u < a->n_users && g->n < MOST_TASTES; u++) {
        if (u * MOST_TASTES / a->n_users < g->n) continue;
        float *room = g->room + (int64_t)g->n * a->n_cols;
        const float *row = dg_factors_row(&a->user_factor, u, room);
        for (int32_t c = 0; c < a->n_cols; c++)
            if (row[c] != 0) {
                g->taste[g->n++] = row;
                break;
            }
    }
}

static dg_status bench_goods(const dg_artifact *a, const dg_bench_serve_of *of,
                             const dg_peaks *peaks, json_t *rows, dg_err *err)
{
    ground *g = dg_alloc(1, sizeof *g);
    if (g == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory measuring lists");
    g->a = a;
    g->k = of->k;
    g->room = dg_alloc((size_t)MOST_TASTES * (size_t)a->n_cols, sizeof *g->room);
    g->bits = dg_alloc(dg_allowed_words(a->n_items), sizeof *g->bits);
    g->hit = dg_alloc((size_t)TOGETHER * (size_t)of->k, sizeof *g->hit);
    g->other = dg_alloc((size_t)of->k, sizeof *g->other);
    const bool good = g->room != NULL && g->bits != NULL && g->hit != NULL && g->other != NULL;
    dg_status st = good ? dg_by_factors_create(a, &g->b, err)
                        : DG_FAIL(err, DG_ERR_NOMEM, "out of memory measuring lists");
    if (st == DG_OK) {
        pick_tastes(g);
        st = g->n == 0 ? DG_FAIL(err, DG_ERR_DATA, "%s: no user has a taste", a->path)
                       : measure(g, of->quick, peaks, rows, err);
    }
    dg_by_factors_destroy(&g->b);
    dg_free(g->room);
    dg_free(g->bits);
    dg_free(g->hit);
    dg_free(g->other);
    dg_free(g);
    return st;
}

static dg_status bench_artifact(const dg_bench_serve_of *of, const dg_peaks *peaks, json_t *rows,
                                dg_err *err)
{
    dg_artifact *a = NULL;
    dg_status st = dg_artifact_open(of->artifact, &a, err);
    if (st == DG_OK && a->n_cols == 0)
        st = DG_FAIL(err, DG_ERR_CONFIG,
                     "%s: bench serve takes models of factors, %s is one of weights", of->artifact,
                     a->algorithm);
    if (st == DG_OK) st = bench_goods(a, of, peaks, rows, err);
    dg_artifact_close(&a);
    return st;
}

static dg_status bench_generated(const dg_bench_serve_of *of, const dg_peaks *peaks, json_t *rows,
                                 dg_err *err)
{
    for (const char *at = of->goods; at != NULL;) {
        const char *comma = strchr(at, ',');
        const size_t n = comma == NULL ? strlen(at) : (size_t)(comma - at);
        dg_artifact a;
        double size;
        if (!dg_parse_double(at, n, &size) || !(size >= 1 && size <= 1e8))
            return DG_FAIL(err, DG_ERR_USAGE,
                           "--goods: expected numbers of 1 to 1e8, found \"%.*s\"",
                           (int)(n > 40 ? 40 : n), at);
        dg_status st = make_goods((int64_t)size, of->factors, &a, err);
        if (st == DG_OK) st = bench_goods(&a, of, peaks, rows, err);
        free_goods(&a);
        if (st != DG_OK) return st;
        at = comma == NULL ? NULL : comma + 1;
    }
    return DG_OK;
}

dg_status dg_bench_serve(const dg_bench_serve_of *of, dg_report *out, dg_err *err)
{
    dg_peaks peaks = {0};
    dg_status st = dg_report_start("serve", columns, sizeof columns / sizeof *columns, out, err);
    if (st != DG_OK) return st;
    st = dg_bench_peaks(NULL, of->quick, out, &peaks, err);
    json_object_set_new(out->facts, "k", json_integer(of->k));
    json_object_set_new(out->facts, "source",
                        json_string(of->artifact == NULL ? "normal" : of->artifact));
    if (st == DG_OK && of->artifact != NULL)
        st = bench_artifact(of, &peaks, out->rows, err);
    else if (st == DG_OK)
        st = bench_generated(of, &peaks, out->rows, err);
    if (st != DG_OK) dg_report_free(out);
    return st;
}

void dg_bench_serve_text(const dg_report *r, dg_text *out)
{
    char line[DG_PEAKS_LINE];
    dg_text_add(out, "%s\n", dg_bench_peaks_line(r, line));
    dg_report_table(r, out);
}
