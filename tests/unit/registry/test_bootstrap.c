#include "registry/bootstrap.h"

#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

enum { N = 200, COLS = 3, DRAWS = 400 };

static double mine[N][COLS], theirs[N][COLS];

static void fill(void)
{
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, 0);
    for (int u = 0; u < N; u++)
        for (int k = 0; k < COLS; k++) {
            mine[u][k] = dg_rng_uniform(&r);
            theirs[u][k] = mine[u][k] + 0.1 * dg_rng_normal(&r);
        }
}

START_TEST(a_draw_is_what_a_slow_reference_draws)
{
    static double a[DRAWS][COLS], b[DRAWS][COLS];
    fill();
    const dg_bootstrap boot = {N, COLS, &mine[0][0], &theirs[0][0], 42};
    dg_bootstrap_draw(&boot, 0, DRAWS, &a[0][0], &b[0][0]);
    for (int d = 0; d < DRAWS; d++) {
        /* The definition: n picks of the stream of (seed, bootstrap, draw), added in their order.
         */
        dg_rng r = dg_rng_at(42, DG_RNG_BOOTSTRAP, (uint64_t)d);
        double sum[2][COLS] = {{0}};
        for (int i = 0; i < N; i++) {
            const uint32_t u = dg_rng_below(&r, N);
            for (int k = 0; k < COLS; k++) {
                sum[0][k] += mine[u][k];
                sum[1][k] += theirs[u][k];
            }
        }
        ck_assert_int_eq(memcmp(sum[0], a[d], sizeof sum[0]), 0);
        ck_assert_int_eq(memcmp(sum[1], b[d], sizeof sum[1]), 0);
    }
}
END_TEST

START_TEST(shares_of_the_draws_are_the_same_draws)
{
    static double whole[DRAWS][COLS], part[DRAWS][COLS];
    fill();
    const dg_bootstrap boot = {N, COLS, &mine[0][0], NULL, 42};
    dg_bootstrap_draw(&boot, 0, DRAWS, &whole[0][0], NULL);
    for (int cut = 0; cut < DRAWS; cut += 131) {
        dg_bootstrap_draw(&boot, 0, cut, &part[0][0], NULL);
        dg_bootstrap_draw(&boot, cut, DRAWS, &part[cut][0], NULL);
        ck_assert_int_eq(memcmp(whole, part, sizeof whole), 0);
    }
}
END_TEST

START_TEST(the_spread_of_the_means_is_the_standard_error)
{
    /* Standard deviation of a mean of n: sd / sqrt(n), within a tenth at 400 draws. */
    static double a[DRAWS][COLS], b[DRAWS][COLS];
    fill();
    const dg_bootstrap boot = {N, COLS, &mine[0][0], &theirs[0][0], 1};
    dg_bootstrap_draw(&boot, 0, DRAWS, &a[0][0], &b[0][0]);
    double mean = 0, var = 0, spread = 0, centre = 0;
    for (int u = 0; u < N; u++) mean += (mine[u][0] - theirs[u][0]) / N;
    for (int u = 0; u < N; u++) var += pow(mine[u][0] - theirs[u][0] - mean, 2) / N;
    for (int d = 0; d < DRAWS; d++) centre += (a[d][0] - b[d][0]) / N / DRAWS;
    for (int d = 0; d < DRAWS; d++) spread += pow((a[d][0] - b[d][0]) / N - centre, 2) / DRAWS;
    ck_assert_double_eq_tol(sqrt(spread), sqrt(var / N), 0.1 * sqrt(var / N));
    ck_assert_double_eq_tol(centre, mean, 3 * sqrt(var / N / DRAWS));
}
END_TEST

UNIT_MAIN("bootstrap", a_draw_is_what_a_slow_reference_draws,
          shares_of_the_draws_are_the_same_draws, the_spread_of_the_means_is_the_standard_error)
