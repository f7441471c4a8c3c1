#include "dense/measure.h"

#include "base/clock.h"
#include "base/memory.h"
#include "dense/blas.h"

#include <stdlib.h>

enum { MOST_RUNS = 32 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

dg_timing dg_measure_call(void (*run)(void *with), void *with, int runs, double least)
{
    double seconds[MOST_RUNS];
    long calls = 1;
    if (runs > MOST_RUNS) runs = MOST_RUNS;
    for (int k = 0; k < runs;) {
        const double started = dg_now();
        for (long c = 0; c < calls; c++) run(with);
        const double spent = dg_now() - started;
        if (spent < least) {
            calls *= 2;
            continue;
        }
        seconds[k++] = spent / (double)calls;
    }
    qsort(seconds, (size_t)runs, sizeof *seconds, ascending);
    return (dg_timing){seconds[0], seconds[runs / 2]};
}

typedef struct ground {
    int n;        /* sgemm of (n, n) */
    size_t count; /* floats of each array */
    float *a, *b, *c;
} ground;

static void run_sgemm(void *with)
{
    const ground *g = with;
    dg_gemm_tn_add(g->n, g->n, g->a, g->b, g->c);
}

static void run_stream(void *with)
{
    const ground *g = with;
    const float *a = g->a, *b = g->b;
    float *c = g->c;
    for (size_t k = 0; k < g->count; k++) c[k] = a[k] + 3 * b[k];
}

static float *filled(size_t n)
{
    float *a = dg_alloc(n, sizeof *a);
    for (size_t k = 0; a != NULL && k < n; k++) a[k] = 0.5f + (float)(k % 1021) / 1021;
    return a;
}

static dg_status measure(int n, int runs, dg_peaks *out, dg_err *err)
{
    const size_t stream = (size_t)8 << 20, square = (size_t)n * (size_t)n; /* 32 MB an array */
    ground g = {.n = n, .count = square > stream ? square : stream};
    dg_status st = DG_OK;
    g.a = filled(g.count);
    g.b = filled(g.count);
    g.c = filled(g.count);
    if (g.a == NULL || g.b == NULL || g.c == NULL) {
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory measuring this machine");
    } else {
        const dg_timing arithmetic = dg_measure_call(run_sgemm, &g, runs, 0.01);
        const dg_timing memory = dg_measure_call(run_stream, &g, runs, 0.01);
        const double flops = 2.0 * n * (double)square, bytes = 3.0 * (double)sizeof(float);
        *out = (dg_peaks){flops / arithmetic.best, flops / arithmetic.median,
                          bytes * (double)g.count / memory.best,
                          bytes * (double)g.count / memory.median};
    }
    dg_free(g.a);
    dg_free(g.b);
    dg_free(g.c);
    return st;
}

dg_status dg_measure_peaks(dg_peaks *out, dg_err *err) { return measure(3000, 5, out, err); }

dg_status dg_measure_peaks_roughly(dg_peaks *out, dg_err *err) { return measure(768, 3, out, err); }
