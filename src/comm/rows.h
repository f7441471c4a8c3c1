/* rows.h - only the rows a node needs of a factor matrix: the `rows` strategy of
 * docs/architecture.md.
 *
 * One table per node, in memory its ranks share: the rows its ranks own, then the rows of other
 * nodes that its ratings name, each once. What is needed is surveyed once; then a plan is made
 * once, and each publication moves exactly those rows. A rank's rating rows are cut into batches;
 * panel b holds the rows first needed by batch b of any rank of the node, so that solving batch b
 * overlaps the transfer of panel b + 1.
 *
 * Ratings name the rows of the table by their places in it, through an index of their own. */
#ifndef DG_COMM_ROWS_H
#define DG_COMM_ROWS_H
#include "comm/node.h"
#include "comm/shards.h"
#include "sparse/csr.h"

typedef struct dg_rows dg_rows;

/**
 * Find out which rows the own node needs and does not own. COLLECTIVE.
 *
 * @param[in] nodes      borrowed until dg_rows_destroy
 * @param[in] shards     of the matrix; borrowed
 * @param[in] ratings    own rows that will read the matrix: index = rows of the matrix; borrowed
 * @param[in] long_from  rows of this many ratings or more read nothing; INT64_MAX: all read
 *
 * Cost    one pass over the ratings; 4 bytes a row of the whole matrix per node until
 *         dg_rows_plan or dg_rows_destroy.
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_rows_survey(const dg_nodes *nodes, const dg_shards *shards, const dg_csr *ratings,
                         int64_t long_from, dg_rows **out, dg_err *err);

/** Rows that this rank's node would receive each time, and send; counted by its first rank, 0 on
 *  the others. LOCAL. */
int64_t dg_rows_received(const dg_rows *r);
int64_t dg_rows_sent(const dg_rows *r);

/**
 * Make the plan and the table of rows of n_cols floats, zeroed. COLLECTIVE, once.
 * Cost    4 n_cols bytes a row of the table per node, about 30 bytes a received row, 4 bytes a
 *         rating (the index).
 * Errors  DG_ERR_NOMEM; DG_ERR_UNAVAILABLE PETSc cannot be loaded; agreed.
 */
dg_status dg_rows_plan(dg_rows *r, int n_cols, dg_err *err);

/** (entries of the ratings,) the place of each entry's row in the table; those of long rows mean
 *  nothing. Valid until dg_rows_destroy. LOCAL. */
int32_t *dg_rows_index(const dg_rows *r);

/** The table, (places, n_cols). LOCAL. */
float *dg_rows_table(const dg_rows *r);

/** Places of this rank's own rows, in order; it may write them. LOCAL. */
dg_range dg_rows_own(const dg_rows *r);

/** Batches the ratings' rows are cut in, the same on every rank. LOCAL. */
int dg_rows_batches(const dg_rows *r);

/** Rating rows of batch b; the batches follow each other and make up all own rows. LOCAL. */
dg_range dg_rows_batch(const dg_rows *r, int b);

/** Own rows are written and stay so until all batches are awaited: start to move them. COLLECTIVE.
 */
void dg_rows_begin(dg_rows *r);

/** Return when the rows that batches up to b need are there; later ones may be on their way.
 *  COLLECTIVE in so far as every rank awaits the last batch; by the thread that started MPI. */
void dg_rows_await(dg_rows *r, int b);

/** Let MPI move on: nothing is transferred while nobody calls it. Cheap; between row solves, by the
 *  thread that started MPI. LOCAL. */
void dg_rows_poke(const dg_rows *r);

/** COLLECTIVE, NULL-safe. */
void dg_rows_destroy(dg_rows **r);

#endif
