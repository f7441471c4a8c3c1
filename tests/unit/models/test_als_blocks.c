/* The algebra of block steps, in double: what iALS++ writes with scores is Newton's step of the
 * row's system. src/models is held against this reference in tests/mpi/models/test_als_ialspp.c. */
#include "ref_als.h"

#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

enum { USERS = 12, ITEMS = 9, D = 6, N_LAWS = REF_PAPER_HKV + 1 };

static double value[USERS * ITEMS], users[USERS * D], items[ITEMS * D], score[USERS * ITEMS];

static ref_als drawn(ref_law law, bool biases)
{
    dg_rng r = dg_rng_at(91, DG_RNG_TEST, law);
    for (int k = 0; k < USERS * ITEMS; k++) {
        const double size = 0.5 + dg_rng_uniform(&r) * 4;
        const uint32_t kind = dg_rng_below(&r, 6);
        value[k] = kind > 2 ? NAN : kind == 0 && law != REF_ONEDAL ? -size : size;
    }
    for (int k = 0; k < ITEMS; k++) value[3 * ITEMS + k] = NAN; /* user 3 has nothing */
    for (int k = 0; k < USERS * D; k++) users[k] = dg_rng_normal(&r) / 3;
    for (int k = 0; k < ITEMS * D; k++) items[k] = dg_rng_normal(&r) / 3;
    return (ref_als){.law = law,
                     .biases = biases,
                     .alpha0 = 0.3,
                     .alpha = 0.4,
                     .epsilon = 0.5,
                     .reg_user = 0.05,
                     .reg_item = 0.08,
                     .nu = 0.5,
                     .mean = law == REF_RATINGS ? 1.75 : 0,
                     .d = D,
                     .n_users = USERS,
                     .n_items = ITEMS,
                     .value = value,
                     .users = users,
                     .items = items};
}

/* 1e-10: roundings of 1e-16 in systems of condition up to 1e4 here. */
static void check_one_block_is_exact(ref_law law, bool biases)
{
    ref_als r = drawn(law, biases);
    ref_als_scores(&r, score);
    for (int side = 0; side < 2; side++)
        for (int64_t at = 0; at < (side == 0 ? USERS : ITEMS); at++) {
            double want[D];
            ck_assert(ref_als_row(&r, side == 0, at, want));
            ck_assert(ref_als_block(&r, side == 0, at, 0, D, score));
            const double *x = (side == 0 ? users : items) + at * D;
            for (int k = 0; k < D; k++) ck_assert_double_le(fabs(x[k] - want[k]), 1e-10);
        }
}

START_TEST(one_block_of_all_columns_is_the_exact_solution)
{
    check_one_block_is_exact((ref_law)_i, false);
    if (_i == REF_RATINGS) check_one_block_is_exact(REF_RATINGS, true);
}
END_TEST

static void check_steps(ref_law law, bool biases, int size)
{
    double anew[USERS * ITEMS];
    ref_als r = drawn(law, biases);
    ref_als_scores(&r, score);
    for (int begin = 0; begin < D; begin += size) {
        const int n = D - begin < size ? D - begin : size;
        for (int side = 0; side < 2; side++)
            for (int64_t at = 0; at < (side == 0 ? USERS : ITEMS); at++) {
                ck_assert(ref_als_block(&r, side == 0, at, begin, n, score));
                ck_assert_double_le(ref_als_residual(&r, side == 0, at, begin, n), 1e-10);
            }
        ref_als_scores(&r, anew);
        for (int k = 0; k < USERS * ITEMS; k++)
            ck_assert_double_le(fabs(score[k] - anew[k]), 1e-10);
    }
}

START_TEST(a_step_solves_its_columns_and_scores_follow)
{
    for (int size = 1; size <= D; size++) {
        check_steps((ref_law)_i, false, size);
        if (_i == REF_RATINGS) check_steps(REF_RATINGS, true, size);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("als blocks");
    tcase_add_loop_test(tc, one_block_of_all_columns_is_the_exact_solution, 0, N_LAWS);
    tcase_add_loop_test(tc, a_step_solves_its_columns_and_scores_follow, 0, N_LAWS);
    return unit_run("als blocks", tc);
}
