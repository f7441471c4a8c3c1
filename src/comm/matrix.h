/* matrix.h - a factor matrix, whose rows live once per node in memory its ranks share.
 *
 * A rank writes the rows of its own shards in place; dg_matrix_publish and dg_matrix_await let the
 * others see them. Two ways to hold the rows of other nodes: all of them (`replicate`), or those
 * that the own ratings name (`rows`, rows.h). A third kind holds the own rows and nothing else. */
#ifndef DG_COMM_MATRIX_H
#define DG_COMM_MATRIX_H
#include "comm/rows.h"
#include "comm/shards.h"

typedef struct dg_matrix {
    float *at;      /* (…, n_cols) row-major, 64-byte aligned; readable everywhere */
    int64_t n_rows; /* of the whole matrix */
    int n_cols;
    int64_t first; /* number of the row at `at`: 0, or that of the first own row */
    dg_range own;  /* rows this rank may write */
    dg_rows *rows; /* borrowed; NULL where `at` holds whole runs of rows */
    struct dg_matrix_window *window;
    float *alone; /* own rows alone: what `at` is */
} dg_matrix;

/** A zeroed matrix with the rows of `shards`, all of them on every node. COLLECTIVE.
 *  Cost 4 n_rows n_cols bytes per node. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_matrix_create(const dg_comm *c, const dg_shards *shards, int n_cols, dg_matrix *out,
                           dg_err *err);

/** A zeroed matrix of the own rows alone; publishing it moves nothing. COLLECTIVE.
 *  Cost 4 n_cols bytes an own row. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_matrix_create_own(const dg_comm *c, const dg_shards *shards, int n_cols,
                               dg_matrix *out, dg_err *err);

/** The table of a plan (`rows`, borrowed) as a matrix. Its rows go by their places in the table:
 *  `own` too. LOCAL. */
void dg_matrix_of_rows(dg_rows *rows, const dg_shards *shards, int n_cols, dg_matrix *out);

/** Own rows are written: start to let everybody see everybody's. Own rows must not change before
 *  all is awaited. COLLECTIVE.
 *  Cost between nodes: n_rows * n_cols * 4 bytes received per node, or the rows of the plan. */
void dg_matrix_publish(const dg_matrix *m);

/** Batches that the rows of `ratings` are cut in, to be solved one after the other. LOCAL. */
int dg_matrix_batches(const dg_matrix *m);

/** Rows of batch b out of `all`. LOCAL. */
dg_range dg_matrix_batch(const dg_matrix *m, int b, dg_range all);

/** Return when what batches up to b read is there. COLLECTIVE in so far as every rank awaits the
 *  last one before it publishes again; by the thread that started MPI. */
void dg_matrix_await(const dg_matrix *m, int b);

/** Publish and await all. COLLECTIVE. */
void dg_matrix_share(const dg_matrix *m);

/** Let a transfer move on; now and then between row solves, by the thread that started MPI. LOCAL.
 */
void dg_matrix_poke(const dg_matrix *m);

/** COLLECTIVE, twice-safe. */
void dg_matrix_destroy(dg_matrix *m);

/** A row by its number, or by its place in the table of a plan. LOCAL, O(1). */
static inline float *dg_matrix_row(const dg_matrix *m, int64_t row)
{
    return m->at + (row - m->first) * m->n_cols;
}

#endif
