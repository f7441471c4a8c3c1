/* directory.h - the distributed dictionary: where every id meets its namesakes of other ranks.
 *
 * An id lives in the bucket of the top bits of its hash; a rank owns a contiguous run of buckets,
 * so no rank ever holds all ids. The way from local codes to owners is built once; counts then
 * travel to the owners, and answers (row numbers, "dropped") back, as plain integers. */
#ifndef DG_INGEST_DIRECTORY_H
#define DG_INGEST_DIRECTORY_H
#include "comm/comm.h"
#include "ingest/ids.h"

enum { DG_BUCKETS = 4096 };

typedef struct dg_directory {
    const dg_comm *comm;
    dg_ids ids;      /* ids of the own buckets, in no particular order */
    int64_t n_local; /* codes of this rank */
    int32_t *sent;   /* (n_local,) local codes in the order they were sent, by owner */
    int64_t n_received;
    int32_t *place;                   /* (n_received,) which own id each received one is */
    int64_t *send_count, *recv_count; /* (size,) ids sent to and received from each rank */
} dg_directory;

/**
 * Send every local id to its owner. COLLECTIVE; `c` is kept until destroy.
 * Cost    the bytes of the local ids and 12 bytes each, twice over for a moment.
 * Errors  DG_ERR_NOMEM, DG_ERR_DATA (too many ids for one rank); agreed.
 */
dg_status dg_directory_create(const dg_comm *c, const dg_ids *local, dg_directory *out,
                              dg_err *err);

/** Add up local[code] of all ranks at the owner: own (ids.text.n,). COLLECTIVE.
 *  Cost 8 bytes a local id. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_directory_sum(const dg_directory *d, const int64_t *local, int64_t *own, dg_err *err);

/** Tell every rank the owner's number for each of its codes: local (n_local,). COLLECTIVE.
 *  Cost 8 bytes a local id. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_directory_answer(const dg_directory *d, const int64_t *own, int64_t *local,
                              dg_err *err);

/** LOCAL, twice-safe. */
void dg_directory_destroy(dg_directory *d);

#endif
