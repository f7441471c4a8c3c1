/* symmetric.h - a dense symmetric matrix over all ranks, and its inverse. The only door to
 * ScaLAPACK.
 *
 * The ranks stand in a grid as square as their number allows. Rows and columns are dealt to it in
 * blocks, round and round, as ScaLAPACK wants it, so every rank has its part of the work to the
 * end. Only the lower triangle counts: elements of row >= column. */
#ifndef DG_LINALG_SYMMETRIC_H
#define DG_LINALG_SYMMETRIC_H
#include "comm/shards.h"

typedef struct dg_symmetric dg_symmetric;

/* A rank's part. Element (row[r], column[c]) is at[c * stride + r]. */
typedef struct dg_tiles {
    double *at;
    int64_t stride;
    int n_rows, n_columns;       /* here */
    const int32_t *row, *column; /* (n_rows,), (n_columns,) of the whole matrix, ascending */
    const int32_t *place_row;    /* (n,) r of a row, -1 where it is another rank's */
    const int32_t *place_column; /* (n,) likewise */
} dg_tiles;

/** A zero matrix of n rows. COLLECTIVE.
 *  Cost    8 n^2 / P bytes a rank and at most a block more each way, and 16 n bytes.
 *  Errors  DG_ERR_CONFIG n is 0, or a rank's part has more elements than ScaLAPACK can count
 *          (2^31); DG_ERR_NOMEM; agreed. */
dg_status dg_symmetric_create(const dg_comm *c, int64_t n, dg_symmetric **out, dg_err *err);

/** COLLECTIVE, NULL-safe. */
void dg_symmetric_destroy(dg_symmetric **a);

/** The own part, to read and to fill. Valid until destroy. LOCAL. */
dg_tiles dg_symmetric_tiles(const dg_symmetric *a);

/**
 * Replace a positive definite matrix by its inverse. COLLECTIVE.
 *
 * BLAS uses the threads that OpenMP would. Same bits at an equal number of ranks and threads;
 * other numbers of them agree to about 16 digits, less those of the matrix' condition.
 *
 * @param[out] pivot  the first row that depends on those before it, as far as doubles can tell
 *                    (its pivot is below n epsilon of its diagonal element); -1 where there is none
 * Cost    n^3 flops in all.
 * Errors  DG_ERR_NUMERIC with that row, or where elements are not finite: the matrix is then of no
 *         use; DG_ERR_NOMEM; agreed.
 * Source  Choi et al. 1996, "ScaLAPACK: a portable linear algebra library for distributed memory
 *         computers": pdpotrf; the inverse from the factor is ours (docs/decisions/0016). One rank:
 *         LAPACK's dpotrf, dpotri.
 */
dg_status dg_symmetric_invert(dg_symmetric *a, int64_t *pivot, dg_err *err);

/* What is told of each column j; column (n,) is whole, and valid for the call. LOCAL. */
typedef dg_status (*dg_column_visit)(void *context, int64_t j, const double *column, dg_err *err);

/**
 * Show every column, both triangles, to the rank that owns it: those of its shards. They come in
 * ascending order. COLLECTIVE.
 *
 * Cost    8 n^2 bytes on the wire; memory for a few columns, about a twentieth of the own part.
 * Errors  those of `visit`, agreed; DG_ERR_NOMEM.
 */
dg_status dg_symmetric_columns(const dg_symmetric *a, const dg_shards *shards,
                               dg_column_visit visit, void *context, dg_err *err);

#endif
