/* Normal equations kept up to date: what changes by one rank is what a fresh system would be. */
#include "base/memory.h"
#include "base/rng.h"
#include "dense/normal.h"
#include "ref_als.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

enum { D = 24, PAIRS = 200 };

static dg_err err;
static double shared[D * D], feature[PAIRS][D], weight[PAIRS], pull[PAIRS];

static void draw(uint64_t seed)
{
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, 0);
    double root[D][D];
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) root[i][j] = dg_rng_normal(&rng);
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) {
            shared[i * D + j] = 0;
            for (int k = 0; k < D; k++) shared[i * D + j] += 0.1 * root[k][i] * root[k][j];
        }
    for (int p = 0; p < PAIRS; p++) {
        for (int k = 0; k < D; k++) feature[p][k] = dg_rng_normal(&rng);
        weight[p] = 0.1 + (double)dg_rng_below(&rng, 100) / 10;
        pull[p] = p % 4 == 3 ? 0 : weight[p]; /* dislikes */
    }
}

/* Slow and obvious: the system of pairs [0, n), by Gaussian elimination. */
static void reference(int n, double lambda, const double *right, double *x)
{
    double a[D * D], b[D] = {0};
    memcpy(a, shared, sizeof a);
    for (int i = 0; i < D; i++) a[i * D + i] += lambda;
    for (int p = 0; p < n; p++)
        for (int i = 0; i < D; i++) {
            for (int j = 0; j < D; j++) a[i * D + j] += weight[p] * feature[p][i] * feature[p][j];
            b[i] += pull[p] * feature[p][i];
        }
    memcpy(x, right != NULL ? right : b, sizeof b);
    ck_assert(ref_solve(D, a, x));
}

static double difference(const double *x, const double *y)
{
    double most = 0, size = 0;
    for (int k = 0; k < D; k++) most = fmax(most, fabs(x[k] - y[k]));
    for (int k = 0; k < D; k++) size = fmax(size, fabs(y[k]));
    return most / size;
}

static dg_normal *start(double lambda)
{
    dg_normal *n;
    ck_assert_int_eq(dg_normal_create(D, shared, &n, &err), DG_OK);
    dg_normal_regularize(n, lambda);
    return n;
}

static void solve(dg_normal *n, double *x)
{
    ck_assert_msg(dg_normal_solve(n, x, &err) == DG_OK, "%s", err.text);
}

START_TEST(updates_equal_a_fresh_solve)
{
    double x[D], want[D];
    draw(1);
    dg_normal *n = start(0.5);
    solve(n, x);
    for (int k = 0; k < D; k++) ck_assert(x[k] == 0); /* nothing pulls */
    for (int p = 0; p < PAIRS; p++) {
        dg_normal_add(n, feature[p], weight[p], pull[p]);
        solve(n, x);
        reference(p + 1, 0.5, NULL, want);
        ck_assert_double_lt(difference(x, want), 1e-8);
    }
    dg_normal_destroy(&n);
    dg_normal_destroy(&n);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(what_was_added_can_be_taken_out)
{
    double before[D], after[D], x[D];
    draw(2);
    dg_normal *n = start(0.5);
    for (int p = 0; p < 50; p++) dg_normal_add(n, feature[p], weight[p], pull[p]);
    solve(n, before);
    for (int p = 50; p < PAIRS; p++) {
        dg_normal_add(n, feature[p], weight[p], pull[p]);
        solve(n, x);
        ck_assert_double_gt(difference(x, before), 1e-6);
        dg_normal_add(n, feature[p], -weight[p], -pull[p]);
        solve(n, after);
        ck_assert_double_lt(difference(after, before), 1e-8);
    }
    for (int p = 49; p >= 0; p--) dg_normal_add(n, feature[p], -weight[p], -pull[p]);
    dg_normal_add(n, feature[0], weight[0], pull[0]);
    solve(n, after);
    reference(1, 0.5, NULL, before);
    ck_assert_double_lt(difference(after, before), 1e-8);
    dg_normal_destroy(&n);
}
END_TEST

START_TEST(another_lambda_is_taken_up)
{
    double x[D], want[D];
    draw(3);
    dg_normal *n = start(0.5);
    for (int p = 0; p < 20; p++) {
        dg_normal_regularize(n, 0.1 * p);
        dg_normal_add(n, feature[p], weight[p], pull[p]);
        solve(n, x);
        reference(p + 1, 0.1 * p, NULL, want);
        ck_assert_double_lt(difference(x, want), 1e-9);
    }
    dg_normal_destroy(&n);
}
END_TEST

START_TEST(a_copy_goes_its_own_way)
{
    double x[D], want[D];
    dg_normal *copy;
    draw(4);
    dg_normal *n = start(1);
    for (int p = 0; p < 10; p++) dg_normal_add(n, feature[p], weight[p], pull[p]);
    solve(n, x);
    ck_assert_int_eq(dg_normal_copy(n, &copy, &err), DG_OK);
    dg_normal_add(copy, feature[10], weight[10], pull[10]);
    solve(copy, x);
    reference(11, 1, NULL, want);
    ck_assert_double_lt(difference(x, want), 1e-9);
    solve(n, x);
    reference(10, 1, NULL, want);
    ck_assert_double_lt(difference(x, want), 1e-9);
    dg_normal_destroy(&n);
    dg_normal_destroy(&copy);
}
END_TEST

START_TEST(solves_for_any_right_side)
{
    double z[D], want[D];
    draw(5);
    dg_normal *n = start(0.2);
    for (int p = 0; p < 30; p++) dg_normal_add(n, feature[p], weight[p], pull[p]);
    ck_assert_int_eq(dg_normal_solve_for(n, feature[40], z, &err), DG_OK);
    reference(30, 0.2, feature[40], want);
    ck_assert_double_lt(difference(z, want), 1e-9);
    dg_normal_destroy(&n);
}
END_TEST

START_TEST(a_system_without_solution_is_an_error_and_can_recover)
{
    double x[D], want[D];
    draw(6);
    memset(shared, 0, sizeof shared);
    dg_normal *n = start(0);
    dg_normal_add(n, feature[0], weight[0], pull[0]);
    ck_assert_int_eq(dg_normal_solve(n, x, &err), DG_ERR_NUMERIC);
    for (int p = 1; p < 60; p++) dg_normal_add(n, feature[p], weight[p], pull[p]);
    solve(n, x);
    reference(60, 0, NULL, want);
    ck_assert_double_lt(difference(x, want), 1e-8);
    dg_normal_add(n, (double[D]){NAN}, 1, 1);
    ck_assert_int_eq(dg_normal_solve(n, x, &err), DG_ERR_NUMERIC);
    dg_normal_destroy(&n);
}
END_TEST

UNIT_MAIN("normal", updates_equal_a_fresh_solve, what_was_added_can_be_taken_out,
          another_lambda_is_taken_up, a_copy_goes_its_own_way, solves_for_any_right_side,
          a_system_without_solution_is_an_error_and_can_recover)
