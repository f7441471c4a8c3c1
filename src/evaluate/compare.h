/* compare.h - two models judged by the same held-out ratings: is the difference more than chance of
 * which users were held out? */
#ifndef DG_EVALUATE_COMPARE_H
#define DG_EVALUATE_COMPARE_H
#include "evaluate/users.h"

typedef struct dg_difference {
    char name[48]; /* "ndcg@10", "rmse" */
    double a, b;   /* the measure of each model; b - a is the difference */
    double low, high;
    double p;              /* two-sided, see dg_compare; 1 where both are alike */
    int64_t better, worse; /* users of whom b has more, less */
} dg_difference;

typedef struct dg_compare_options {
    int64_t resamples; /* 1 … DG_BOOTSTRAP_MOST */
    double confidence; /* of the interval, as 0.95 */
    uint64_t seed;
} dg_compare_options;

/**
 * Every measure that both files have. LOCAL.
 *
 * Users are resampled, alike for both models; the interval holds the middle of the resampled
 * differences, and p is twice the smaller share of them on either side of 0, the sample itself
 * counted in: (1 + how many) / (1 + resamples). Measures are not corrected for being many.
 *
 * @param[out] out  (n,) dg_alloc'ed
 * Cost    resamples passes over users and measures; 32 bytes a measure and resample.
 * Errors  DG_ERR_DATA not the same users or held-out ratings, or no measure in common;
 * DG_ERR_NOMEM. Source  Sakai 2006 (registry/bootstrap.h); Davison, Hinkley 1997, section 4.2 (the
 * one in p).
 */
dg_status dg_compare(const dg_user_table *a, const dg_user_table *b, const dg_compare_options *o,
                     dg_difference **out, int *n, dg_err *err);

#endif
