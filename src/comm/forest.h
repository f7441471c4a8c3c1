/* forest.h - rows copied from rank to rank by a plan made once: PETSc's star forests.
 *
 * The only door to PETSc, which is loaded when it is first needed: it brings some fifty libraries,
 * and linked in they would add 50 ms to every start of every command (docs/decisions). Internal to
 * comm/. */
#ifndef DG_COMM_FOREST_H
#define DG_COMM_FOREST_H
#include "comm/comm.h"

typedef struct dg_forest dg_forest;

typedef struct dg_place { /* a row of another rank's table */
    int32_t rank, row;
} dg_place;

/**
 * Load and start PETSc: no signal handlers, no option files read. It stays until the process ends.
 * COLLECTIVE over all ranks of the job, free after the first time.
 * Errors  DG_ERR_UNAVAILABLE the library is not there; agreed.
 */
dg_status dg_forest_start(const dg_comm *c, dg_err *err);

/** Room for n plans of rows of n_cols floats between the ranks of `c`. LOCAL. Errors DG_ERR_NOMEM.
 */
dg_status dg_forest_create(const dg_comm *c, int n, int n_cols, dg_forest **out, dg_err *err);

/**
 * Plan `tree`: place k of n here is filled from `from[k]`. COLLECTIVE. MPI ends the job where PETSc
 * fails.
 * @param[in] n_rows  rows of the own table that others may name
 */
void dg_forest_plan(dg_forest *f, int tree, int32_t n_rows, int32_t n, dg_place *from);

/** Start to move: own rows at `rows` to others, others' rows to `to` (n, n_cols). COLLECTIVE. */
void dg_forest_begin(dg_forest *f, int tree, const float *rows, float *to);

/** Return when they are there, and when the own ones are no longer needed. COLLECTIVE, with the
 *  same arguments. */
void dg_forest_end(dg_forest *f, int tree, const float *rows, float *to);

/** COLLECTIVE, NULL-safe. */
void dg_forest_destroy(dg_forest **f);

#endif
