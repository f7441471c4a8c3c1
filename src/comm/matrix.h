/* matrix.h - a factor matrix held once per node in an MPI-3 shared-memory window.
 *
 * Rows are global; a rank writes the rows of its own shards in place, then dg_matrix_publish makes
 * them visible to every rank: a barrier inside a node, an all-gather between nodes. This is the
 * `replicate` strategy of docs/architecture.md. */
#ifndef DG_COMM_MATRIX_H
#define DG_COMM_MATRIX_H
#include "comm/shards.h"

typedef struct dg_matrix {
    float *at;      /* (n_rows, n_cols) row-major, 64-byte aligned; readable everywhere */
    int64_t n_rows; /* of the whole matrix */
    int n_cols;
    dg_range own; /* rows this rank may write */
    struct dg_matrix_window *window;
} dg_matrix;

/** A zeroed matrix with the rows of `shards`. COLLECTIVE.
 *  Cost 4 n_rows n_cols bytes per node. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_matrix_create(const dg_comm *c, const dg_shards *shards, int n_cols, dg_matrix *out,
                           dg_err *err);

/** Own rows are written: let everybody see everybody's. COLLECTIVE.
 *  Cost between nodes: n_rows * n_cols * 4 bytes received per node. */
void dg_matrix_publish(dg_matrix *m);

/** COLLECTIVE, twice-safe. */
void dg_matrix_destroy(dg_matrix *m);

/** A row. LOCAL, O(1). */
static inline float *dg_matrix_row(const dg_matrix *m, int64_t row)
{
    return m->at + row * m->n_cols;
}

#endif
