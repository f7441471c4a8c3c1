/* duplicates.h - one user met one item several times: what becomes of the events. */
#ifndef DG_INGEST_DUPLICATES_H
#define DG_INGEST_DUPLICATES_H
#include "base/status.h"
#include "ingest/event.h"

typedef enum dg_duplicates {
    DG_DUPLICATES_SUM,   /* values added, oldest first, in double precision */
    DG_DUPLICATES_MAX,   /* the largest value */
    DG_DUPLICATES_LAST,  /* the newest event */
    DG_DUPLICATES_FIRST, /* the oldest event */
    DG_DUPLICATES_COUNT  /* how many events, whatever their values */
} dg_duplicates;

/**
 * Leave one event of each item of a user. LOCAL.
 *
 * Older and newer go by time, then by place in the input. The merged event keeps the time and place
 * of its newest event, of its oldest one under DG_DUPLICATES_FIRST.
 *
 * @param[in,out] row  (*n,) events of one user, item by item, those of an item in input order
 * @param[in,out] n    events before, and after
 * Cost    O(n); O(n log n) among the events about one item.
 * Errors  DG_ERR_DATA when a sum is more than a float can hold.
 */
dg_status dg_merge_duplicates(dg_event *row, int64_t *n, dg_duplicates policy, dg_err *err);

#endif
