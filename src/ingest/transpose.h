/* transpose.h - rows by user become rows by item, at the owners of the items. */
#ifndef DG_INGEST_TRANSPOSE_H
#define DG_INGEST_TRANSPOSE_H
#include "comm/shards.h"
#include "sparse/csr.h"

/**
 * Transpose a matrix whose rows are dealt over ranks in order. COLLECTIVE.
 *
 * @param[in]  by_row   this rank's rows; ranks hold ascending ranges
 * @param[in]  columns  shards of the columns, same on every rank
 * @param[in]  batch    entries worth a round, 0: 2^18
 * @param[out] out      rows = columns of this rank's shards, entries sorted by old row number;
 *                      empty on failure
 *
 * Cost    12 bytes on the wire per entry that changes ranks, and twice as many in memory for
 *         those of the largest round; 8 bytes per entry of the result and per own column, and 4 per
 *         row and rank where that is less than half a byte per entry. Time: the entries, and the
 *         product of rows, ranks and rounds.
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_transpose(const dg_comm *c, const dg_csr *by_row, const dg_shards *columns,
                       int64_t batch, dg_csr *out, dg_err *err);

#endif
