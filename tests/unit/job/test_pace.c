/* When a run saves its state. */
#include "unit_main.h"

#include "job/pace.h"

#include <math.h>

/* Share of time lost for checkpoints of c seconds every t seconds of work, failures coming with
 * mean time m and no time to restart: Daly (2006), equation 20. */
static double lost(double t, double c, double m) { return m / t * (exp((t + c) / m) - 1) - 1; }

START_TEST(the_interval_loses_the_least_time)
{
    static const double costs[][2] = {
        {0.1, 86400}, {5, 86400}, {60, 86400}, {60, 3600}, {600, 3600}};
    for (size_t k = 0; k < sizeof costs / sizeof *costs; k++) {
        const double c = costs[k][0], m = costs[k][1], t = dg_pace_interval(c, m);
        const double here = lost(t, c, m);
        double least = here;
        for (double f = 0.2; f < 5; f *= 1.02) least = fmin(least, lost(t * f, c, m));
        ck_assert_double_le(here - least, 0.002 * least);
    }
    /* sqrt(2 * 0.1 * 86400) = 131.45, Young's first term */
    ck_assert_double_eq_tol(dg_pace_interval(0.1, 86400), 131.4, 0.1);
    ck_assert_double_eq(dg_pace_interval(9999, 60), 60);
}
END_TEST

START_TEST(by_count_and_by_minutes_whichever_comes_first)
{
    dg_pace p = {.every = 3, .minutes = 2, .max_cost = 1};
    ck_assert(!dg_pace_due(&p, 2, 10) && dg_pace_due(&p, 3, 10));
    ck_assert(!dg_pace_due(&p, 1, 119) && dg_pace_due(&p, 1, 121));
    dg_pace_saved(&p, 3, 10, 11);
    ck_assert(!dg_pace_due(&p, 5, 20) && dg_pace_due(&p, 6, 20));
    p.every = 0;
    ck_assert(!dg_pace_due(&p, 9, 129) && dg_pace_due(&p, 9, 131));
    p.minutes = 0;
    ck_assert(!dg_pace_due(&p, 9999, 1e9));
}
END_TEST

/* Sweeps of a second, checkpoints of a tenth: a run of any length keeps below the share. */
START_TEST(those_by_count_stay_below_their_share_of_the_time)
{
    dg_pace p = {.every = 1, .max_cost = 0.02};
    double now = 0;
    for (int64_t sweep = 1; sweep <= 1000; sweep++) {
        now += 1;
        if (!dg_pace_due(&p, sweep, now)) continue;
        dg_pace_saved(&p, sweep, now, now + 0.1);
        now += 0.1;
    }
    ck_assert_int_ge(p.n_saved, 190);
    ck_assert_double_lt(p.save_seconds, 0.0201 * now);
}
END_TEST

START_TEST(an_automatic_interval_is_measured_once_and_then_kept)
{
    dg_pace p = {.automatic = true, .mtbf = 86400, .every = 1, .max_cost = 1, .minutes = 0.001};
    ck_assert(dg_pace_due(&p, 1, 1));
    dg_pace_saved(&p, 1, 1, 1.1);
    ck_assert(!dg_pace_due(&p, 100, 1 + 131) && dg_pace_due(&p, 100, 1 + 132));
}
END_TEST

UNIT_MAIN("pace", the_interval_loses_the_least_time, by_count_and_by_minutes_whichever_comes_first,
          those_by_count_stay_below_their_share_of_the_time,
          an_automatic_interval_is_measured_once_and_then_kept)
