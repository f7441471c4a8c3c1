/* mtx.h - MatrixMarket coordinate files: "user item value" a line, behind a banner and sizes. */
#ifndef DG_TABLE_MTX_H
#define DG_TABLE_MTX_H
#include "table/record.h"

/**
 * Read banner, comments and sizes. LOCAL.
 *
 * @param[in]  d    of DG_FORMAT_MTX
 * @param[out] out  row, column and, but for a pattern, value as user, item and value
 *
 * Errors  DG_ERR_DATA another kind of matrix (dense, complex, symmetric), no sizes; those of
 * split.h. Source  Boisvert, Pozo, Remington 1996, "The Matrix Market exchange formats", NISTIR
 * 5935.
 */
dg_status dg_mtx_layout(const dg_source *source, const dg_dialect *d, dg_layout *out, dg_err *err);

#endif
