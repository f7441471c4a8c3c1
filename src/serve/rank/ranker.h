/* ranker.h - exact top-k over all goods of an artifact, and the goods to show when a model has
 * nothing to say about somebody. */
#ifndef DG_SERVE_RANK_RANKER_H
#define DG_SERVE_RANK_RANKER_H
#include "ranking/topk.h"
#include "serve/rank/allowed.h"
#include "serve/rank/taste.h"

typedef struct dg_ranker dg_ranker;

typedef enum dg_list_source {
    DG_SOURCE_USER,    /* the model's scores for this taste */
    DG_SOURCE_ITEM,    /* closeness to this item */
    DG_SOURCE_POPULAR, /* the most chosen goods; dg_list.reason says why */
    DG_SOURCE_SEGMENT, /* the most chosen by people who share an attribute */
    DG_SOURCE_SCENE    /* the most met in this scene */
} dg_list_source;

/* A ranked list. The caller gives hit (room for k) and may keep the struct on its stack. */
typedef struct dg_list {
    dg_hit *hit; /* (n,) best first; for popular goods score is 0, see artifact popularity */
    int n;       /* fewer than k only when no more goods qualify */
    dg_list_source source;
    const char *reason; /* why not the model: unknown_user, no_profile, all_seen, no_vector, or what
                           the caller of dg_ranker_popular says; else NULL */
    const struct dg_beside *beside; /* how it was chosen (serve/lists.h); NULL: as ranked */
    bool excludes_seen; /* of dg_ranker_recommend: goods the user has seen were left out */
} dg_list;

/**
 * Prepare for ranking: for factors, norms of the item rows and their search copy. LOCAL.
 *
 * @param[in]  a  borrowed until destroy
 * Cost    for factors one pass over the item rows, n_cols + 12 bytes per item.
 * Errors  DG_ERR_DATA an item factor is not finite, as every answer would fail on it; DG_ERR_NOMEM.
 */
dg_status dg_ranker_create(const dg_artifact *a, dg_ranker **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_ranker_destroy(dg_ranker **r);

/**
 * The k best goods for a taste among the allowed ones: exact, best first, equal scores by row.
 * LOCAL, thread-safe.
 *
 * The list is empty, with reason "no_profile", where the model learned nothing of this taste (no
 * factor, or no weights to any good); and empty without a reason where no allowed good is left. By
 * weights, goods of score 0 are not listed: nothing speaks for or against them.
 *
 * @param[in]  k     1 or more
 * @param[out] list  the caller's, with room for k; excludes_seen is left alone
 * Cost    factors: a pass over half a byte per item factor at most, and few items' factors; no
 *         memory. See serve/rank/search.h. Weights: the rows that the profile
 *         names, and 4 bytes an item.
 * Errors  DG_ERR_NUMERIC the score of an allowed good is not finite; DG_ERR_NOMEM.
 */
dg_status dg_ranker_top(const dg_ranker *r, const dg_taste *t, const dg_allowed *allowed, int k,
                        dg_list *list, dg_err *err);

/**
 * The same for n tastes at once, each with its allowed goods. LOCAL, thread-safe.
 * @param[in]  t, allowed  (n,)
 * @param[out] list        (n,) each with room for k
 * Cost    factors: one pass for all of them, 2.1 KB a taste. Weights: n times dg_ranker_top.
 * Errors  as dg_ranker_top, of any of them.
 */
dg_status dg_ranker_top_many(const dg_ranker *r, int n, const dg_taste *t,
                             const dg_allowed *allowed, int k, dg_list *list, dg_err *err);

/**
 * Scores of given goods, in the order given, the same bits as dg_ranker_top has. LOCAL,
 * thread-safe. Where nothing was learned of the taste, what a good scores without.
 *
 * @param[in]  item   (n,) rows, in any order, also twice
 * @param[out] score  (n,)
 * Cost    factors: 2 n_cols flops each. Weights: as dg_ranker_top, whatever n is.
 * Errors  as dg_ranker_top, of these goods.
 */
dg_status dg_ranker_score(const dg_ranker *r, const dg_taste *t, const int32_t *item, int64_t n,
                          float *score, dg_err *err);

/** The k most chosen goods among the allowed ones, with this reason; empty only when none is
 *  allowed. LOCAL, thread-safe, allocates nothing. O(goods looked at x log n_skip). */
void dg_ranker_popular(const dg_ranker *r, const dg_allowed *allowed, int k, const char *reason,
                       dg_list *list);

/**
 * The k goods for a user, with popular goods where the model has nothing to say. LOCAL,
 * thread-safe.
 *
 * The list is never empty: an unknown user (row -1), and one without a profile, get popular goods;
 * so does a user who has seen every good, and then, as the only case, the list holds seen goods
 * although they were to be excluded.
 *
 * @param[in]  user  row, or -1
 * Cost, Errors  as dg_ranker_top.
 */
dg_status dg_ranker_recommend(const dg_ranker *r, int64_t user, int k, bool exclude_seen,
                              dg_list *list, dg_err *err);

/**
 * The k goods closest to an item among the allowed ones, itself left out: by cosine over the taste
 * columns, or by the item's weights above 0. LOCAL, thread-safe, allocates nothing. Goods without a
 * vector are never neighbours; popular goods (allowed ones) stand in when the item has no vector or
 * no neighbour.
 *
 * @param[in]  item  row
 * Cost    one pass over the item factors, or over the item's weights.
 * Errors  DG_ERR_NUMERIC a product overflows.
 */
dg_status dg_ranker_similar(const dg_ranker *r, int32_t item, const dg_allowed *allowed, int k,
                            dg_list *list, dg_err *err);

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
