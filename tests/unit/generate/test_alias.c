#include "generate/alias.h"

#include "unit_main.h"

#include <math.h>

static dg_err err;

enum { DRAWS = 200000 };

/* The share of the unit square each value gets, worked out from the slots themselves. */
static void ck_assert_shares(const double *weight, uint32_t n)
{
    dg_alias a;
    double total = 0, share[64] = {0};
    ck_assert_int_eq(dg_alias_create(weight, n, &a, &err), DG_OK);
    for (uint32_t k = 0; k < n; k++) {
        const double keep = ((double)a.keep[k] + 1) * 0x1p-32;
        share[k] += keep / n;
        share[a.other[k]] += (1 - keep) / n;
        total += weight[k];
    }
    for (uint32_t k = 0; k < n; k++) ck_assert_double_eq_tol(share[k], weight[k] / total, 1e-8);
    dg_alias_free(&a);
    dg_alias_free(&a);
}

START_TEST(slots_hold_exactly_the_weights)
{
    double zipf[64], even[7];
    for (int k = 0; k < 64; k++) zipf[k] = pow(k + 1, -1.5);
    for (int k = 0; k < 7; k++) even[k] = 3;
    ck_assert_shares(zipf, 64);
    ck_assert_shares(even, 7);
    ck_assert_shares((double[]){1e-12, 1}, 2);
    ck_assert_shares((double[]){5}, 1);
}
END_TEST

START_TEST(draws_follow_the_weights)
{
    static const double weight[] = {1, 2, 3, 4};
    int count[4] = {0};
    dg_alias a;
    dg_rng r = dg_rng_at(1, DG_RNG_TEST, 0);
    ck_assert_int_eq(dg_alias_create(weight, 4, &a, &err), DG_OK);
    for (int k = 0; k < DRAWS; k++) count[dg_alias_draw(&a, &r)]++;
    for (int k = 0; k < 4; k++) { /* five standard deviations */
        const double p = weight[k] / 10;
        ck_assert_double_eq_tol(count[k], p * DRAWS, 5 * sqrt(DRAWS * p * (1 - p)));
    }
    dg_alias_free(&a);
}
END_TEST

UNIT_MAIN("alias", slots_hold_exactly_the_weights, draws_follow_the_weights)
