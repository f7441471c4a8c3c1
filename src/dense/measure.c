#include "dense/measure.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "dense/blas.h"
#include "dense/panel.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { PEAK_N = 1536, STREAM = 8 << 20, TABLE_ROWS = 1 << 17, REPEATS = 5 };

static float *filled(size_t n)
{
    dg_rng rng = dg_rng_at(1, DG_RNG_TEST, n);
    float *a = dg_alloc(n, sizeof *a);
    for (size_t k = 0; a != NULL && k < n; k++) a[k] = (float)dg_rng_uniform(&rng) + 0.5f;
    return a;
}

static double stream_seconds(const float *a, const float *b, float *c)
{
    const double started = dg_now();
    for (size_t k = 0; k < STREAM; k++) c[k] = a[k] + 3 * b[k];
    return dg_now() - started;
}

dg_status dg_measure_peaks(dg_peaks *out, dg_err *err)
{
    const size_t square = (size_t)PEAK_N * PEAK_N;
    float *a = filled(STREAM), *b = filled(STREAM), *c = filled(STREAM);
    dg_status st = DG_OK;
    *out = (dg_peaks){0};
    if (a == NULL || b == NULL || c == NULL || square > STREAM)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory measuring this machine");
    for (int k = 0; k < REPEATS && st == DG_OK; k++) {
        const double started = dg_now();
        dg_gemm_tn_add(PEAK_N, PEAK_N, a, b, c);
        const double flops = 2.0 * PEAK_N * (double)square / (dg_now() - started);
        const double bytes = 3.0 * sizeof(float) * STREAM / stream_seconds(a, b, c);
        if (flops > out->flops) out->flops = flops;
        if (bytes > out->bytes) out->bytes = bytes;
    }
    dg_free(a);
    dg_free(b);
    dg_free(c);
    return st;
}

typedef struct dg_bench {
    const dg_panel_kernels *k;
    int d, n;
    float *table; /* (TABLE_ROWS, d) */
    float *panel; /* (n, d) */
    float *gram, *x, *out;
    uint32_t next; /* where the next gather begins */
} dg_bench;

static void run_gram(dg_bench *b) { b->k->gram(b->n, b->d, b->panel, b->panel, b->gram); }

static void run_pass(dg_bench *b) { b->k->apply(b->n, b->d, b->panel, NULL, NULL, b->x, b->out); }

/* Rows from anywhere in the table, fetched ahead as row solves do. */
static void run_gather(dg_bench *b)
{
    enum { AHEAD = 8 };
    const size_t bytes = (size_t)b->d * sizeof(float);
    for (int k = 0; k < b->n; k++, b->next += 2654435761u) {
        const char *ahead =
            (const char *)(b->table +
                           ((b->next + AHEAD * 2654435761u) % TABLE_ROWS) * (size_t)b->d);
        for (size_t at = 0; at < bytes; at += DG_ALIGN) __builtin_prefetch(ahead + at);
        memcpy(b->panel + (size_t)k * (size_t)b->d,
               b->table + (b->next % TABLE_ROWS) * (size_t)b->d, bytes);
    }
    run_pass(b);
}

static void run_cholesky(dg_bench *b)
{
    const size_t d = (size_t)b->d;
    memset(b->gram, 0, d * d * sizeof(float));
    for (size_t i = 0; i < d; i++) b->gram[i * d + i] = 2;
    memcpy(b->out, b->x, d * sizeof(float));
    b->k->cholesky_solve(b->d, b->d, b->gram, b->out);
}

/* Seconds of one call: the best of a few runs of about 20 ms each. */
static double seconds_of(dg_bench *b, void (*run)(dg_bench *))
{
    double best = 1e9;
    long calls = 1;
    for (int k = 0; k < REPEATS;) {
        const double started = dg_now();
        for (long c = 0; c < calls; c++) run(b);
        const double spent = dg_now() - started;
        if (spent < 0.01) {
            calls *= 2;
            continue;
        }
        if (spent / (double)calls < best) best = spent / (double)calls;
        k++;
    }
    return best;
}

static void measure_size(dg_bench *b, dg_kernel_rate *out, int *n)
{
    const double d = b->d, rows = b->n;
    memset(b->gram, 0, (size_t)(d * d) * sizeof(float));
    out[(*n)++] =
        (dg_kernel_rate){"gram", b->d, b->n, rows * d * (d + 1) / seconds_of(b, run_gram), 0};
    out[(*n)++] = (dg_kernel_rate){"pass", b->d, b->n, 4 * rows * d / seconds_of(b, run_pass), 0};
    const double gather = seconds_of(b, run_gather);
    out[(*n)++] = (dg_kernel_rate){"gather + pass", b->d, b->n, 4 * rows * d / gather,
                                   rows * d * sizeof(float) / gather};
}

dg_status dg_measure_kernels(dg_kernel_rate out[DG_KERNEL_RATES], int *n, dg_err *err)
{
    static const int factors[] = {32, 64, 128, 256}, lengths[] = {144, 600};
    dg_bench b = {.k = dg_panel()};
    const size_t most = 256, longest = 600;
    *n = 0;
    b.table = filled((size_t)TABLE_ROWS * most);
    b.panel = filled(longest * most);
    b.gram = filled(most * most);
    b.x = filled(most);
    b.out = filled(most);
    const bool good = b.table && b.panel && b.gram && b.x && b.out;
    for (size_t f = 0; good && f < sizeof factors / sizeof *factors; f++) {
        b.d = factors[f];
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            b.n = lengths[l];
            measure_size(&b, out, n);
        }
        const double d = b.d;
        out[(*n)++] =
            (dg_kernel_rate){"cholesky", b.d, 0, d * d * d / 3 / seconds_of(&b, run_cholesky), 0};
    }
    float *const all[] = {b.table, b.panel, b.gram, b.x, b.out};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    return good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory measuring kernels");
}
