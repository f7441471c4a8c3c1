/* grid.h - how rows and columns are dealt to a grid of ranks: block by block, round and round.
 * Internal to linalg/. */
#ifndef DG_LINALG_GRID_H
#define DG_LINALG_GRID_H
#include "linalg/symmetric.h"

enum { DG_BLOCK_MAX = 128 }; /* BLAS is at full speed on such blocks */

typedef struct dg_grid {
    int rows, columns; /* of ranks; rank r stands at (r / columns, r % columns) */
    int block;         /* rows and columns of a block */
} dg_grid;

struct dg_symmetric {
    dg_comm comm; /* a duplicate */
    int64_t n;
    dg_grid grid;
    int handle;  /* of the communicator in BLACS; -1 where there is none */
    int context; /* of the grid in BLACS */
    int descriptor[9];
    double *at;
    int32_t *row, *column, *place_row, *place_column;
    int n_rows, n_columns, stride;
};

/** The grid for n rows on so many ranks: as square as divides, its rows not more than its columns;
 *  blocks small enough that no rank has a fifth more than its share. LOCAL. */
dg_grid dg_grid_choose(int64_t n, int ranks);

/** Which of `places` has a row (or column). LOCAL. */
static inline int dg_grid_place(const dg_grid *g, int64_t row, int places)
{
    return (int)(row / g->block % places);
}

/** How many rows below `end` a place has. LOCAL. */
int64_t dg_grid_below(const dg_grid *g, int64_t end, int place, int places);

/** The k-th row a place has. LOCAL. */
static inline int64_t dg_grid_row(const dg_grid *g, int64_t k, int place, int places)
{
    return (k / g->block * places + place) * g->block + k % g->block;
}

/** The inverse of a matrix from its Cholesky factor, in place. COLLECTIVE. 2 n^3 / 3 flops; of the
 *  grid's side R = rows, C = columns, a rank needs 8 block (n / R + 2 n / C) bytes beside the
 * matrix and receives 8 n^2 / R. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_symmetric__inverse(dg_symmetric *a, dg_err *err);

#endif
