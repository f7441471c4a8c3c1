/* column.h - the weights of one item, by coordinate descent. Internal to models/slim/.
 *
 * minimise over s >= 0, s_j = 0:  |x_j - X s|^2 / 2 + l2 |s|^2 / 2 + l1 |s|_1
 *
 * Only X'X is read. r_b = g_bj - sum over a of g_ba s_a is kept up to date; a coordinate's minimum
 * is s_b = max(0, (r_b + g_bb s_b - l1) / (g_bb + l2)). Passes run over the weights above 0 until
 * they hold, then over all again. */
#ifndef DG_MODELS_SLIM_COLUMN_H
#define DG_MODELS_SLIM_COLUMN_H
#include "comm/node_csr.h"
#include "models/weights/columns.h"

typedef struct dg_slim_options {
    double l1, l2;
    int64_t candidates; /* items tried for each, the most similar by cosine; 0: all */
    double tolerance;   /* of the optimality conditions, over g_jj */
    int64_t passes;     /* at most */
    bool binary;
} dg_slim_options;

typedef struct dg_slim_solver dg_slim_solver; /* one thread's */

/* Weights found, valid until the next solve. */
typedef struct dg_slim_solution {
    const int32_t *item;   /* (n,) candidates, ascending */
    const double *weight;  /* (n,) 0 of most */
    int64_t n, n_positive; /* of them above 0 */
    double violation;      /* of the optimality conditions, the greatest, over g_jj */
    dg_column_terms terms;
} dg_slim_solution;

/** @param[in] gram     rows of X'X; borrowed until destroy
 *  @param[in] diagonal (n_items,) of it; borrowed
 *  LOCAL. 4 bytes an item, 80 a candidate, and 4 for each pair of a candidate and one that was ever
 *  above 0. Errors
 *  DG_ERR_NOMEM, *out NULL. */
dg_status dg_slim_solver_create(const dg_slim_options *o, const dg_node_csr *gram,
                                const float *diagonal, dg_slim_solver **out, dg_err *err);

/** Solve for item j. LOCAL. Its bits depend on nothing but X'X and the options.
 *  Errors DG_ERR_NOMEM. */
dg_status dg_slim_solve(dg_slim_solver *s, int64_t j, dg_slim_solution *out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_slim_solver_destroy(dg_slim_solver **s);

#endif
