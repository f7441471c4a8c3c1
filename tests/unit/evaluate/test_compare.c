#include "evaluate/compare.h"

#include "base/memory.h"
#include "base/rng.h"
#include "registry/bootstrap.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 400 };

static dg_err err;
static const dg_compare_options options = {.resamples = 1000, .confidence = 0.95, .seed = 3};

/* Users u0, u1 … with columns named so; all values 0. */
static dg_user_table made(const char *columns)
{
    dg_user_table t = {.n = N};
    for (const char *c = columns; *c != '\0'; c++) t.n_cols += *c == ' ';
    t.columns = dg_strdup(columns);
    t.split = dg_strdup("one");
    t.offset = dg_alloc(N + 1, sizeof *t.offset);
    t.bytes = dg_alloc((size_t)N * 8, 1);
    t.hash = dg_alloc(N, sizeof *t.hash);
    t.value = dg_alloc((size_t)N * (size_t)t.n_cols, sizeof *t.value);
    for (int u = 0; u < N; u++) {
        const int n = sprintf(t.bytes + t.offset[u], "u%d", u);
        t.offset[u + 1] = t.offset[u] + n;
        t.hash[u] = dg_id_hash(t.bytes + t.offset[u], (size_t)n);
    }
    t.n_bytes = t.offset[N];
    return t;
}

/* Two models whose recall differs by `by` on average, and by much from user to user. The columns of
 * the second stand in another order; one user in ten is not ranked. */
static void make_pair(double by, dg_user_table *a, dg_user_table *b)
{
    dg_rng r = dg_rng_at(9, DG_RNG_TEST, 0);
    *a = made("ranked targets squares misses ndcg@5 recall@5 ");
    *b = made("ranked targets squares misses recall@5 hr@5 ");
    for (int u = 0; u < N; u++) {
        double *x = a->value + (size_t)u * 6, *y = b->value + (size_t)u * 6;
        x[0] = y[0] = u % 10 != 0;
        x[1] = y[1] = 1 + u % 3;
        if (x[0] == 0) continue;
        x[5] = dg_rng_uniform(&r);
        y[4] = x[5] + by + 0.2 * dg_rng_normal(&r);
    }
}

static void drop(dg_user_table *a, dg_user_table *b)
{
    dg_user_table_free(a);
    dg_user_table_free(b);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

START_TEST(a_difference_is_that_of_the_means_with_resampled_bounds)
{
    dg_user_table a, b;
    dg_difference *d;
    static double drawn[1000];
    double sum[2] = {0}, low, high;
    int n, better = 0;
    make_pair(0.05, &a, &b);
    ck_assert(dg_compare(&a, &b, &options, &d, &n, &err) == DG_OK);
    ck_assert_int_eq(n, 1); /* recall@5 is all they have in common; nobody rates */
    ck_assert_str_eq(d[0].name, "recall@5");
    for (int u = 0; u < N; u++) {
        sum[0] += a.value[u * 6 + 5];
        sum[1] += b.value[u * 6 + 4];
        better += b.value[u * 6 + 4] > a.value[u * 6 + 5];
    }
    ck_assert_double_eq_tol(d[0].a, sum[0] / 360, 1e-12);
    ck_assert_double_eq_tol(d[0].b, sum[1] / 360, 1e-12);
    ck_assert_int_eq(d[0].better, better);
    ck_assert_int_eq(d[0].worse, 360 - better);
    for (int k = 0; k < 1000; k++) { /* every resample by itself */
        double of[3] = {0};
        for (int u = 0; u < N; u++) {
            uint8_t w;
            dg_bootstrap_weights(3, a.hash[u], k, k + 1, &w);
            of[0] += w * a.value[u * 6];
            of[1] += w * a.value[u * 6 + 5];
            of[2] += w * b.value[u * 6 + 4];
        }
        drawn[k] = of[2] / of[0] - of[1] / of[0];
    }
    dg_bootstrap_interval(drawn, 1000, 0.95, &low, &high);
    ck_assert_double_eq_tol(d[0].low, low, 1e-12);
    ck_assert_double_eq_tol(d[0].high, high, 1e-12);
    dg_free(d);
    drop(&a, &b);
}
END_TEST

START_TEST(a_real_difference_is_told_from_chance)
{
    /* .05 against a standard error of .2 / sqrt(360) = .0105; .001 against the same. */
    dg_user_table a, b;
    dg_difference *d;
    int n;
    make_pair(0.05, &a, &b);
    ck_assert(dg_compare(&a, &b, &options, &d, &n, &err) == DG_OK);
    ck_assert(d[0].low > 0.01 && d[0].high < 0.09 && d[0].p < 0.01);
    dg_free(d);
    ck_assert(dg_compare(&b, &a, &options, &d, &n, &err) == DG_OK);
    ck_assert(d[0].high < 0 && d[0].p < 0.01); /* and the other way round */
    dg_free(d);
    drop(&a, &b);
    make_pair(0.001, &a, &b);
    ck_assert(dg_compare(&a, &b, &options, &d, &n, &err) == DG_OK);
    ck_assert(d[0].low < 0 && d[0].high > 0 && d[0].p > 0.05);
    dg_free(d);
    drop(&a, &b);
}
END_TEST

START_TEST(a_model_does_not_differ_from_itself)
{
    dg_user_table a, b;
    dg_difference *d;
    int n;
    make_pair(0.05, &a, &b);
    ck_assert(dg_compare(&a, &a, &options, &d, &n, &err) == DG_OK);
    ck_assert_int_eq(n, 2);
    for (int k = 0; k < n; k++)
        ck_assert(d[k].a == d[k].b && d[k].low == 0 && d[k].high == 0 && d[k].p == 1 &&
                  d[k].better == 0 && d[k].worse == 0);
    dg_free(d);
    drop(&a, &b);
}
END_TEST

START_TEST(ratings_are_compared_over_pairs)
{
    /* Errors of 2 and of 1 at every target: rmse 2 and 1, mae 2 and 1. */
    dg_user_table a = made("ranked targets squares misses "),
                  b = made("ranked targets squares misses ");
    dg_difference *d;
    int n;
    for (int u = 0; u < N; u++) {
        const double targets = 1 + u % 4;
        a.value[u * 4 + 1] = b.value[u * 4 + 1] = targets;
        a.value[u * 4 + 2] = 4 * targets;
        a.value[u * 4 + 3] = 2 * targets;
        b.value[u * 4 + 2] = b.value[u * 4 + 3] = targets;
    }
    ck_assert(dg_compare(&a, &b, &options, &d, &n, &err) == DG_OK);
    ck_assert(n == 2 && strcmp(d[0].name, "rmse") == 0 && strcmp(d[1].name, "mae") == 0);
    for (int k = 0; k < 2; k++) {
        ck_assert_double_eq_tol(d[k].a, 2, 1e-12);
        ck_assert_double_eq_tol(d[k].high, -1, 1e-12);
        ck_assert_int_eq(d[k].worse, N);
    }
    dg_free(d);
    drop(&a, &b);
}
END_TEST

START_TEST(what_cannot_be_compared_is_refused)
{
    dg_user_table a, b;
    dg_difference *d;
    int n;
    make_pair(0.05, &a, &b);
    b.split[0] = 'O';
    ck_assert(dg_compare(&a, &b, &options, &d, &n, &err) == DG_ERR_DATA);
    ck_assert_str_eq(err.text, "the two models were judged by other held-out ratings");
    b.split[0] = 'o';
    b.bytes[1] = 'x';
    ck_assert(dg_compare(&a, &b, &options, &d, &n, &err) == DG_ERR_DATA);
    b.bytes[1] = '0';
    memcpy(strstr(b.columns, "recall@5"), "recall@6", 8);
    ck_assert(dg_compare(&a, &b, &options, &d, &n, &err) == DG_ERR_DATA);
    ck_assert_str_eq(err.text, "the two models have no measure in common");
    ck_assert_ptr_null(d);
    drop(&a, &b);
}
END_TEST

UNIT_MAIN("compare", a_difference_is_that_of_the_means_with_resampled_bounds,
          a_real_difference_is_told_from_chance, a_model_does_not_differ_from_itself,
          ratings_are_compared_over_pairs, what_cannot_be_compared_is_refused)
