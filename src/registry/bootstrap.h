/* bootstrap.h - how far two models differ by chance of which users were held out: paired resamples
 * of users.
 *
 * Source  Efron, Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentiles);
 *         paired over users as in Sakai 2006, "Evaluating evaluation metrics based on the
 *         bootstrap". */
#ifndef DG_REGISTRY_BOOTSTRAP_H
#define DG_REGISTRY_BOOTSTRAP_H
#include <stdint.h>

typedef struct dg_bootstrap {
    int64_t n;                   /* users, 0 < n < 2^32 */
    int n_cols;                  /* sums wanted of each user */
    const double *mine, *theirs; /* (n, n_cols) of the same users in the same order; theirs may be
                                    NULL */
    uint64_t seed;
} dg_bootstrap;

/**
 * Resamples [begin, end): n users drawn with replacement, the same for both models, added up in the
 * order drawn. Draw d is a pure function of seed and d, so ranks may share the work. LOCAL.
 *
 * @param[out] mine    (end - begin, n_cols)
 * @param[out] theirs  likewise; not touched where there is none
 * Cost    O(n n_cols) a resample.
 */
void dg_bootstrap_draw(const dg_bootstrap *b, int64_t begin, int64_t end, double *mine,
                       double *theirs);

#endif
