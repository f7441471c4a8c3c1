/* ref_ranking.h - ranking and its measures the slow way: sort everything, then follow each
 * definition on its own. */
#ifndef TESTS_REF_RANKING_H
#define TESTS_REF_RANKING_H
#include "ranking/metrics.h"

/** All items of score (n,) that are not in skip (n_skip,), score descending, then index; returns
 *  how many. out (n,). */
int ref_rank(const float *score, int n, const int32_t *skip, int64_t n_skip, dg_hit *out);

/** One metric of a list, from its definition. */
double ref_metric(dg_metric metric, int k, const dg_hit *list, int n_list, const int32_t *target,
                  int64_t n_target);

#endif
