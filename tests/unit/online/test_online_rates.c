#include "online/rates.h"

#include "base/rng.h"
#include "unit_main.h"

#include <math.h>

/* Worked in Python from the formulas, z = 1.959963984540054; as scipy and statsmodels have them. */
START_TEST(wilson_intervals)
{
    double low, high;
    ck_assert_double_eq_tol(dg_normal_reach(0.95), 1.959963984540054, 1e-12);
    dg_wilson(10, 100, 0.95, &low, &high);
    ck_assert_double_eq_tol(low, 0.0552291370606751, 1e-12);
    ck_assert_double_eq_tol(high, 0.17436566150491345, 1e-12);
    dg_wilson(0, 20, 0.95, &low, &high);
    ck_assert(low == 0 && fabs(high - 0.16112515805281938) < 1e-12);
    dg_wilson(7, 7, 0.95, &low, &high);
    ck_assert(high == 1 && fabs(low - 0.6456695649333126) < 1e-12);
    dg_wilson(0, 0, 0.95, &low, &high);
    ck_assert(low == 0 && high == 1);
}
END_TEST

/* Variance 4e-6, effect .01, level .05, in Python. */
START_TEST(bounds_at_any_time_of_a_worked_example)
{
    ck_assert_double_eq_tol(dg_always_half(4e-6, 0.01, 0.05), 0.006203077793655225, 1e-15);
    ck_assert_double_eq_tol(dg_always_p(0.006, 4e-6, 0.01), 0.06734848923611897, 1e-14);
    ck_assert_double_eq(dg_always_p(0, 4e-6, 0.01), 1);
    /* p crosses the level where the interval leaves 0 */
    ck_assert_double_eq_tol(dg_always_p(dg_always_half(4e-6, 0.01, 0.05), 4e-6, 0.01), 0.05, 1e-12);
}
END_TEST

/* Coins alike on both sides, looked at 100 times: an interval of 5 % meant for one look leaves 0 in
 * far more than 5 % of the runs; the bound for any time in at most 5 % (here within chance of 400
 * runs). */
START_TEST(looking_often_does_no_harm)
{
    enum { RUNS = 400, LOOKS = 100, STEP = 100 };
    int naive = 0, always = 0;
    for (int run = 0; run < RUNS; run++) {
        dg_rng r = dg_rng_at(5, DG_RNG_TEST, (uint64_t)run);
        double sum[2] = {0}, n = 0;
        int left[2] = {0};
        for (int look = 0; look < LOOKS; look++) {
            for (int k = 0; k < STEP; k++)
                for (int a = 0; a < 2; a++) sum[a] += dg_rng_uniform(&r) < 0.2;
            n += STEP;
            const double p = (sum[0] + sum[1]) / (2 * n), variance = 2 * p * (1 - p) / n;
            const double difference = fabs(sum[1] - sum[0]) / n;
            left[0] |= difference > 1.96 * sqrt(variance);
            left[1] |= difference > dg_always_half(variance, 0.02, 0.05);
        }
        naive += left[0];
        always += left[1];
    }
    ck_assert_int_gt(naive, RUNS / 5);
    ck_assert_int_lt(always, RUNS / 12);
}
END_TEST

/* Delays of 0, 1, 2 steps with chances .5, .3, .2; of a click 1 to 4 steps are over, 1000 of each,
 * all convert. Seen are those with delay < age: 500 of age 1; 500, 300 of age 2; 500, 300, 200 of
 * ages 3 and 4; and of the step a click is in, a few. */
START_TEST(what_was_not_yet_seen_is_taken_out_of_delays)
{
    dg_delays d = {{0}, {0}, {0}};
    double f[DG_DELAYS];
    const int chance[] = {500, 300, 200};
    for (int age = 1; age <= 4; age++)
        for (int late = 0; late < 3 && late <= age; late++)
            for (int k = 0; k < (late < age ? chance[late] : 17); k++) dg_delays_add(&d, late, age);
    dg_delays_fit(&d, f);
    ck_assert_double_eq_tol(f[0], 0.5,
                            1e-12); /* as they were, though early ones are seen more often */
    ck_assert_double_eq_tol(f[1], 0.8, 1e-12);
    ck_assert_double_eq_tol(f[2], 1, 1e-12);
    ck_assert(f[DG_DELAYS - 1] == 1);
    d.clicks[0] = d.clicks[1] = 1000;
    d.clicks[DG_DELAYS] = 10;
    ck_assert_double_eq_tol(dg_delays_ripe(d.clicks, f), 1000 * 0.25 + 1000 * 0.65 + 10, 1e-9);
}
END_TEST

START_TEST(nothing_seen_is_no_delay)
{
    const dg_delays d = {{0}, {0}, {0}};
    double f[DG_DELAYS];
    dg_delays_fit(&d, f);
    for (int s = 0; s < DG_DELAYS; s++) ck_assert(f[s] == 1);
    ck_assert(!dg_delays_known(&d));
    dg_delays young = d;
    dg_delays_add(&young, 0, 0); /* of the step the click is in only a part was seen */
    ck_assert(!dg_delays_known(&young));
    dg_delays_add(&young, 0, 1);
    ck_assert(dg_delays_known(&young));
}
END_TEST

UNIT_MAIN("rates", wilson_intervals, bounds_at_any_time_of_a_worked_example,
          looking_often_does_no_harm, what_was_not_yet_seen_is_taken_out_of_delays,
          nothing_seen_is_no_delay)
