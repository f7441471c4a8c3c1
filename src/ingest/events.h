/* events.h - the ratings a rank has read, in input order and in few bytes: 12 each, 20 with times.
 */
#ifndef DG_INGEST_EVENTS_H
#define DG_INGEST_EVENTS_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DG_CHUNK_BITS = 11, DG_CHUNK = 1 << DG_CHUNK_BITS };

typedef struct dg_chunk { /* memory grows by chunks: nothing is ever copied to grow */
    int32_t user[DG_CHUNK], item[DG_CHUNK]; /* codes of the local dictionaries */
    float value[DG_CHUNK];
    int64_t time[]; /* (DG_CHUNK,) where the data has times */
} dg_chunk;

/* Zero-initialise and set `timed`; free with dg_events_free. */
typedef struct dg_events {
    int64_t n;
    bool timed;
    dg_chunk **chunk;
    size_t n_chunks, capacity;
} dg_events;

typedef struct dg_rating { /* one of them */
    int32_t user, item;
    float value;
    int64_t time; /* 0 where the data has no times */
} dg_rating;

/** Make room for one more (for dg_events_add). LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_events__grow(dg_events *e, dg_err *err);

/** Append. LOCAL, O(1). Errors DG_ERR_NOMEM. */
static inline dg_status dg_events_add(dg_events *e, dg_rating r, dg_err *err)
{
    if ((size_t)e->n == e->n_chunks * DG_CHUNK) {
        const dg_status st = dg_events__grow(e, err);
        if (st != DG_OK) return st;
    }
    dg_chunk *c = e->chunk[e->n_chunks - 1];
    const size_t at = (size_t)e->n++ & (DG_CHUNK - 1);
    c->user[at] = r.user;
    c->item[at] = r.item;
    c->value[at] = r.value;
    if (e->timed) c->time[at] = r.time;
    return DG_OK;
}

/** Read event k. LOCAL. */
static inline dg_rating dg_events_at(const dg_events *e, int64_t k)
{
    const dg_chunk *c = e->chunk[k >> DG_CHUNK_BITS];
    const size_t at = (size_t)k & (DG_CHUNK - 1);
    return (dg_rating){c->user[at], c->item[at], c->value[at], e->timed ? c->time[at] : 0};
}

/** Drop the events of users and items whose flag is 0, keeping the order. LOCAL, O(n). */
void dg_events_keep(dg_events *e, const uint8_t *user_stays, const uint8_t *item_stays);

/** Drop the events whose flag is 0, keeping the order. LOCAL, O(n).
 *  @param[in] stays  (n,) one of each event */
void dg_events_pick(dg_events *e, const int64_t *stays);

/**
 * Deal events over heaps, each heap in their order. LOCAL, O(n).
 *
 * @param[in,out] e     empty afterwards, also on failure; chunks are freed as they are dealt
 * @param[in]     user  heap of each user, -1 to drop the user's events
 * @param[in]     item  row of each item, < 0 to drop the item's events
 * @param[out]    heap  (n,) zeroed; caller frees each
 *
 * Errors  DG_ERR_NOMEM; what was dealt stays in the heaps.
 */
dg_status dg_events_deal(dg_events *e, const int32_t *user, const int64_t *item, dg_events *heap,
                         int n, dg_err *err);

/** Add each event to the count of its user and its item. LOCAL, O(n). */
void dg_events_count(const dg_events *e, int64_t *per_user, int64_t *per_item);

/** LOCAL, twice-safe. */
void dg_events_free(dg_events *e);

#endif
