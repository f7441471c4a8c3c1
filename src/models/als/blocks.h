/* blocks.h - iALS++: sweeps block by block of columns, for many factors. Internal to als/.
 *
 * Newton's step of a row restricted to a block p of its columns x_p, M the row's matrix:
 *   g = sum (c y - t) f_p + alpha0 (F_p'F) x + lambda x_p,   x_p -= M_pp^-1 g,
 * y the row's scores, f the features, F all of them. One block: all users, then all items. With one
 * block alone this is the exact route. Scores are kept for the entries, by user and by item, and
 * follow each step; they are summed anew from the factors at the start of every sweep, so a
 * loaded model goes on to the same bits and rounding does not pile up.
 *
 * Of the other side a rank reads two panels of one block: the features, and what the last step
 * changed, by which its scores catch up. The factor matrices themselves are read and written in the
 * own rows alone and are not published. Shards, never ranks: no bit depends on ranks or threads.
 *
 * Source  Rendle, Krichene, Zhang, Koren 2021, "iALS++: Speeding up matrix factorization with
 *         subspace optimization", arXiv 2110.14044. */
#ifndef DG_MODELS_ALS_BLOCKS_H
#define DG_MODELS_ALS_BLOCKS_H
#include "models/als/rows.h"

typedef struct dg_als_blocks dg_als_blocks;

/* One side. All borrowed until destroy, but for `side`. */
typedef struct dg_als_blocks_half {
    dg_als_side side;        /* options, reg, biases, features (of them the number of rows alone) */
    const dg_shards *shards; /* of the rows being solved */
    const dg_csr *ratings;
    dg_matrix *rows; /* (n, d) own rows are read and written */
} dg_als_blocks_half;

/**
 * Room for sweeps over blocks of options->block_size columns or a little fewer, cut evenly; a bias
 * joins the last block. COLLECTIVE.
 *
 * @param[in] half  users, then items
 *
 * Cost    per rank 4 bytes an entry and side, 4 b a row; per node 8 b a row of both sides.
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_als_blocks_create(const dg_comm *c, const dg_als_blocks_half half[2],
                               dg_als_blocks **out, dg_err *err);

/** COLLECTIVE, NULL-safe. */
void dg_als_blocks_destroy(dg_als_blocks **b);

/**
 * One sweep over all blocks. COLLECTIVE.
 *
 * @param[in]  mean  of the ratings; 0 for the others
 * @param[out] loss  of users, then items
 * @param[out] unseen  sum of the squares of all pairs' scores; 0 for ratings
 *
 * Cost    n_ratings d (2 b + 20) + (n_users + n_items) d (6 d + b^2/3) flops; a node receives 12 d
 *         bytes a row of the other nodes: 4 d to sum scores anew, changes and features.
 * Errors  DG_ERR_NUMERIC naming the first row that cannot be solved; agreed.
 */
dg_status dg_als_blocks_sweep(dg_als_blocks *b, double mean, dg_als_row_loss loss[2],
                              double *unseen, dg_err *err);

/* ---- the steps of a sweep one by one, for tests ---- */

/** Blocks of a sweep. LOCAL. */
int dg_als__blocks_count(const dg_als_blocks *b);

/** Sum all scores anew from the factors. COLLECTIVE. */
void dg_als__blocks_begin(dg_als_blocks *b, double mean);

/** Users, then items, of block k. COLLECTIVE. */
dg_status dg_als__blocks_step(dg_als_blocks *b, int k, dg_err *err);

/** Scores kept for the own entries of users (0) or items (1), without the mean. Those of users lack
 *  the items' last step, to which they turn at the start of the next one. LOCAL, borrowed. */
const float *dg_als__blocks_scores(const dg_als_blocks *b, int side);

#endif
