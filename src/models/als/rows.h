/* rows.h - one row's least-squares problem, and all rows of one side.
 *
 * Row solve  (alpha0 G + sum c f f' + lambda I) x = sum t f,  f the other side's rows, G their Gram
 * matrix, c and t from the row's values (als/law.h). Exactly, or by a few steps of conjugate
 * gradients (system.h). One thread solves a row, entries in stored order: no bit depends on ranks
 * or threads. */
#ifndef DG_MODELS_ALS_ROWS_H
#define DG_MODELS_ALS_ROWS_H
#include "comm/matrix.h"
#include "models/als/options.h"
#include "sparse/csr.h"

typedef struct dg_als_long dg_als_long; /* long.h */

/* One side's half of a sweep: everything a row solve reads. All borrowed. */
typedef struct dg_als_side {
    const dg_als_options *options;
    const dg_matrix *features;    /* (n, d) the other side's rows */
    const dg_als_long *long_rows; /* rows not solved one by one; or NULL */
    const uint16_t *half; /* (n, width) what rows are solved from instead, or NULL: a copy in
                             half precision (table.h) */
    float unscale;
    const float *base;     /* (d, d) alpha0 * Gram of the features; NULL for ratings, and where
                              diagonal says the same */
    const float *diagonal; /* (d,) the same in the features' eigenbasis: they are in it; or NULL */
    const float *average;  /* (d,) mean square of the columns over the entries; with diagonal */
    bool observes;         /* take the entries' errors into the loss (one side suffices) */
    double reg;            /* lambda of this side */
    double mean;           /* global mean of the ratings; 0 for the others */
    bool biases;           /* the last column of a row is its bias, and a feature of 1 */
} dg_als_side;

/* What a row adds to the loss after it is solved. */
typedef struct dg_als_row_loss {
    double observed;       /* its own entries' weighted squared errors */
    double counted_unseen; /* alpha0 * score^2 of its entries: in the Gram sum, not unseen (hkv) */
    double regularization;
} dg_als_row_loss;

typedef struct dg_als_workspace dg_als_workspace;

/** lambda of a row as its law scales it; counts the positives only where Spark is asked for.
 *  LOCAL, O(1), O(n) for Spark. */
double dg_als_lambda(const dg_als_side *s, dg_row row);

/** Are rows solved in the eigenbasis, by CG and in the dual? LOCAL. */
bool dg_als_wants_basis(const dg_als_options *o);

/** Buffers of one thread for rows of d columns. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_als_workspace_create(int d, dg_als_workspace **out, dg_err *err);
void dg_als_workspace_destroy(dg_als_workspace **w);

/**
 * Solve one row. LOCAL.
 *
 * @param[in]  row   entries: index into the features, value as the data has it
 * @param[in,out] x  (d,) where CG starts; the solution; zeros for an empty row
 * @param[out] loss  may be NULL, then nothing is computed
 *
 * Cost    routes.h; n rows gathered, each time anew where a panel does not hold them.
 * Errors  false where the system is not positive definite or not finite, even with a little added
 *         to its diagonal.
 * Source  Rendle et al. 2022, section 3; Hu, Koren, Volinsky 2008, section 4; Zhou et al. 2008.
 */
bool dg_als_solve_row(const dg_als_side *s, dg_row row, dg_als_workspace *w, float *x,
                      dg_als_row_loss *loss);

/**
 * Solve all own rows of one side into `solution` and sum the loss. COLLECTIVE. The features must be
 * published; the solution is not: that is done once, when it is about to be read.
 *
 * @param[in]  shards  of the rows being solved
 * @param[out] loss    sums over all rows, same bits for any ranks and threads; may be NULL
 *
 * Errors  DG_ERR_NUMERIC naming the first row that cannot be solved; DG_ERR_NOMEM; agreed.
 */
dg_status dg_als_solve_side(const dg_comm *c, const dg_als_side *s, const dg_shards *shards,
                            const dg_csr *ratings, dg_matrix *solution, dg_als_row_loss *loss,
                            const char *what, dg_err *err);

/** Sum of the own rows' losses (own rows,): in row order within a shard, then over the tree of
 *  shards. COLLECTIVE. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_als_sum_loss(const dg_comm *c, const dg_shards *shards, const dg_als_row_loss *own,
                          dg_als_row_loss *out, dg_err *err);

#endif
