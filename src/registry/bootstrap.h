/* bootstrap.h - how far a mean over users, or the difference of two models, moves by chance of
 * which users were held out: resamples of users.
 *
 * How often a user is in a resample is a number of its own, Poisson of mean 1, and a pure function
 * of seed, user and resample. So a user may be counted wherever it lies, in any order, and two
 * models judged on the same users are resampled alike without a word between them. Sums of a
 * resample are divided by its own weight, so that its size varies without harm.
 *
 * Source  Efron, Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentiles);
 *         Chamandy, Muralidharan, Najmi, Naidu 2012, "Estimating uncertainty for massive data
 *         streams" (Poisson weights); paired over users as in Sakai 2006, "Evaluating evaluation
 *         metrics based on the bootstrap". */
#ifndef DG_REGISTRY_BOOTSTRAP_H
#define DG_REGISTRY_BOOTSTRAP_H
#include <stdint.h>

enum { DG_BOOTSTRAP_MOST = 100000 }; /* resamples */

/** How often a user is in resamples [begin, end). LOCAL, a few ns each.
 *  @param[in]  user    dg_id_hash of its id
 *  @param[out] weight  (end - begin,) */
void dg_bootstrap_weights(uint64_t seed, uint64_t user, int64_t begin, int64_t end,
                          uint8_t *weight);

/** Count a user in n resamples: sum (n, n_cols) += weight (n,) * row (n_cols,). LOCAL. */
void dg_bootstrap_add(const uint8_t *weight, int64_t n, const double *row, int n_cols, double *sum);

/** The values between which the middle `confidence` of n drawn ones lie; drawn (n,) is sorted.
 * LOCAL, O(n log n). A value that is not a number makes both NAN. */
void dg_bootstrap_interval(double *drawn, int64_t n, double confidence, double *low, double *high);

#endif
