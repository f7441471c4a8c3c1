/* A score is start + the products in order, rounded at every step: the plain loop, to the bit. */
#include "dense/scores.h"

#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

/* Around the kernel's 8 rows, 16 lanes and 256 columns. */
static const int rows_a[] = {1, 2, 7, 8, 9, 16, 63, 64};
static const int rows_b[] = {1, 5, 15, 16, 17, 40, 64};
static const int columns[] = {1, 2, 16, 64, 100, 255, 256, 257, 513};

enum { MOST_A = 64, MOST_B = 64, MOST_COLUMNS = 513 };

enum {
    N_A = sizeof rows_a / sizeof *rows_a,
    N_B = sizeof rows_b / sizeof *rows_b,
    N_COLUMNS = sizeof columns / sizeof *columns
};

static float *numbers(int n, uint64_t row)
{
    float *at = dg_alloc((size_t)n, sizeof *at);
    dg_rng r = dg_rng_at(23, DG_RNG_TEST, row);
    for (int i = 0; i < n; i++) at[i] = (float)dg_rng_normal(&r);
    return at;
}

/* Every rounding of the definition is made visible. */
static float plain_loop(int k, const float *a, const float *b, float start)
{
    volatile float sum = start;
    for (int p = 0; p < k; p++) {
        volatile float product = a[p] * b[p];
        sum = sum + product;
    }
    return sum;
}

static void check_shape(int m, int n, int k, const float *a, const float *b, const float *start,
                        float *out)
{
    for (int x = 0; x < m * n; x++) out[x] = NAN;
    out[m * n] = 77;
    dg_scores(m, n, k, a, b, start, out);
    ck_assert(out[m * n] == 77); /* nothing is written behind the end */
    for (int u = 0; u < m; u++)
        for (int v = 0; v < n; v += 3)
            ck_assert(out[u * n + v] == plain_loop(k, a + u * k, b + v * k, start[u]));
}

START_TEST(every_shape_equals_the_plain_loop_to_the_bit)
{
    float *a = numbers(MOST_A * MOST_COLUMNS, 1), *b = numbers(MOST_B * MOST_COLUMNS, 2);
    float *start = numbers(MOST_A, 3), *out = dg_alloc(MOST_A * MOST_B + 1, sizeof *out);
    for (int i = 0; i < N_A * N_B * N_COLUMNS; i++)
        check_shape(rows_a[i % N_A], rows_b[i / N_A % N_B], columns[i / N_A / N_B], a, b, start,
                    out);
    dg_free(a);
    dg_free(b);
    dg_free(start);
    dg_free(out);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(one_score_equals_the_plain_loop_to_the_bit)
{
    float *a = numbers(MOST_COLUMNS, 1), *b = numbers(MOST_COLUMNS, 2);
    for (int k = 0; k <= MOST_COLUMNS; k++)
        ck_assert(dg_score_one(k, a, b, 3.5f) == plain_loop(k, a, b, 3.5f));
    dg_free(a);
    dg_free(b);
}
END_TEST

START_TEST(what_is_not_finite_stays_in_its_row_and_column)
{
    enum { M = 9, N = 17, K = 5 };
    float *a = numbers(M * K, 1), *b = numbers(N * K, 2), start[M] = {0}, out[M * N];
    a[4 * K + 1] = NAN;
    b[11 * K + 2] = INFINITY;
    dg_scores(M, N, K, a, b, start, out);
    for (int u = 0; u < M; u++)
        for (int v = 0; v < N; v++)
            ck_assert_int_eq(isfinite(out[u * N + v]) != 0, u != 4 && v != 11);
    dg_free(a);
    dg_free(b);
}
END_TEST

UNIT_MAIN("scores", every_shape_equals_the_plain_loop_to_the_bit,
          one_score_equals_the_plain_loop_to_the_bit,
          what_is_not_finite_stays_in_its_row_and_column)
