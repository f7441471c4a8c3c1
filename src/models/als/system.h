/* system.h - the linear system of one row: its entries gathered into a panel, and three ways to
 * solve it. Internal to als/. */
#ifndef DG_MODELS_ALS_SYSTEM_H
#define DG_MODELS_ALS_SYSTEM_H
#include "dense/panel.h"
#include "models/als/rows.h"

/** Entries the panel of d columns holds. LOCAL. */
int dg_als_capacity(int d);

struct dg_als_workspace { /* of one thread; vectors and rows of the panel are `width` floats */
    const dg_panel_kernels *kernels;
    int d, width;
    int capacity; /* entries the panel holds; a function of d alone, since sums follow it */
    int chunk;    /* entries gathered before they are worked on, so that they are near then */
    float *panel; /* (capacity, width) gathered features */
    float *left; /* (capacity, width) the same times their weights; the panel turned for the dual */
    float *weight; /* (capacity,) */
    float *pull;   /* (capacity,) */
    float *score;  /* (capacity,) */
    bool plain;    /* all weights gathered so far are 1 */
    float total;   /* sum of the row's weights gathered so far */
    float at_zero; /* the same of what x = 0 adds to the loss */
    float *matrix; /* (width, width) lower triangle */
    float *spare;  /* (width, width) the matrix once more, for a second try */
    float *x;      /* the solution; the start of CG */
    float *b;      /* the right side */
    float *shared, *residual, *direction, *product, *precond;
    float *start, *first; /* where CG began, and its residual there */
    bool observed;        /* CG knows the observed loss of its solution: `seen` */
    double seen;
};

/** Entries of the row from `first` on that fit one panel. LOCAL. */
static inline int dg_als__part(const dg_als_workspace *w, dg_row row, int64_t first)
{
    return (int)(row.n - first < w->capacity ? row.n - first : w->capacity);
}

/** Put features, weights and pulls of entries [first, first + n) into the panel, from `slot` on.
 * The sums over the row start again at entry 0. LOCAL. */
void dg_als__gather(const dg_als_side *s, dg_row row, int64_t first, int slot, int n,
                    dg_als_workspace *w);

/** What all rows share is diagonal in the eigenbasis: w->shared is that diagonal. For behaviour
 *  alpha0 times the Gram's eigenvalues, for ratings nothing but lambda. LOCAL. */
void dg_als__set_shared(const dg_als_side *s, double reg, dg_als_workspace *w);

/** Add n gathered entries to the matrix and the right side. LOCAL. n d^2 flops. */
void dg_als__accumulate(int n, dg_als_workspace *w);

/** The matrix without entries: what all rows share, and lambda. LOCAL. */
void dg_als__start_matrix(const dg_als_side *s, double reg, dg_als_workspace *w);

/** w->x from w->matrix and w->b; a system singular in float gets a second try with a nudged
 *  diagonal. LOCAL. d^3/3 flops. False where it is not positive definite. */
bool dg_als__factor(dg_als_workspace *w);

/** What n gathered entries add to the loss of x = w->x. LOCAL. 2 n d flops. */
void dg_als__observe(const dg_als_side *s, int n, dg_als_workspace *w, dg_als_row_loss *loss);

/** The same where their scores, w->score (n,), are known; they are at `slot` of the panel. LOCAL.
 */
void dg_als__tally(const dg_als_side *s, int slot, int n, const dg_als_workspace *w,
                   dg_als_row_loss *loss);

/** Exact: assemble and factor. w->x is the solution. LOCAL. Cost n d^2 + d^3/3 flops. */
bool dg_als__cholesky(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w);

/**
 * Exact, in the space of the row's entries; needs s->diagonal and a row that fits the panel. LOCAL.
 * False where a weight or an element of the diagonal is not positive, or the matrix is not.
 * Cost    n^2 d + n^3/3 flops.
 * Source  Woodbury's identity; docs/algorithms/als.md.
 */
bool dg_als__dual(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w);

/**
 * Conjugate gradients from w->x, preconditioned by the diagonal that the shared part of the matrix
 * has in the features' eigenbasis; needs s->diagonal. LOCAL. Cost 4 n d flops a step.
 * One step at least, then until the row's loss is near its minimum (docs/algorithms/als.md); each
 * step lowers it. False where the matrix is indefinite or something is not finite.
 * Source  Takacs, Pilaszy, Tikk 2011; Saad 2003, section 9.2.
 */
bool dg_als__cg(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w);

/** Does CG know the observed loss without another pass? hkv's is bound up with the unseen. LOCAL.
 */
static inline bool dg_als__cg_observes(const dg_als_side *s)
{
    return s->observes && s->options->law.loss != DG_ALS_HKV;
}

/**
 * How much the observed loss changes from x0 to x, both (width,). LOCAL. O(d).
 * The row's loss changes by -(r0 + r)'(x - x0), r0 and r the residuals; what is left after the part
 * of all rows, sum of shared x^2, was observed.
 */
double dg_als__observed_change(int width, const float *shared, const float *x0, const float *r0,
                               const float *x, const float *r);

enum { DG_ALS_CG_STEPS = 12 }; /* at most */

/** CG goes on while r'z is above this; at_zero: the row's loss at x = 0. LOCAL. */
float dg_als__cg_enough(const dg_als_side *s, int step, float at_zero);

/** w->precond: w->shared and what the row's own entries, of weight w->total, have on the diagonal
 *  on average. Where their weights are negative on the whole they add nothing: it must stay
 *  positive. LOCAL. */
void dg_als__set_precond(const dg_als_side *s, dg_als_workspace *w);

#endif
