/* normal.h - the normal equations of one row, in double, kept up to date as pairs come and go.
 *
 *     (shared + sum c f f' + lambda I) x = sum t f
 *
 * c and t are a pair's weight and pull (als/law.h), f the other side's row. Training solves such a
 * system once and forgets it; a node that folds events in keeps it and changes its Cholesky factor
 * by one rank at a time. One thread at a time. */
#ifndef DG_DENSE_NORMAL_H
#define DG_DENSE_NORMAL_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dg_normal dg_normal;

/**
 * A system without pairs. LOCAL.
 *
 * @param[in]  d       unknowns, 1 or more
 * @param[in]  shared  (d, d) symmetric, copied; NULL for zeros
 * Cost    8 (d + 3) d bytes.
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_normal_create(int d, const double *shared, dg_normal **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_normal_destroy(dg_normal **n);

/** A copy of its own. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_normal_copy(const dg_normal *n, dg_normal **out, dg_err *err);

/** Bytes that one of d unknowns takes. LOCAL. */
size_t dg_normal_bytes(int d);

/** Set lambda, 0 at first. Another one makes the next solve factor anew. LOCAL. */
void dg_normal_regularize(dg_normal *n, double lambda);

/**
 * Add a pair; with the negative weight and pull it had, take it out again. LOCAL.
 * @param[in] f  (d,)
 * Cost    d^2 flops, and 4 d^2 where there is a factor to be changed: it then holds as long as it
 *         can be changed safely, else the next solve factors anew.
 * Source  updates and downdates by rotations: Dongarra et al., LINPACK Users' Guide 1979, chapter
 *         10; Golub, Van Loan: Matrix Computations, 6.5.
 */
void dg_normal_add(dg_normal *n, const double *f, double weight, double pull);

/**
 * x (d,) with the system as it is. LOCAL.
 * Cost    2 d^2 flops; d^3/3 more where it must be factored anew.
 * Errors  DG_ERR_NUMERIC it is not positive definite, or something in it is not finite.
 */
dg_status dg_normal_solve(dg_normal *n, double *x, dg_err *err);

/** z (d,) = matrix^-1 f: how each pair speaks for f (Hu, Koren, Volinsky 2008, section 5). LOCAL.
 *  Cost and errors as dg_normal_solve. */
dg_status dg_normal_solve_for(dg_normal *n, const double *f, double *z, dg_err *err);

#endif
