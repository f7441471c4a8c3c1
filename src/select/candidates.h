/* candidates.h - goods that may still come into a list: how they are ranked under boosts, and which
 * caps are full. Internal to select/. */
#ifndef DG_SELECT_CANDIDATES_H
#define DG_SELECT_CANDIDATES_H
#include "select/choose.h"

typedef struct dg_candidate {
    float score, plain; /* boosted, and as it was ranked */
    int32_t item;
} dg_candidate;

typedef struct dg_boost_group { /* goods of equal boosts */
    uint64_t *goods;            /* (words,) */
    double factor, term;
} dg_boost_group;

typedef struct dg_running_cap {
    int32_t attribute;     /* -1: goods */
    const uint64_t *goods; /* borrowed */
    int64_t n, used;       /* used: of goods */
    int32_t *count;        /* (values,) of an attribute */
} dg_running_cap;

enum { DG_RUNNING_CAPS = DG_CAPS_MAX + DG_RULES_MAX };

typedef struct dg_candidates {
    const dg_goods *goods;
    int64_t n_items;
    size_t words;
    uint64_t *left;              /* (words,) may still be listed */
    uint64_t *part;              /* (words,) scratch */
    int most;                    /* of head and near */
    dg_candidate *head, *merged; /* (most,) */
    double *near;                /* (most,) */
    dg_hit *hit;                 /* (most,) */
    dg_boost_group group[DG_RULE_GROUPS];
    int n_groups; /* 0: no boosts */
    dg_running_cap cap[DG_RUNNING_CAPS];
    int n_caps;
} dg_candidates;

/** Room for lists of k. LOCAL. Errors DG_ERR_NOMEM; close either way. */
dg_status dg_candidates_open(dg_candidates *c, const dg_goods *goods, int k, dg_err *err);

/** LOCAL. */
void dg_candidates_close(dg_candidates *c);

/** One more boost: the groups are cut along it. LOCAL. Errors DG_ERR_NOMEM; DG_ERR_CONFIG too many
 *  groups. */
dg_status dg_candidates_boost(dg_candidates *c, const uint64_t *goods, double factor, double term,
                              dg_err *err);

/** One more cap: by the values of an attribute, or with -1 of `goods`, which is
 *  borrowed; n > 0. LOCAL.
 *  Errors DG_ERR_NOMEM. */
dg_status dg_candidates_cap(dg_candidates *c, int32_t attribute, const uint64_t *goods, int64_t n,
                            dg_err *err);

/** The `want` best goods of a set under the boosts, exact, best first. LOCAL. Errors of the step.
 */
dg_status dg_candidates_best(dg_candidates *c, const dg_ladder_step *step, const uint64_t *goods,
                             int want, dg_candidate *out, int *n, dg_err *err);

/** Do the caps let this good in? LOCAL. */
bool dg_candidates_room(const dg_candidates *c, int32_t item);

/** It is in: where that makes a cap full, nothing the cap is about is left. LOCAL. */
void dg_candidates_count(dg_candidates *c, int32_t item);

#endif
