/* rank.h - full ranking of tiles of users: every item is scored, nothing is sampled, and only one
 * block of scores exists at a time. Evaluation and recommend share it. */
#ifndef DG_EVALUATE_RANK_H
#define DG_EVALUATE_RANK_H
#include "models/scorer.h"
#include "ranking/topk.h"
#include "sparse/csr.h"

enum { DG_TILE_SEEN = 4 }; /* most parts of a dataset that say what was seen */

typedef struct dg_tile_ranker dg_tile_ranker;

/** Room to rank tiles for lists of k. The scorer is kept until destroy. LOCAL.
 *  Cost 8 min(k, n_items) DG_SCORER_TILE bytes and 512 kB, or 4 n_items bytes where the scorer
 *  gives whole rows. Errors DG_ERR_NOMEM, *out NULL. */
dg_status dg_tile_ranker_create(const dg_scorer *scorer, int k, dg_tile_ranker **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_tile_ranker_destroy(dg_tile_ranker **r);

/**
 * Load a tile of users into the scorer and rank all items for each. LOCAL.
 *
 * @param[in] user  (n,) global rows owned by this rank, n <= DG_SCORER_TILE
 * @param[in] seen  (n_seen,) parts of the dataset that hold these users; items in any of a user's
 *                  rows are left out of the user's list; n_seen <= DG_TILE_SEEN, 0 leaves nothing
 * out
 *
 * Cost    n n_items scores; see dg_topk_push.
 * Errors  DG_ERR_NUMERIC "user row 5: the score of item 7 is nan"; DG_ERR_NOMEM; the scorer's.
 */
dg_status dg_tile_ranker_rank(dg_tile_ranker *r, const int64_t *user, int n,
                              const dg_csr *const *seen, int n_seen, dg_err *err);

/** Count from the next tile on how targets fare against all else: dg_tile_ranker_auc. The rows are
 *  kept. LOCAL. O(log targets) more a score. */
void dg_tile_ranker_watch(dg_tile_ranker *r, const dg_csr *targets);

/** Chance that a target of user number i scores above an item that is neither target nor seen;
 *  false where there is no such pair. LOCAL, O(1). */
bool dg_tile_ranker_auc(const dg_tile_ranker *r, int i, double *out);

/** Items left out of the list of user number i, ascending, valid until the next tile. LOCAL. */
const int32_t *dg_tile_ranker_seen(const dg_tile_ranker *r, int i, int64_t *n);

/** The list of user number i of the tile, best first, valid until the next tile; shorter than k
 *  where fewer items are left. LOCAL, O(1). */
const dg_hit *dg_tile_ranker_list(const dg_tile_ranker *r, int i, int *n);

#endif
