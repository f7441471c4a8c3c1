/* long_rows.h - what the parts of long.h share: the list of long rows, where their ratings lie, and
 * a block of them in work. Internal to als/. */
#ifndef DG_MODELS_ALS_LONG_ROWS_H
#define DG_MODELS_ALS_LONG_ROWS_H
#include "comm/tree.h"
#include "models/als/long.h"
#include "models/als/system.h"

typedef struct dg_als_long_row {
    int64_t row;     /* global */
    int64_t n;       /* ratings */
    int64_t counted; /* those that lambda counts */
} dg_als_long_row;

struct dg_als_long {
    dg_als_half half;
    dg_comm comm;         /* who works together: all ranks, or this one alone */
    bool sends;           /* all ranks do */
    int64_t from;         /* ratings that make a row long */
    int64_t n, n_all;     /* rows here, and of all ranks */
    dg_als_long_row *row; /* (n,) ascending */
    dg_run run;           /* shards of the other side whose parts are made here */
    int64_t *cut;         /* (n, shards of run + 1) where in index and value each part begins */
    dg_csr own;           /* ratings copied for it: row k the own part of long row k; or nothing */
    const int32_t *index; /* rows of the table */
    const float *value;
};

/* Rows of one block, solved in lockstep; vectors are `width` floats. */
typedef struct dg_als_lockstep {
    const dg_als_long *l;
    const dg_als_side *side;
    dg_als_workspace **w; /* one a thread */
    int n_threads, width;
    const int *pick;                           /* (n,) numbers of the rows */
    int n, stat;                               /* rows; numbers summed for each */
    int *begin;                                /* (ranks + 1,) numbers that go to each rank */
    dg_range own;                              /* rows of the block that are this rank's */
    bool pulls;                                /* the sums take the right side in */
    float *x, *residual, *direction, *precond; /* (n, width) */
    float *start, *first;                      /* (n, width) where CG began, the residual there */
    double *seen;                              /* (n,) the observed loss there */
    bool *busy, *failed;                       /* (n,) */
    float *rz, *enough;                        /* (n,) */
    double *parts;                             /* (threads, n, stat) */
    double *sums;                              /* (n, stat) */
} dg_als_lockstep;

/** Writes the statistic of one part, zeroed before, of row k of the block. LOCAL. */
typedef void dg_als_part(const dg_als_lockstep *b, int k, dg_row part, dg_als_workspace *w,
                         double *out);

/** Sum the parts of all rows into b->sums: all of them on every rank, or the own rows' only.
 *  COLLECTIVE. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_als__sum_parts(dg_als_lockstep *b, dg_als_part *part, bool everywhere, dg_err *err);

/** Numbers of a row's matrix, its lower triangle, and of its right side. LOCAL. */
static inline int dg_als__gram_numbers(int d) { return d * (d + 1) / 2 + d; }

/** Numbers of a row for a step of CG: its vector, weight, loss at 0, and what was observed. LOCAL.
 */
static inline int dg_als__cg_numbers(int d) { return d + 3; }

/** Is long row k of the list solved by conjugate gradients? LOCAL. */
bool dg_als__long_by_cg(const dg_als_long *l, int64_t k);

/** lambda of row k of the block. LOCAL. */
double dg_als__long_reg(const dg_als_lockstep *b, int k);

/** b->x from the owners' rows to every rank. COLLECTIVE. */
void dg_als__share_x(dg_als_lockstep *b, const dg_matrix *solution);

/** Solve the block by conjugate gradients, all rows in lockstep: b->x where not b->failed.
 *  COLLECTIVE. Errors DG_ERR_NOMEM, agreed. Source as dg_als__cg. */
dg_status dg_als__long_cg(dg_als_lockstep *b, const dg_matrix *solution, dg_err *err);

#endif
