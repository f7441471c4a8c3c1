/* rates.h - statistics of rates: intervals, bounds that hold whenever one looks, delays. */
#ifndef DG_ONLINE_RATES_H
#define DG_ONLINE_RATES_H
#include <stdbool.h>
#include <stdint.h>

/** How many standard deviations the middle `confidence` of a normal variable reaches: 1.96 of .95.
 *  LOCAL. */
double dg_normal_reach(double confidence);

/** Interval of a share x / n. n 0: from 0 to 1. LOCAL.
 *  Source  Wilson 1927, "Probable inference, the law of succession, and statistical inference". */
void dg_wilson(int64_t x, int64_t n, double confidence, double *low, double *high);

/**
 * Half the width of an interval around a difference that holds at all times together, however often
 * one looks and whenever one stops. LOCAL.
 *
 * @param[in] variance  of the estimate, > 0
 * @param[in] effect    standard deviation of the differences that would be worth knowing: the bound
 *                      is tightest for such; any > 0 is valid
 * @param[in] level     1 - confidence
 * Source  Robbins 1970; Johari, Koomen, Pekelis, Walsh 2017, "Peeking at A/B tests", section 4 (the
 *         mixture test for normal data).
 */
double dg_always_half(double variance, double effect, double level);

/** The p that goes with it. LOCAL. */
double dg_always_p(double difference, double variance, double effect);

enum { DG_DELAYS = 64 }; /* steps of the attribution window */

typedef struct dg_delays {
    int64_t delay[DG_DELAYS];      /* conversions by how late they came */
    int64_t at_risk[DG_DELAYS];    /* conversions no later than this step, of clicks for which all
                                      of the step is over */
    int64_t clicks[DG_DELAYS + 1]; /* by age in whole steps; the last: of the window or older */
} dg_delays;

/** Count a conversion `late` whole steps after a click that is `age` whole steps old, late <= age.
 *  In the step a click is in, only the beginning could be seen: it tells nothing. LOCAL. */
void dg_delays_add(dg_delays *d, int late, int age);

/**
 * Share of conversions that come before the end of each step, of those that come within the window:
 * f[s], f[DG_DELAYS - 1] = 1. LOCAL.
 *
 * A conversion is seen only if it came before the log ends, so early ones are seen more often. The
 * product over later steps of 1 - delay / at_risk takes that out.
 * Source  Lynden-Bell 1971; Lagakos, Barraj, De Gruttola 1988, "Nonparametric analysis of truncated
 *         survival data" (reverse time).
 */
void dg_delays_fit(const dg_delays *d, double f[DG_DELAYS]);

/** Is anything to be learned of delays? Not from clicks that are all less than a step old. LOCAL.
 */
bool dg_delays_known(const dg_delays *d);

/** Clicks that would have converted by now if they ever will, as a share each: sum of F(age).
 *  LOCAL. */
double dg_delays_ripe(const int64_t clicks[DG_DELAYS + 1], const double f[DG_DELAYS]);

#endif
