/* scorer.h - what evaluation, recommendation and export need of a trained model: scores.
 *
 * A scorer is made by a model after training or loading and borrows from it. Scores are float;
 * one user's scores depend on that user alone, never on who else is in the tile or on ranks. */
#ifndef DG_MODELS_SCORER_H
#define DG_MODELS_SCORER_H
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { DG_SCORER_TILE = 64 }; /* most users loaded at once */

typedef struct dg_scorer {
    void *self;
    int64_t n_items;
    bool rates;                /* scores are ratings: RMSE and MAE are defined */
    double clip_min, clip_max; /* range of ratings; used only where rates */

    /** Load n <= DG_SCORER_TILE users (global rows owned by this rank) for scoring. A held-out
     * user, one with a fold_in row in the dataset, is folded in from it. LOCAL. Errors
     * DG_ERR_NUMERIC naming the user row. */
    dg_status (*load)(void *self, const int64_t *user, int n, dg_err *err);

    /** Scores of the loaded users for items [begin, end): out (n, end-begin) row-major. LOCAL.
     *  Cost for factor models 2 n (end-begin) d flops. */
    void (*score)(void *self, int64_t begin, int64_t end, float *out);

    /** The same, and marks (n, dg_mark_words(end-begin)) of the scores that are not below the
     *  user's threshold (n,) or not finite: see dense/scores.h. LOCAL. NULL where scores do not
     *  come from a kernel that marks as it goes. */
    void (*score_marked)(void *self, int64_t begin, int64_t end, const float *threshold, float *out,
                         uint16_t *mark);

    /** All scores of the loaded user number i: out (n_items,), the same bits as from `score`.
     * LOCAL. NULL where scores of many users at a time are cheaper; where a score is a sum over
     * sparse rows, blocks of items would search each row anew, and evaluation asks for whole rows.
     */
    void (*score_row)(void *self, int i, float *out);

    /** Score of the loaded user number i (0 … n-1) for one item, not clipped, the same bits as from
     *  `score`. LOCAL, O(d). */
    float (*score_one)(void *self, int i, int64_t item);

    /** Free what the scorer owns, NULL-safe. LOCAL. */
    void (*destroy)(struct dg_scorer *s);
} dg_scorer;

#endif
