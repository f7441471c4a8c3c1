/* system.h - the linear system of one row: its entries gathered into a panel, and two ways to solve
 * it. Internal to als/. */
#ifndef DG_MODELS_ALS_SYSTEM_H
#define DG_MODELS_ALS_SYSTEM_H
#include "dense/panel.h"
#include "models/als/rows.h"

struct dg_als_workspace { /* of one thread; vectors and rows of the panel are `width` floats */
    const dg_panel_kernels *kernels;
    int d, width;
    int capacity;  /* entries the panel holds; a function of d alone, since sums follow it */
    float *panel;  /* (capacity, width) gathered features */
    float *left;   /* (capacity, width) the same times their weights; used where some are not 1 */
    float *weight; /* (capacity,) */
    float *pull;   /* (capacity,) */
    float *score;  /* (capacity,) */
    bool plain;    /* all weights in the panel are 1 */
    float total;   /* sum of the row's weights gathered so far */
    float *matrix; /* (width, width) lower triangle */
    float *spare;  /* (width, width) the matrix once more, for a second try */
    float *x;      /* the solution; the start of CG */
    float *b;      /* the right side */
    float *shared, *residual, *direction, *product, *precond;
};

/** Entries of the row from `first` on that fit one panel. LOCAL. */
static inline int dg_als__part(const dg_als_workspace *w, dg_row row, int64_t first)
{
    return (int)(row.n - first < w->capacity ? row.n - first : w->capacity);
}

/** Fill panel, weights and pulls with entries [first, first + n). LOCAL. */
void dg_als__gather(const dg_als_side *s, dg_row row, int64_t first, int n, dg_als_workspace *w);

/** Add the panel's n entries to the matrix, and their pulls to the right side. LOCAL. n d^2 flops.
 */
void dg_als__accumulate(int n, dg_als_workspace *w);

/** Factor w->matrix and solve for w->x; w->b stays. A system singular in float gets a second try
 *  with a nudged diagonal. LOCAL. d^3/3 flops. False where it is not positive definite. */
bool dg_als__factor(dg_als_workspace *w);

/** Exact: assemble and factor. w->x is the solution. LOCAL. Cost n d^2 + d^3/3 flops. */
bool dg_als__cholesky(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w);

/**
 * Conjugate gradients from w->x, preconditioned by the diagonal that the shared part of the matrix
 * has in the features' eigenbasis; needs s->diagonal. LOCAL. Cost 4 n d flops a step.
 * Stops where the residual has fallen to a twentieth of the first, or after 4 steps; each step
 * lowers the row's loss. False where the matrix is indefinite or something is not finite.
 * Source  docs/algorithms/als.md; Takacs, Pilaszy, Tikk 2011.
 */
bool dg_als__cg(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w);

#endif
