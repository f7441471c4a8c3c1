/* block_rows.h - one block of columns of one side's rows, as blocks.h takes them one after the
 * other. Internal to als/. */
#ifndef DG_MODELS_ALS_BLOCK_ROWS_H
#define DG_MODELS_ALS_BLOCK_ROWS_H
#include "models/als/blocks.h"
#include "models/als/system.h"

typedef struct dg_als_block { /* columns [begin, begin + n) of a row */
    int begin, n, width;      /* width: n padded, of the panels' rows */
    bool biased;              /* the last column is the bias */
} dg_als_block;

/* One side between two steps, and its two panels: written by the rows' owners, read by the other
 * side, `widest` floats a row. */
typedef struct dg_als_block_half {
    dg_als_blocks_half given;
    dg_matrix change;  /* what the side's last step changed in its block */
    dg_matrix feature; /* the columns the other side is to solve against */
    int widest;
    float *score;   /* (entries,) x.f and the biases, without the mean; parallel to ratings */
    float *product; /* (own rows, widest) alpha0 (F_p'F) x; NULL for ratings */
    dg_als_row_loss *loss; /* (own rows,) after the last block */
    int64_t first_bad;     /* least row that could not be solved, or INT64_MAX */
} dg_als_block_half;

/** Scores of no factors yet: the row's own bias. LOCAL. */
void dg_als__scores_start(dg_als_block_half *h, int64_t row);

/** Scores of the row's entries follow what the other side changed in `block`. LOCAL.
 *  Cost 2 n b flops, n rows of b columns gathered. */
void dg_als__scores_follow(dg_als_block_half *h, const dg_als_block_half *other,
                           const dg_als_block *block, int64_t row, dg_als_workspace *w);

/**
 * Solve the row's columns of the block; the change goes to its panel and into its scores.
 * LOCAL.
 * @param[in] gram  (n, d) alpha0 F_p'F; NULL for ratings
 * Cost    n (b^2 + 6 b) + b^3/3 flops; n rows gathered. A row that cannot be solved is noted in
 *         first_bad and left as it is.
 */
void dg_als__block_solve(dg_als_block_half *h, const dg_als_block_half *other,
                         const dg_als_block *block, const float *gram, int64_t row,
                         dg_als_workspace *w);

/** Put the row's columns of the block where the other side reads features, or NULL: changes. LOCAL.
 */
void dg_als__show_features(dg_als_block_half *h, const dg_als_block *block, int64_t row);
void dg_als__show_whole(dg_als_block_half *h, const dg_als_block *block, int64_t row);

/** The row's loss, all blocks being solved: h->loss. LOCAL. */
void dg_als__block_loss(dg_als_block_half *h, int64_t row);

#endif
