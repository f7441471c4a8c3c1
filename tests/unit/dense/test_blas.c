/* Each wrapper against the loops its one line of documentation spells out. */
#include "dense/blas.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Rows and columns that leave whole and partial kernels behind on every core BLAS knows. */
static const int sizes[] = {1, 2, 7, 16, 33, 64, 100, 129};
static dg_err err;

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
    double *rows = dg_alloc((size_t)(n * k), sizeof *rows);
    double *gram = dg_alloc((size_t)(k * k), sizeof *gram);
    (void)b;
    for (int i = 0; i < n * k; i++) rows[i] = (double)a[i];
    for (int i = 0; i < k * k; i++) gram[i] = 0.5;
    dg_syrk_add_double(n, k, rows, gram);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++) {
            const double want = 0.5 + product(n, k, a, a, i, j, &size);
            if (j > i)
                ck_assert(gram[i * k + j] == 0.5); /* above the diagonal nothing is touched */
            else
                ck_assert(fabs(gram[i * k + j] - want) <= 1e-16 * (n + 2) * size);
        }
    dg_free(rows);
    dg_free(gram);
}

START_TEST(syrk_adds_the_lower_triangle) { each_shape(check_syrk); }
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

/* rows^T rows + I in a (k, k): positive definite, condition below 1 + 4 * 2k for normal rows. */
static float *definite(int k)
{
    float *rows = numbers(2 * k * k, 3), *a = dg_alloc((size_t)(k * k), sizeof *a);
    for (int i = 0; i < k; i++) a[i * k + i] = 1;
    dg_gemm_tn_add(2 * k, k, rows, rows, a);
    dg_free(rows);
    return a;
}

START_TEST(cholesky_solves_what_is_definite)
{
    for (int s = 0; s < N_SIZES; s++) {
        const int k = sizes[s], stride = k + 3;
        float *a = definite(k), *b = numbers(k, 4), *x = numbers(k, 4);
        float *factor = dg_alloc((size_t)(k * stride), sizeof *a);
        for (int i = 0; i < k; i++)
            for (int j = 0; j < stride; j++) /* above the diagonal nothing is read */
                factor[i * stride + j] = j <= i ? a[i * k + j] : NAN;
        ck_assert(dg_cholesky_solve(k, stride, factor, x));
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

static double *symmetric(int k)
{
    double *a = dg_alloc((size_t)(k * k), sizeof *a);
    dg_rng r = dg_rng_at(17, DG_RNG_TEST, 5);
    for (int i = 0; i < k; i++)
        for (int j = 0; j <= i; j++) a[i * k + j] = a[j * k + i] = dg_rng_normal(&r);
    return a;
}

/* a v = value v, rows orthonormal, values ascending; only the lower triangle is read. */
START_TEST(eigenvectors_are_rows_that_the_matrix_stretches)
{
    for (int s = 0; s < N_SIZES; s++) {
        const int k = sizes[s];
        double *a = symmetric(k), *v = symmetric(k), *value = dg_alloc((size_t)k, sizeof *value);
        for (int i = 0; i < k; i++)
            for (int j = i + 1; j < k; j++) v[i * k + j] = 1e9;
        ck_assert(dg_eigen(k, v, value, &err) == DG_OK);
        for (int e = 0; e < k; e++) {
            ck_assert(e == 0 || value[e] >= value[e - 1]);
            for (int i = 0; i < k; i++) {
                double stretched = 0, dot = 0;
                for (int j = 0; j < k; j++) {
                    stretched += a[i * k + j] * v[e * k + j];
                    dot += v[i * k + j] * v[e * k + j];
                }
                ck_assert(fabs(stretched - value[e] * v[e * k + i]) < 1e-12 * k);
                ck_assert(fabs(dot - (i == e)) < 1e-13 * k);
            }
        }
        dg_free(a);
        dg_free(v);
        dg_free(value);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(eigenvectors_without_memory_are_out_of_memory)
{
    double *a = symmetric(16), value[16];
    for (int nth = 1; nth <= 2; nth++) {
        setenv("DAOGOU_FAULT", nth == 1 ? "alloc:0:1" : "alloc:0:2", 1);
        dg_fault_reload();
        ck_assert(dg_eigen(16, a, value, &err) == DG_ERR_NOMEM);
    }
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    dg_free(a);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

static void check_rotate(int n, int k, const float *a, const float *b)
{
    const int stride = k + 3; /* columns behind the first k stay out of it */
    float *rows = dg_alloc((size_t)(n * stride), sizeof *rows);
    float *q = dg_alloc((size_t)(k * k), sizeof *q), *out = dg_alloc((size_t)(n * k), sizeof *out);
    for (int r = 0; r < n; r++)
        for (int c = 0; c < stride; c++) rows[r * stride + c] = c < k ? a[r * k + c] : NAN;
    for (int x = 0; x < k * k; x++) q[x] = b[x % (n * k)];
    dg_rotate(n, k, rows, stride, q, out);
    for (int r = 0; r < n; r++)
        for (int c = 0; c < k; c++) {
            double want = 0, size = 0;
            for (int j = 0; j < k; j++) {
                want += (double)a[r * k + j] * (double)q[c * k + j];
                size += fabs((double)a[r * k + j] * (double)q[c * k + j]);
            }
            ck_assert(near((double)out[r * k + c], want, size, k));
        }
    dg_free(rows);
    dg_free(q);
    dg_free(out);
}

START_TEST(rotating_multiplies_by_the_rows_of_q) { each_shape(check_rotate); }
END_TEST

/* Columns [1, k) of the square against all of it, then the same as a rectangle's rows. */
static void check_columns(int n, int k, const float *a, const float *b)
{
    const int m = k > 1 ? k - 1 : 1, first = k - m, stride = m + 2;
    double *rows = dg_alloc((size_t)(n * k), sizeof *rows);
    double *sum = dg_alloc((size_t)(m * k), sizeof *sum);
    float *q = dg_alloc((size_t)(m * k), sizeof *q);
    float *out = dg_alloc((size_t)(n * stride), sizeof *out);
    for (int x = 0; x < n * k; x++) rows[x] = (double)a[x];
    for (int x = 0; x < m * k; x++) sum[x] = 1;
    for (int x = 0; x < m * k; x++) q[x] = b[x % (n * k)];
    dg_gram_columns_add_double(n, k, rows, first, m, sum);
    dg_multiply(n, k, m, a, k, q, out, stride);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < k; j++) {
            double want = 1;
            for (int r = 0; r < n; r++) want += rows[r * k + first + i] * rows[r * k + j];
            ck_assert(fabs(sum[i * k + j] - want) < 1e-12 * (1 + n));
        }
    for (int r = 0; r < n; r++)
        for (int c = 0; c < stride; c++) {
            double want = 0, size = 0;
            for (int j = 0; c < m && j < k; j++) {
                want += rows[r * k + j] * (double)q[c * k + j];
                size += fabs(rows[r * k + j] * (double)q[c * k + j]);
            }
            ck_assert(near((double)out[r * stride + c], want, size, k));
        }
    dg_free(rows);
    dg_free(sum);
    dg_free(q);
    dg_free(out);
}

START_TEST(products_of_some_columns_are_sums_over_rows) { each_shape(check_columns); }
END_TEST

START_TEST(the_core_has_a_name) { ck_assert(strlen(dg_blas_core()) > 2); }
END_TEST

/* Of addresses, beyond what the process has. */
static void leave(size_t megabytes)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%zu", &pages), 1);
    fclose(f);
    const rlim_t all = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (megabytes << 20);
    const struct rlimit limit = {all, RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

START_TEST(what_a_limit_does_not_leave_is_an_error_and_no_endless_wait)
{
#ifndef __SANITIZE_ADDRESS__ /* whose own addresses are beyond any such limit */
    leave(600);
    ck_assert_int_eq(dg_blas_reserve(9, &err), DG_ERR_NOMEM);
    ck_assert_int_eq(dg_blas_reserve(1, &err), DG_OK);
    leave(100);
    ck_assert_int_eq(dg_blas_reserve(1, &err), DG_ERR_NOMEM);
#endif
}
END_TEST

UNIT_MAIN("blas", syrk_adds_the_lower_triangle, gemm_tn_adds_the_whole_square,
          cholesky_solves_what_is_definite, cholesky_refuses_what_is_not_definite,
          cholesky_refuses_what_is_not_finite, eigenvectors_are_rows_that_the_matrix_stretches,
          eigenvectors_without_memory_are_out_of_memory, rotating_multiplies_by_the_rows_of_q,
          products_of_some_columns_are_sums_over_rows, the_core_has_a_name,
          what_a_limit_does_not_leave_is_an_error_and_no_endless_wait)
