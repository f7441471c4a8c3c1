/* gram.h - sums over the rows of a factor matrix, in the shards' fixed order. Internal to als/. */
#ifndef DG_MODELS_ALS_GRAM_H
#define DG_MODELS_ALS_GRAM_H
#include "comm/matrix.h"
#include "sparse/csr.h"

/**
 * Gram matrix of the first k columns: out (k, k), whole square. COLLECTIVE.
 * @param[in] entries  ratings of the own rows: each row counts as often as it has entries; NULL:
 *                     each row counts once
 * Cost    n k^2 flops in double. Same bits on any ranks. Errors DG_ERR_NOMEM, agreed.
 */
dg_status dg_als_gram(const dg_comm *c, const dg_shards *shards, const dg_matrix *m, int k,
                      const dg_csr *entries, double *out, dg_err *err);

/** Sum of the squares of each of the first k columns, rows counting as often as they have entries:
 *  out (k,). COLLECTIVE. Same bits on any ranks. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_als_squares(const dg_comm *c, const dg_shards *shards, const dg_matrix *m, int k,
                         const dg_csr *entries, double *out, dg_err *err);

#endif
