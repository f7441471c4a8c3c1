/* The Cholesky kernels of every instruction set this machine has, against sums in double. */
#include "base/memory.h"
#include "base/rng.h"
#include "dense/panel.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

enum { MOST = 272 }; /* seventeen of the widest blocks */

typedef struct dg_system {
    int k, width, stride;
    float *matrix; /* (k, stride) lower triangle; what must not be read is not a number */
    float *right;  /* (width,) likewise behind k */
} dg_system;

/* X' X of rows (3 k, k), columns scaled from 1 down to `least`, and 0.1 on the diagonal times the
 * least scale squared: least = 1 is well conditioned, 0.001 is not. */
static dg_system make(int k, int stride, double least, uint64_t row)
{
    dg_system s = {.k = k, .width = dg_panel_width(k), .stride = stride};
    dg_rng rng = dg_rng_at(31, DG_RNG_TEST, row);
    double *x = dg_alloc((size_t)(3 * k * k), sizeof *x);
    for (int i = 0; i < 3 * k * k; i++)
        x[i] = dg_rng_normal(&rng) * pow(least, (double)(i % k) / (double)k);
    s.matrix = dg_alloc((size_t)k * (size_t)stride, sizeof *s.matrix);
    s.right = dg_alloc((size_t)s.width, sizeof *s.right);
    for (int i = 0; i < k * stride; i++) s.matrix[i] = NAN;
    for (int i = 0; i < s.width; i++) s.right[i] = i < k ? (float)dg_rng_normal(&rng) : NAN;
    for (int i = 0; i < k; i++)
        for (int j = 0; j <= i; j++) {
            double sum = i == j ? 0.1 * least * least : 0;
            for (int e = 0; e < 3 * k; e++) sum += x[e * k + i] * x[e * k + j];
            s.matrix[i * stride + j] = (float)sum;
        }
    dg_free(x);
    return s;
}

static void drop(dg_system *s)
{
    dg_free(s->matrix);
    dg_free(s->right);
}

/* Solve a copy: true if the kernel says it could; x (width,) is what it left. */
static bool solve(const dg_panel_kernels *v, const dg_system *s, float *x)
{
    const size_t n = (size_t)s->k * (size_t)s->stride;
    float *a = dg_alloc(n, sizeof *a), *b = dg_alloc((size_t)s->width, sizeof *b);
    memcpy(a, s->matrix, n * sizeof *a);
    memcpy(b, s->right, (size_t)s->width * sizeof *b);
    const bool good = v->cholesky_solve(s->k, s->stride, a, b);
    memcpy(x, b, (size_t)s->width * sizeof *x);
    dg_free(a);
    dg_free(b);
    return good;
}

/* The solution's residual in roundings (2^-24) of what its computation handles: |A| |x| + |b| in
 * norms. Golub and Van Loan 4.2.7 bound it by about k; in practice it grows slower. */
static double residual(const dg_system *s, const float *x)
{
    double worst = 0, most_a = 0, most_x = 0, most_b = 0;
    for (int i = 0; i < s->k; i++) {
        double sum = -(double)s->right[i], row = 0;
        for (int j = 0; j < s->k; j++) {
            const double a = j <= i ? s->matrix[i * s->stride + j] : s->matrix[j * s->stride + i];
            sum += a * x[j];
            row += fabs(a);
        }
        worst = fmax(worst, fabs(sum));
        most_a = fmax(most_a, row);
        most_x = fmax(most_x, fabs((double)x[i]));
        most_b = fmax(most_b, fabs((double)s->right[i]));
    }
    return worst / (most_a * most_x + most_b) * 0x1p24;
}

static void check(int k, int stride, double least)
{
    float x[MOST];
    dg_system s = make(k, stride, least, (uint64_t)k);
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++) {
        ck_assert_msg(solve(*v, &s, x), "%s: %d: refused", (*v)->name, k);
        const double r = residual(&s, x);
        ck_assert_msg(r <= k + 4, "%s: %d: a residual of %g roundings", (*v)->name, k, r);
        for (int i = k; i < s.width; i++) ck_assert(x[i] == 0);
    }
    drop(&s);
}

START_TEST(every_size_solves_to_rounding)
{
    for (int k = 1; k <= 70; k++) check(k, dg_panel_width(k), 1);
    for (int k = 71; k <= MOST; k += 11) check(k, dg_panel_width(k), 1);
}
END_TEST

START_TEST(badly_conditioned_systems_have_small_residuals_too)
{
    for (int k = 1; k <= 130; k += 3) check(k, dg_panel_width(k), 0.001);
}
END_TEST

START_TEST(rows_may_be_longer_than_the_matrix)
{
    check(5, 48, 1);
    check(32, 64, 1);
    check(50, 128, 1);
}
END_TEST

START_TEST(one_by_one_is_a_division)
{
    dg_system s = make(1, 16, 1, 1);
    float x[16];
    s.matrix[0] = 4;
    s.right[0] = 3;
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++)
        ck_assert(solve(*v, &s, x) && x[0] == 0.75f);
    drop(&s);
}
END_TEST

START_TEST(the_same_system_has_the_same_bits)
{
    float x[MOST], again[MOST];
    dg_system s = make(100, 112, 0.1, 5);
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++) {
        ck_assert(solve(*v, &s, x) && solve(*v, &s, again));
        ck_assert(memcmp(x, again, 100 * sizeof *x) == 0);
    }
    drop(&s);
}
END_TEST

/* Put `value` on or below the diagonal, anywhere, one place after another. */
static void refuses(int k, float value, bool diagonal_only)
{
    float x[MOST];
    dg_system s = make(k, dg_panel_width(k), 1, 9);
    for (int i = 0; i < k; i++)
        for (int j = diagonal_only ? i : 0; j <= i; j += 1 + i / 7) {
            float *at = s.matrix + i * s.stride + j;
            const float before = *at;
            *at = value;
            for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++)
                ck_assert_msg(!solve(*v, &s, x), "%s: %d: %g at %d, %d", (*v)->name, k,
                              (double)value, i, j);
            *at = before;
        }
    drop(&s);
}

START_TEST(what_is_not_definite_is_refused)
{
    const int sizes[] = {1, 2, 8, 16, 17, 40};
    for (size_t q = 0; q < sizeof sizes / sizeof *sizes; q++) {
        refuses(sizes[q], -1, true);
        refuses(sizes[q], 0, true);
    }
}
END_TEST

START_TEST(what_is_not_finite_is_refused_wherever_it_is)
{
    const int sizes[] = {1, 2, 8, 16, 17, 40};
    for (size_t q = 0; q < sizeof sizes / sizeof *sizes; q++) {
        refuses(sizes[q], NAN, false);
        refuses(sizes[q], INFINITY, false);
        refuses(sizes[q], -INFINITY, false);
    }
}
END_TEST

START_TEST(a_right_side_that_is_not_finite_stays_so)
{
    float x[MOST];
    dg_system s = make(40, 48, 1, 12);
    for (int i = 0; i < s.k; i++) {
        const float before = s.right[i];
        s.right[i] = i % 2 ? NAN : INFINITY;
        for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++) {
            int bad = 0;
            solve(*v, &s, x);
            for (int j = 0; j < s.k; j++) bad += !isfinite(x[j]);
            ck_assert(bad > 0 && !isfinite(x[i]));
        }
        s.right[i] = before;
    }
    drop(&s);
}
END_TEST

UNIT_MAIN("cholesky", every_size_solves_to_rounding,
          badly_conditioned_systems_have_small_residuals_too, rows_may_be_longer_than_the_matrix,
          one_by_one_is_a_division, the_same_system_has_the_same_bits,
          what_is_not_definite_is_refused, what_is_not_finite_is_refused_wherever_it_is,
          a_right_side_that_is_not_finite_stays_so)
