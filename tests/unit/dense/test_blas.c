/* Each wrapper against the loops its one line of documentation spells out. */
#include "dense/blas.h"

#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

/* Rows and columns that leave whole and partial kernels behind on every core BLAS knows. */
static const int sizes[] = {1, 2, 7, 16, 33, 64, 100, 129};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static float *numbers(int n, uint64_t row)
{
    float *at = dg_alloc((size_t)n, sizeof *at);
    dg_rng r = dg_rng_at(17, DG_RNG_TEST, row);
    for (int i = 0; i < n; i++) at[i] = (float)dg_rng_normal(&r);
    return at;
}

/* |got - want| within what n additions in float may lose: n * 2^-24 of the sum of sizes. */
static bool near(double got, double want, double sum_of_sizes, int n)
{
    return fabs(got - want) <= (n + 2) * 6e-8 * sum_of_sizes;
}

typedef void (*gram_check)(int n, int k, const float *a, const float *b);

static void each_shape(gram_check check)
{
    for (int i = 0; i < N_SIZES; i++)
        for (int j = 0; j < N_SIZES; j++) {
            const int n = sizes[i], k = sizes[j];
            float *a = numbers(n * k, 1), *b = numbers(n * k, 2);
            check(n, k, a, b);
            dg_free(a);
            dg_free(b);
        }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

/* Element (i, j) of a^T b and the sum of its terms' sizes. */
static double product(int n, int k, const float *a, const float *b, int i, int j, double *size)
{
    double sum = 0;
    *size = 1; /* what the result held before */
    for (int r = 0; r < n; r++) {
        const double term = (double)a[r * k + i] * (double)b[r * k + j];
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static void check_syrk(int n, int k, const float *a, const float *b)
{
    double size;
    float *gram = dg_alloc((size_t)(k * k), sizeof *gram);
    (void)b;
    for (int i = 0; i < k * k; i++) gram[i] = 0.5f;
    dg_syrk_add(n, k, a, gram);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++) {
            const double want = 0.5 + product(n, k, a, a, i, j, &size);
            if (j > i)
                ck_assert(gram[i * k + j] == 0.5f); /* above the diagonal nothing is touched */
            else
                ck_assert(near((double)gram[i * k + j], want, size, n));
        }
    dg_free(gram);
}

START_TEST(syrk_adds_the_lower_triangle) { each_shape(check_syrk); }
END_TEST

static void check_syrk_double(int n, int k, const float *a, const float *b)
{
    double size;
    double *rows = dg_alloc((size_t)(n * k), sizeof *rows);
    double *gram = dg_alloc((size_t)(k * k), sizeof *gram);
    (void)b;
    for (int i = 0; i < n * k; i++) rows[i] = (double)a[i];
    for (int i = 0; i < k * k; i++) gram[i] = 0.5;
    dg_syrk_add_double(n, k, rows, gram);
    for (int i = 0; i < k; i++)
        for (int j = 0; j <= i; j++) {
            const double want = 0.5 + product(n, k, a, a, i, j, &size);
            ck_assert(fabs(gram[i * k + j] - want) <= 1e-13 * (n + 2) * size);
        }
    dg_free(rows);
    dg_free(gram);
}

START_TEST(syrk_in_double_adds_the_lower_triangle) { each_shape(check_syrk_double); }
END_TEST

static void check_gemm_tn(int n, int k, const float *a, const float *b)
{
    double size;
    float *gram = dg_alloc((size_t)(k * k), sizeof *gram);
    for (int i = 0; i < k * k; i++) gram[i] = 0.5f;
    dg_gemm_tn_add(n, k, a, b, gram);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++) {
            const double want = 0.5 + product(n, k, a, b, i, j, &size);
            ck_assert(near((double)gram[i * k + j], want, size, n));
        }
    dg_free(gram);
}

START_TEST(gemm_tn_adds_the_whole_square) { each_shape(check_gemm_tn); }
END_TEST

static void check_gemv(int n, int k, const float *a, const float *b)
{
    float *out = dg_alloc((size_t)n, sizeof *out);
    for (int r = 0; r < n; r++) out[r] = NAN; /* what it held before does not matter */
    dg_gemv(n, k, a, b, out);
    for (int r = 0; r < n; r++) {
        double want = 0, size = 0;
        for (int c = 0; c < k; c++) {
            want += (double)a[r * k + c] * (double)b[c];
            size += fabs((double)a[r * k + c] * (double)b[c]);
        }
        ck_assert(near((double)out[r], want, size, k));
    }
    dg_free(out);
}

START_TEST(gemv_is_a_dot_product_per_row) { each_shape(check_gemv); }
END_TEST

static void check_gemv_t(int n, int k, const float *a, const float *b)
{
    float *out = dg_alloc((size_t)k, sizeof *out);
    for (int c = 0; c < k; c++) out[c] = 0.5f;
    dg_gemv_t_add(n, k, a, b, out);
    for (int c = 0; c < k; c++) {
        double want = 0.5, size = 0.5;
        for (int r = 0; r < n; r++) {
            want += (double)a[r * k + c] * (double)b[r];
            size += fabs((double)a[r * k + c] * (double)b[r]);
        }
        ck_assert(near((double)out[c], want, size, n));
    }
    dg_free(out);
}

START_TEST(gemv_t_adds_weighted_rows) { each_shape(check_gemv_t); }
END_TEST

/* rows^T rows + I in a (k, k): positive definite, condition below 1 + 4 * 2k for normal rows. */
static float *definite(int k)
{
    float *rows = numbers(2 * k * k, 3), *a = dg_alloc((size_t)(k * k), sizeof *a);
    for (int i = 0; i < k; i++) a[i * k + i] = 1;
    dg_syrk_add(2 * k, k, rows, a);
    dg_free(rows);
    return a;
}

START_TEST(cholesky_solves_what_is_definite)
{
    for (int s = 0; s < N_SIZES; s++) {
        const int k = sizes[s];
        float *a = definite(k), *b = numbers(k, 4);
        float *factor = dg_alloc((size_t)(k * k), sizeof *a), *x = dg_alloc((size_t)k, sizeof *x);
        memcpy(factor, a, (size_t)(k * k) * sizeof *a);
        memcpy(x, b, (size_t)k * sizeof *x);
        for (int i = 0; i < k; i++)
            for (int j = i + 1; j < k; j++) factor[i * k + j] = NAN; /* never read */
        ck_assert(dg_cholesky_solve(k, k, factor, x));
        for (int i = 0; i < k; i++) {
            double left = 0, size = 0;
            for (int j = 0; j < k; j++) {
                const double term = (double)(j <= i ? a[i * k + j] : a[j * k + i]) * (double)x[j];
                left += term;
                size += fabs(term);
            }
            /* Backward error of Cholesky: Higham 2002, theorem 10.4, (3k + 1) roundings. */
            ck_assert(fabs(left - (double)b[i]) <=
                      (3 * k + 1) * 6e-8 * (size + fabs((double)b[i])));
        }
        dg_free(a);
        dg_free(b);
        dg_free(factor);
        dg_free(x);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* `bad` at element (i, j) of a good matrix. */
static bool solves_with(int k, int i, int j, float bad)
{
    float *a = definite(k), *b = numbers(k, 4);
    a[i * k + j] = bad;
    const bool solved = dg_cholesky_solve(k, k, a, b);
    dg_free(a);
    dg_free(b);
    return solved;
}

START_TEST(cholesky_refuses_what_is_not_definite)
{
    for (int s = 0; s < N_SIZES; s++) {
        const int k = sizes[s], last = k - 1;
        ck_assert(!solves_with(k, 0, 0, 0));
        ck_assert(!solves_with(k, last, last, -1));
        ck_assert(!solves_with(k, k / 2, k / 2, -1e-6f));
    }
}
END_TEST

START_TEST(cholesky_refuses_what_is_not_finite)
{
    for (int s = 0; s < N_SIZES; s++) {
        const int k = sizes[s], last = k - 1;
        const float bad[] = {NAN, INFINITY, -INFINITY};
        for (int f = 0; f < 3; f++) {
            ck_assert(!solves_with(k, 0, 0, bad[f]));
            ck_assert(!solves_with(k, last, last, bad[f]));
            ck_assert(!solves_with(k, last, 0, bad[f]));
            ck_assert(!solves_with(k, k / 2, k / 3, bad[f]));
        }
    }
}
END_TEST

START_TEST(the_core_has_a_name) { ck_assert(strlen(dg_blas_core()) > 2); }
END_TEST

UNIT_MAIN("blas", syrk_adds_the_lower_triangle, syrk_in_double_adds_the_lower_triangle,
          gemm_tn_adds_the_whole_square, gemv_is_a_dot_product_per_row, gemv_t_adds_weighted_rows,
          cholesky_solves_what_is_definite, cholesky_refuses_what_is_not_definite,
          cholesky_refuses_what_is_not_finite, the_core_has_a_name)
