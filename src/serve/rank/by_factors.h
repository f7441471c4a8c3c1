/* by_factors.h - ranking by a model of factors: what ranker.h promises of them. */
#ifndef DG_SERVE_RANK_BY_FACTORS_H
#define DG_SERVE_RANK_BY_FACTORS_H
#include "artifact/artifact.h"
#include "ranking/topk.h"
#include "serve/rank/allowed.h"

typedef struct dg_by_factors dg_by_factors;

/** What dg_ranker_create does for factors: the search copy and norms, made where the artifact has
 *  none. LOCAL. Errors DG_ERR_DATA an item factor is not finite; DG_ERR_NOMEM. */
dg_status dg_by_factors_create(const dg_artifact *a, dg_by_factors **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_by_factors_destroy(dg_by_factors **b);

/**
 * The k best goods of each of n tastes, best first. LOCAL, thread-safe.
 * @param[in]  taste    (n,) each (n_cols,)
 * @param[in]  allowed  (n,)
 * @param[in,out] best  (n,) selections just begun; finished afterwards
 * Errors  DG_ERR_NUMERIC a score is not finite; DG_ERR_NOMEM for more than one taste.
 */
dg_status dg_by_factors_top(const dg_by_factors *b, int n, const float *const *taste,
                            const dg_allowed *allowed, dg_topk *best, dg_err *err);

/** The same of one taste by a pass over all factors: what the search must equal. LOCAL. */
dg_status dg_by_factors_pass(const dg_by_factors *b, const float *taste, const dg_allowed *allowed,
                             dg_topk *best, dg_err *err);

/** Score of one good. LOCAL. */
float dg_by_factors_score(const dg_by_factors *b, const float *taste, int64_t item);

/** The goods closest to an item by cosine of the taste columns; none where it has no vector.
 *  LOCAL, thread-safe. Errors DG_ERR_NUMERIC. */
dg_status dg_by_factors_similar(const dg_by_factors *b, int32_t item, const dg_allowed *allowed,
                                dg_topk *best, dg_err *err);

/** The same by a pass over all factors: what the search must equal. LOCAL. */
dg_status dg_by_factors_near_pass(const dg_by_factors *b, int32_t item, const dg_allowed *allowed,
                                  dg_topk *best, dg_err *err);

/** The users closest to a user, by a pass over all users. LOCAL. Errors DG_ERR_NUMERIC. */
dg_status dg_by_factors_similar_users(const dg_artifact *a, int64_t user, dg_topk *best,
                                      dg_err *err);

#endif
