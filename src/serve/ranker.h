/* ranker.h - exact top-k over all goods of an artifact, and the goods to show when a model has
 * nothing to say about somebody. */
#ifndef DG_SERVE_RANKER_H
#define DG_SERVE_RANKER_H
#include "artifact/artifact.h"
#include "ranking/topk.h"

typedef struct dg_ranker dg_ranker;

typedef enum dg_list_source {
    DG_SOURCE_USER,   /* the model's scores for this user */
    DG_SOURCE_ITEM,   /* closeness to this item */
    DG_SOURCE_POPULAR /* the most chosen goods; dg_list.reason says why */
} dg_list_source;

/* A ranked list. The caller gives hit (room for k) and may keep the struct on its stack. */
typedef struct dg_list {
    dg_hit *hit; /* (n,) best first; for popular goods score is 0, see artifact popularity */
    int n;       /* fewer than k only when no more goods qualify */
    dg_list_source source;
    const char *reason; /* DG_SOURCE_POPULAR: unknown_user, no_profile, all_seen, no_vector; else
                           NULL */
    bool excludes_seen; /* goods the user has seen were left out */
} dg_list;

/**
 * Prepare for ranking: for factors, norms of the item rows. LOCAL.
 *
 * @param[in]  a  borrowed until destroy
 * Cost    for factors one pass over the item rows, 4 bytes per item.
 * Errors  DG_ERR_DATA an item factor is not finite, as every answer would fail on it; DG_ERR_NOMEM.
 */
dg_status dg_ranker_create(const dg_artifact *a, dg_ranker **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_ranker_destroy(dg_ranker **r);

/**
 * The k goods for a user. LOCAL, thread-safe.
 *
 * The list is never empty: an unknown user (row -1), and one without a profile (the model learned
 * nothing: a zero row, or no weights to any good), get popular goods; so does a user who has seen
 * every good, and then, as the only case, the list holds seen goods although they were to be
 * excluded. By weights, goods of score 0 are not listed: nothing speaks for or against them.
 *
 * @param[in]  user  row, or -1
 * @param[in]  k     1 or more
 * Cost    factors: one pass over the item rows, no memory. Weights: the rows that the user's row
 *         names, and 4 bytes an item.
 * Errors  DG_ERR_NUMERIC a score is not finite; DG_ERR_NOMEM.
 */
dg_status dg_ranker_recommend(const dg_ranker *r, int64_t user, int k, bool exclude_seen,
                              dg_list *list, dg_err *err);

/**
 * The k goods closest to an item, itself left out: by cosine over the taste columns, or by the
 * item's weights above 0. LOCAL, thread-safe, allocates nothing. Goods without a vector are never
 * neighbours; popular goods stand in when the item has no vector or no neighbour.
 *
 * @param[in]  item  row
 * Cost    one pass over the item factors, or over the item's weights.
 * Errors  DG_ERR_NUMERIC a product overflows.
 */
dg_status dg_ranker_similar(const dg_ranker *r, int32_t item, int k, dg_list *list, dg_err *err);

/**
 * The k users closest to a user, itself left out: the neighbours of a model of users' weights, by
 * cosine of the taste columns in a model of factors; none in other models, or for a user of whom
 * nothing was learned. hit[…].index is a user's row. LOCAL, thread-safe, allocates nothing.
 *
 * @param[in]  user  row
 * Cost    one pass over the user factors.
 * Errors  DG_ERR_NUMERIC a factor is not finite.
 */
dg_status dg_ranker_similar_users(const dg_ranker *r, int64_t user, int k, dg_list *list,
                                  dg_err *err);

#endif
