#include "dense/scores.h"

#include <stddef.h>
#include <string.h>

/* Rows of a by rows of b computed at a time: eight vectors of sums stay in registers, enough to
 * hide the time an addition takes. */
enum { TALL = 8, WIDE = 16 };
enum { DEPTH = 256 }; /* columns at a time, so that the turned part of b stays in the first cache */

typedef float lanes __attribute__((vector_size(WIDE * sizeof(float))));

#if defined(__x86_64__)
#define WIDEST_VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDEST_VECTORS
#endif

static int least(int a, int b) { return a < b ? a : b; }

/* Each lane is one row of b and adds its products in order; no lane meets another. */
WIDEST_VECTORS
static void add_products(int depth, const float *const *a, const lanes *turned, lanes *sum)
{
    lanes s[TALL];
    for (int i = 0; i < TALL; i++) s[i] = sum[i];
    for (int p = 0; p < depth; p++)
        for (int i = 0; i < TALL; i++) s[i] += a[i][p] * turned[p];
    for (int i = 0; i < TALL; i++) sum[i] = s[i];
}

/* Columns [0, depth) of n rows of b, transposed; lanes beyond n are zero. */
static void turn(int n, int k, int depth, const float *b, lanes *turned)
{
    float *to = (float *)turned;
    if (n < WIDE) memset(turned, 0, (size_t)depth * sizeof *turned);
    for (int j = 0; j < n; j++)
        for (int p = 0; p < depth; p++) to[p * WIDE + j] = b[(size_t)j * (size_t)k + (size_t)p];
}

/* n floats; whole vectors by a copy whose length the compiler knows. */
static void copy(float *to, const float *from, int n)
{
    if (n == WIDE)
        memcpy(to, from, sizeof(lanes));
    else
        memcpy(to, from, (size_t)n * sizeof *to);
}

/* Add columns [at, at + depth) of all rows of a times the n rows of b in `turned` to out. */
static void add_panel(int m, int n, int k, int at, int depth, const float *a, const lanes *turned,
                      float *out, size_t out_stride)
{
    for (int i = 0; i < m; i += TALL) {
        const int rows = least(TALL, m - i);
        const float *row[TALL];
        lanes sum[TALL];
        for (int u = 0; u < TALL; u++) { /* rows that are not there repeat the last */
            const size_t r = (size_t)(i + least(u, rows - 1));
            row[u] = a + r * (size_t)k + at;
            sum[u] = (lanes){0};
            copy((float *)&sum[u], out + r * out_stride, n);
        }
        add_products(depth, row, turned, sum);
        for (int u = 0; u < rows; u++)
            copy(out + (size_t)(i + u) * out_stride, (const float *)&sum[u], n);
    }
}

void dg_scores(int m, int n, int k, const float *a, const float *b, const float *start, float *out)
{
    lanes turned[DEPTH];
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) out[(size_t)i * (size_t)n + (size_t)j] = start[i];
    for (int j = 0; j < n; j += WIDE)
        for (int p = 0; p < k; p += DEPTH) {
            const int columns = least(WIDE, n - j), depth = least(DEPTH, k - p);
            turn(columns, k, depth, b + (size_t)j * (size_t)k + p, turned);
            add_panel(m, columns, k, p, depth, a, turned, out + j, (size_t)n);
        }
}

float dg_score_one(int k, const float *a, const float *b, float start)
{
    float sum = start;
    for (int p = 0; p < k; p++) sum += a[p] * b[p];
    return sum;
}
