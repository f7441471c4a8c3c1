/* nearest.h - the longest lists a rank has room for: the best neighbours met so far, of every
 * column, until the ranks' lists are merged. Internal to models/neighbors. */
#ifndef DG_MODELS_NEIGHBORS_NEAREST_H
#define DG_MODELS_NEIGHBORS_NEAREST_H
#include "comm/shards.h"
#include "ranking/topk.h"
#include "sparse/csr.h"

#include <float.h>

typedef struct dg_nearest {
    int32_t n;     /* columns */
    int room;      /* longest list */
    dg_topk *best; /* (n,) */
    float *least;  /* (n,) a lower similarity cannot enter; never below -FLT_MAX */
    dg_hit *hit;   /* (n, room) */
} dg_nearest;

/** Empty lists of up to `room`. LOCAL. 8 (room + 4) bytes a column. Errors DG_ERR_NOMEM. */
dg_status dg_nearest_create(int32_t n, int room, dg_nearest *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_nearest_free(dg_nearest *l);

/** Offer a neighbour to the list at `at`; false where its similarity is not finite. LOCAL; lists
 *  may be filled by different threads at a time, one list by one. */
bool dg_nearest_offer(dg_nearest *l, int32_t at, int32_t neighbor, float similarity);

/** Merge all ranks' lists at the owners of the columns, neighbours ascending; `id` (n,) is the
 *  column of each list here.
 *  Uses the lists up. COLLECTIVE. n room 12 bytes on the wire a rank. Errors DG_ERR_NOMEM. */
dg_status dg_nearest_merge(const dg_comm *c, dg_nearest *l, const int32_t *id,
                           const dg_shards *columns, dg_csr *out, dg_err *err);

#endif
