/* links.h - scores, neighbours and reasons of models of weights: a product of two sparse matrices,
 * one of them the users' profiles (artifact/artifact.h). */
#ifndef DG_SERVE_RANK_LINKS_H
#define DG_SERVE_RANK_LINKS_H
#include "ranking/topk.h"
#include "serve/rank/allowed.h"
#include "serve/rank/taste.h"

/**
 * Scores of all items for a taste: (n_items,) dg_alloc'ed, the same bits as the trainer's. A model
 * of users' weights needs the user's row, the others the profile. LOCAL.
 * @param[out] linked  does the model know of anything that speaks for any item?
 * Cost    16 bytes an item; the rows named, or with k nearest items all items' lists.
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_links_scores(const dg_artifact *a, const dg_taste *t, float **score, bool *linked,
                          dg_err *err);

/** The k best of a row among the allowed columns, those of weight above 0, without `self`. LOCAL;
 *  room for k in hit. Returns how many in *n. Errors DG_ERR_NUMERIC never for a checked artifact.
 */
dg_status dg_links_best(const dg_links *links, int64_t row, int64_t self, const dg_allowed *allowed,
                        int k, dg_hit *hit, int *n, dg_err *err);

/* One neighbour's share of a score. */
typedef struct dg_reason {
    int64_t row; /* an item of the user's profile, or another user */
    float weight, value;
    double contribution;
} dg_reason;

typedef struct dg_reasons { /* score = base + sum of contributions, but for rounding */
    dg_reason *at;          /* (n,) largest contribution first, whatever its sign; dg_alloc'ed */
    int64_t n;
    bool of_users; /* rows are users */
    double base, score;
} dg_reasons;

/** Put the largest first. LOCAL. */
void dg_reasons_order(dg_reasons *why);

/** Why the score of an item is what it is. LOCAL; caller frees out->at. Errors DG_ERR_NOMEM. */
dg_status dg_links_explain(const dg_artifact *a, const dg_taste *t, int64_t item, dg_reasons *out,
                           dg_err *err);

#endif
