/* What one value weighs and pulls, law by law; expected numbers by hand from the formulas of
 * docs/algorithms/als.md with alpha = 2, alpha0 = 0.25, epsilon = 4 unless said otherwise. */
#include "als/law.h"

#include "unit_main.h"

#include <math.h>

static dg_als_law with(int loss, int confidence, int compat)
{
    return (dg_als_law){.loss = loss,
                        .confidence = confidence,
                        .compat = compat,
                        .alpha = 2,
                        .epsilon = 4,
                        .unobserved_weight = 0.25,
                        .reg_exponent = 1};
}

/* The four libraries, after settle: the unseen 1, linear confidence, hkv. */
static dg_als_law as(int compat)
{
    dg_als_law o = with(DG_ALS_HKV, DG_ALS_LINEAR, compat);
    o.unobserved_weight = 1;
    o.reg_exponent = compat == DG_ALS_SPARK || compat == DG_ALS_ONEDAL ? 1 : 0;
    return o;
}

#define ck_pair(o, value, weight_, pull_)                                                          \
    do {                                                                                           \
        const dg_als_law o_ = (o);                                                                 \
        const dg_als_pair p_ = dg_als_pair_of(&o_, value);                                         \
        ck_assert_msg(p_.weight == (float)(weight_) && p_.pull == (float)(pull_),                  \
                      "%s of %g: weight %g, pull %g", #o, (double)(value), (double)p_.weight,      \
                      (double)p_.pull);                                                            \
    } while (0)

START_TEST(ials_pulls_with_the_observed_part_alone)
{
    ck_pair(with(DG_ALS_IALS, DG_ALS_NONE, DG_ALS_OURS), 3, 1, 1);
    ck_pair(with(DG_ALS_IALS, DG_ALS_LINEAR, DG_ALS_OURS), 3, 6, 6);
    ck_pair(with(DG_ALS_IALS, DG_ALS_LOG, DG_ALS_OURS), 3, 2 * log(1.75), 2 * log(1.75));
}
END_TEST

START_TEST(hkv_pulls_with_the_whole_confidence)
{
    ck_pair(with(DG_ALS_HKV, DG_ALS_NONE, DG_ALS_OURS), 3, 1, 1.25);
    ck_pair(with(DG_ALS_HKV, DG_ALS_LINEAR, DG_ALS_OURS), 3, 6, 6.25);
    ck_pair(with(DG_ALS_HKV, DG_ALS_LOG, DG_ALS_OURS), 3, 2 * log(1.75), 0.25 + 2 * log(1.75));
}
END_TEST

START_TEST(libraries_weigh_as_they_publish)
{
    ck_pair(as(DG_ALS_IMPLICIT), 3, 5, 6);         /* alpha r - 1, alpha r */
    ck_pair(as(DG_ALS_IMPLICIT), 0.25, -0.5, 0.5); /* below 1 / alpha: less than an unseen pair */
    ck_pair(as(DG_ALS_SPARK), 3, 6, 7);            /* alpha |r|, 1 + alpha |r| */
    ck_pair(as(DG_ALS_ONEDAL), 3, 6, 7);           /* alpha r, 1 + alpha r */
    ck_pair(as(DG_ALS_COMPAT_HKV), 3, 6, 7);       /* alpha r, 1 + alpha r */
}
END_TEST

/* A.17: what a user dislikes weighs by its size and adds nothing to the right side. */
START_TEST(dislikes_pull_towards_zero)
{
    const int losses[] = {DG_ALS_IALS, DG_ALS_HKV};
    for (int l = 0; l < 2; l++) {
        ck_pair(with(losses[l], DG_ALS_NONE, DG_ALS_OURS), -3, 1, 0);
        ck_pair(with(losses[l], DG_ALS_LINEAR, DG_ALS_OURS), -3, 6, 0);
        ck_pair(with(losses[l], DG_ALS_LOG, DG_ALS_OURS), -3, 2 * log(1.75), 0);
        ck_pair(with(losses[l], DG_ALS_NONE, DG_ALS_OURS), 0, 1, 0);
        ck_pair(with(losses[l], DG_ALS_LINEAR, DG_ALS_OURS), 0, 0, 0);
    }
    ck_pair(as(DG_ALS_IMPLICIT), -3, 5, 0);
    ck_pair(as(DG_ALS_SPARK), -3, 6, 0);
    ck_pair(as(DG_ALS_ONEDAL), -3, -6, 0); /* it does not take the size */
    ck_pair(as(DG_ALS_COMPAT_HKV), -3, 6, 0);
    for (int c = DG_ALS_IMPLICIT; c <= DG_ALS_COMPAT_HKV; c++)
        ck_pair(as(c), 0, c == DG_ALS_IMPLICIT ? -1 : 0, 0);
}
END_TEST

START_TEST(only_values_above_zero_are_positive)
{
    ck_assert(dg_als_is_positive(1e-30f) && dg_als_is_positive(5));
    ck_assert(!dg_als_is_positive(0) && !dg_als_is_positive(-1) && !dg_als_is_positive(NAN));
}
END_TEST

START_TEST(lambda_grows_with_the_weight_of_the_row)
{
    dg_als_law o = with(DG_ALS_IALS, DG_ALS_NONE, DG_ALS_OURS);
    ck_assert_double_eq(dg_als_row_reg(&o, 0.5, 12, 400), 0.5 * (12 + 0.25 * 400));
    o.loss = DG_ALS_HKV;
    ck_assert_double_eq(dg_als_row_reg(&o, 0.5, 12, 400), 0.5 * (12 + 0.25 * 400));
    o.loss = DG_ALS_RATINGS;
    ck_assert_double_eq(dg_als_row_reg(&o, 0.5, 12, 400), 0.5 * 12);
    o.reg_exponent = 0;
    ck_assert_double_eq(dg_als_row_reg(&o, 0.5, 12, 400), 0.5);
    o.reg_exponent = 0.5;
    ck_assert_double_eq_tol(dg_als_row_reg(&o, 0.5, 16, 400), 0.5 * 4, 1e-15);
}
END_TEST

START_TEST(libraries_scale_lambda_as_they_publish)
{
    const double expected[] = {[DG_ALS_IMPLICIT] = 0.5,
                               [DG_ALS_SPARK] = 0.5 * 12,
                               [DG_ALS_ONEDAL] = 0.5 * 12,
                               [DG_ALS_COMPAT_HKV] = 0.5};
    for (int c = DG_ALS_IMPLICIT; c <= DG_ALS_COMPAT_HKV; c++) {
        const dg_als_law o = as(c);
        ck_assert_double_eq(dg_als_row_reg(&o, 0.5, 12, 400), expected[c]);
    }
}
END_TEST

UNIT_MAIN("als weights", ials_pulls_with_the_observed_part_alone,
          hkv_pulls_with_the_whole_confidence, libraries_weigh_as_they_publish,
          dislikes_pull_towards_zero, only_values_above_zero_are_positive,
          lambda_grows_with_the_weight_of_the_row, libraries_scale_lambda_as_they_publish)
