/* basis.h - turn both factor matrices into the eigenbasis of one side's Gram matrix.
 *
 * Scores do not change when both sides are rotated together. In the eigenbasis the part of a row's
 * matrix that all rows share is diagonal, which makes it a preconditioner that costs nothing
 * (docs/algorithms/als.md). Internal to als/. */
#ifndef DG_MODELS_ALS_BASIS_H
#define DG_MODELS_ALS_BASIS_H
#include "models/als/table.h"
#include "sparse/csr.h"

#include <stdbool.h>

typedef struct dg_als_basis { /* of k columns; zero-initialise; dg_als_basis_free */
    int k;
    double *gram;    /* (k, k) then its eigenvectors, one a row */
    double *value;   /* (k,) eigenvalues */
    float *rotation; /* (k, k) */
    float *block;    /* rows being rotated */
    float *average;  /* (k,) mean square of each column over the entries, after the rotation */
} dg_als_basis;

/** Room for k columns. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_als_basis_create(int k, dg_als_basis *out, dg_err *err);
void dg_als_basis_free(dg_als_basis *b);

/**
 * Rotate the first k columns of the own rows of the table's factors, which are then published, and
 * of `other`, which are not: they are about to be replaced. COLLECTIVE.
 *
 * @param[in] entries   ratings of the table's own rows: row lengths weigh the average
 * @param[in] weighted  weigh the Gram by row lengths too (ratings have no Gram of their own)
 *
 * Cost    3 n k^2 flops a side, 9 k^3 on rank 0, one broadcast of k^2 numbers.
 * Errors  DG_ERR_NUMERIC the Gram is not finite; DG_ERR_NOMEM; agreed.
 */
dg_status dg_als_basis_enter(const dg_comm *c, dg_als_basis *b, const dg_shards *shards,
                             dg_als_table *table, const dg_csr *entries, bool weighted,
                             const dg_shards *other_shards, dg_matrix *other, dg_err *err);

#endif
