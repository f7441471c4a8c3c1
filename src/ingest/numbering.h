/* numbering.h - from ids to global rows: the shards, the order of rows inside them, who owns what.
 *
 * Rows are dealt in the order of (hash, bytes), which mixes popular and rare ones; shards are cut
 * where the work (ratings + DG_ROW_WORK) reaches equal shares; inside a shard the popular rows come
 * first, so that they sit together in memory. None of it depends on the number of ranks. */
#ifndef DG_INGEST_NUMBERING_H
#define DG_INGEST_NUMBERING_H
#include "comm/shards.h"
#include "ingest/ids.h"

enum { DG_ROW_WORK = 32 }; /* what a row costs besides its ratings, in ratings */

enum { DG_NO_ROW = -1 }; /* as a count: this id gets no row; as a number: it got none */

/**
 * Number the rows of one side. COLLECTIVE.
 *
 * @param[in]  own       the ids of this rank's buckets (dg_directory.ids)
 * @param[in]  count     (own->text.n,) training ratings of each, or DG_NO_ROW
 * @param[in]  what      "users" or "items", for messages
 * @param[in]  n_shards  shards to cut, same on every rank
 * @param[out] shards    same on every rank; caller destroys
 * @param[out] rows      ids of the rows of this rank's shards, in row order; caller frees
 * @param[out] number    (own->text.n,) global row of each own id, or DG_NO_ROW
 *
 * Cost    the bytes of the ids and 24 bytes each, sent once; O(n log n).
 * Errors  DG_ERR_DATA for more than 2^31-1 rows; DG_ERR_NOMEM; agreed. Nothing is left to free.
 */
dg_status dg_number_rows(const dg_comm *c, const dg_ids *own, const int64_t *count,
                         const char *what, int n_shards, dg_shards *shards, dg_strings *rows,
                         int64_t *number, dg_err *err);

#endif
