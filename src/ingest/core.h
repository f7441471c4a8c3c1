/* core.h - count ratings per user and item, and drop those with too few until all have enough. */
#ifndef DG_INGEST_CORE_H
#define DG_INGEST_CORE_H
#include "ingest/directory.h"
#include "ingest/events.h"

enum { DG_CORE_PASSES_NOTED = 16 };

typedef struct dg_core {              /* free with dg_core_free */
    int64_t *user_count, *item_count; /* (own ids,) ratings left, at the directories' owners */
    int64_t left;                     /* ratings left, over all ranks */
    int64_t dropped;                  /* ratings dropped by the minima, over all ranks */
    int64_t crowd_users, crowd;       /* users above the maximum, and their ratings */
    int64_t passes;                   /* passes that dropped some */
    int64_t pass_left[DG_CORE_PASSES_NOTED]; /* ratings left after each of the first of them */
} dg_core;

/**
 * Drop users with more than max_user ratings (crawlers, tills), once; then
 * drop the ratings of users with less than min_user and of items with less than min_item, and again
 * until nothing changes: what is left is the same in whatever order it is done. COLLECTIVE.
 *
 * @param[in,out] events  the training ratings of this rank, coded by the two directories' ids
 * @param[in]     max_user  0 or less: no limit
 * @param[in]     min_*   1 or less: any
 *
 * Cost    per pass: one scan of the ratings, 32 bytes sent per local id. One pass where nothing is
 *         dropped.
 * Errors  DG_ERR_NOMEM, agreed; *out is then empty.
 */
dg_status dg_core_run(const dg_comm *c, const dg_directory *users, const dg_directory *items,
                      int64_t max_user, int64_t min_user, int64_t min_item, dg_events *events,
                      dg_core *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_core_free(dg_core *k);

#endif
