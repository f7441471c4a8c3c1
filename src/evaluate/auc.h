/* auc.h - how often a target scores above an item that is neither target nor seen, counted while
 * blocks of scores pass. Internal to evaluate/. */
#ifndef DG_EVALUATE_AUC_H
#define DG_EVALUATE_AUC_H
#include "models/scorer.h"
#include "sparse/csr.h"

/* Of one tile of users. Zero-initialise; free with dg_auc_free. */
typedef struct dg_auc {
    float *positive; /* scores of targets, ascending, one user after another */
    int32_t *leave;  /* targets and what was seen, ascending, likewise */
    size_t n_positive, n_leave, positive_capacity, leave_capacity;
    size_t first[DG_SCORER_TILE + 1];               /* of each user in positive */
    size_t at[DG_SCORER_TILE], end[DG_SCORER_TILE]; /* in leave: what is left from the block on */
    int64_t lost[DG_SCORER_TILE], negatives[DG_SCORER_TILE];
} dg_auc;

/** Begin with user number i of the tile, which is loaded; users come in order, from 0. LOCAL.
 *  @param[in] seen  (n_seen,) ascending; targets among them count as seen
 *  Errors DG_ERR_NOMEM. */
dg_status dg_auc_start(dg_auc *a, const dg_scorer *s, int i, dg_row target, const int32_t *seen,
                       int64_t n_seen, dg_err *err);

/** Count the scores of items [begin, end), in order, for user number i. LOCAL.
 *  O((end - begin) log targets). */
void dg_auc_block(dg_auc *a, int i, const float *score, int64_t begin, int64_t end);

/** Of user number i; false where there is no pair to judge. LOCAL. */
bool dg_auc_value(const dg_auc *a, int i, double *out);

/** LOCAL, twice-safe. */
void dg_auc_free(dg_auc *a);

#endif
