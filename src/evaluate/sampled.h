/* sampled.h - measures against a handful of drawn items, for comparison with papers that have no
 * others. They flatter, and can rank models the wrong way round: full ranking goes on beside them,
 * and their names say what they are. Source  He and others 2017, "Neural collaborative filtering",
 * section 4.1 (the protocol); Krichene, Rendle 2020, "On sampled metrics for item recommendation"
 * (why not). */
#ifndef DG_EVALUATE_SAMPLED_H
#define DG_EVALUATE_SAMPLED_H
#include "base/rng.h"
#include "models/scorer.h"
#include "sparse/csr.h"

enum { DG_SAMPLED_MOST = 100000, DG_SAMPLED_METRICS = 3 }; /* ndcg, mrr, hr */

/**
 * Rank each target of a loaded user among n items drawn at random, none twice, that are neither
 * targets nor left out; the mean over targets. LOCAL.
 *
 * @param[in]  row   (n_items,) the user's scores, or NULL: asked for one by one
 * @param[in]  skip  (n_skip,) ascending
 * @param[in]  rng   of this user
 * @param[in]  drawn room (n,)
 * @param[out] out   (DG_SAMPLED_METRICS, n_k)
 * Cost    n + 1 look-ups a target, or single scores.
 * Errors  DG_ERR_CONFIG fewer than n items are left to draw from.
 */
dg_status dg_sampled_measure(const dg_scorer *s, int i, const float *row, dg_row target,
                             const int32_t *skip, int64_t n_skip, dg_rng *rng, int n,
                             int32_t *drawn, const int *k, int n_k, double *out, dg_err *err);

#endif
