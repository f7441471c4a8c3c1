#include "registry/bootstrap.h"

#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

enum { N = 300, COLS = 2, DRAWS = 1000 };

START_TEST(a_weight_is_a_poisson_number_of_its_user_and_draw)
{
    /* The definition: word d of the stream of (seed, bootstrap, user) as a share of 2^32; the
     * weight is how many values of the distribution function of Poisson(1) are not above it. */
    for (uint64_t user = 0; user < 50; user++) {
        uint8_t weight[DRAWS];
        dg_rng r = dg_rng_at(42, DG_RNG_BOOTSTRAP, user * 77);
        dg_bootstrap_weights(42, user * 77, 0, DRAWS, weight);
        for (int d = 0; d < DRAWS; d++) {
            const double u = (double)dg_rng_u32(&r) / 0x1p32;
            double sum = exp(-1), term = exp(-1);
            int k = 0;
            while (u >= sum && k < 20) sum += term /= ++k;
            if (fabs(u - sum) > 1e-9) ck_assert_int_eq(weight[d], k);
        }
    }
}
END_TEST

START_TEST(weights_of_any_stretch_are_those_of_the_whole)
{
    uint8_t whole[DRAWS], part[DRAWS];
    dg_bootstrap_weights(7, 123, 0, DRAWS, whole);
    for (int64_t begin = 0; begin < 20; begin++)
        for (int64_t end = begin; end < 40; end += 7) {
            dg_bootstrap_weights(7, 123, begin, end, part);
            ck_assert_int_eq(memcmp(part, whole + begin, (size_t)(end - begin)), 0);
        }
}
END_TEST

START_TEST(weights_have_mean_and_variance_one)
{
    double sum = 0, squares = 0;
    for (uint64_t user = 0; user < N; user++) {
        uint8_t weight[DRAWS];
        dg_bootstrap_weights(1, user, 0, DRAWS, weight);
        for (int d = 0; d < DRAWS; d++) {
            sum += weight[d];
            squares += weight[d] * weight[d];
        }
    }
    const double n = (double)N * DRAWS; /* standard errors .0018 and .003 */
    ck_assert_double_eq_tol(sum / n, 1, 0.01);
    ck_assert_double_eq_tol(squares / n, 2, 0.03);
}
END_TEST

START_TEST(the_interval_has_the_width_of_the_standard_error)
{
    /* Values uniform in [0, 1): the mean of N has standard error sqrt(1 / 12 / N); the middle 95 %
     * of its resamples are 3.92 of those wide, within 15 % at 1000 draws. */
    static double sum[DRAWS][COLS], mean[DRAWS];
    double low, high, all = 0;
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, 0);
    for (uint64_t user = 0; user < N; user++) {
        uint8_t weight[DRAWS];
        const double row[COLS] = {1, dg_rng_uniform(&r)};
        dg_bootstrap_weights(5, user, 0, DRAWS, weight);
        dg_bootstrap_add(weight, DRAWS, row, COLS, &sum[0][0]);
        all += row[1] / N;
    }
    for (int d = 0; d < DRAWS; d++) mean[d] = sum[d][1] / sum[d][0];
    dg_bootstrap_interval(mean, DRAWS, 0.95, &low, &high);
    const double error = sqrt(1.0 / 12 / N);
    ck_assert_double_eq_tol(high - low, 3.92 * error, 0.15 * 3.92 * error);
    ck_assert(low < all && all < high);
}
END_TEST

START_TEST(an_interval_leaves_out_as_many_on_both_sides)
{
    double x[] = {9, 3, 7, 1, 5, 2, 8, 4, 6, 10}, low, high;
    dg_bootstrap_interval(x, 10, 0.8, &low, &high);
    ck_assert(low == 2 && high == 9);
    x[3] = NAN;
    dg_bootstrap_interval(x, 10, 0.8, &low, &high);
    ck_assert(isnan(low) && isnan(high));
    dg_bootstrap_interval(x, 0, 0.8, &low, &high);
    ck_assert(isnan(low) && isnan(high));
}
END_TEST

UNIT_MAIN("bootstrap", a_weight_is_a_poisson_number_of_its_user_and_draw,
          weights_of_any_stretch_are_those_of_the_whole, weights_have_mean_and_variance_one,
          the_interval_has_the_width_of_the_standard_error,
          an_interval_leaves_out_as_many_on_both_sides)
