#include "ingest/events.h"

#include "base/memory.h"

/* One more chunk behind the others: `spare`, unless NULL, or a new one. */
static dg_status add_chunk(dg_events *e, dg_chunk *spare, dg_err *err)
{
    const size_t times = e->timed ? DG_CHUNK * sizeof(int64_t) : 0;
    dg_chunk **grown = dg_grow(e->chunk, e->n_chunks, e->n_chunks + 1, &e->capacity, sizeof *grown);
    if (grown != NULL) e->chunk = grown;
    if (grown != NULL && spare == NULL) spare = dg_alloc(sizeof *spare + times, 1);
    if (grown == NULL || spare == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %lld ratings on one rank",
                       (long long)e->n);
    e->chunk[e->n_chunks++] = spare;
    return DG_OK;
}

dg_status dg_events__grow(dg_events *e, dg_err *err) { return add_chunk(e, NULL, err); }

static void put(dg_events *e, int64_t k, dg_rating r)
{
    dg_chunk *c = e->chunk[k >> DG_CHUNK_BITS];
    const size_t at = (size_t)k & (DG_CHUNK - 1);
    c->user[at] = r.user;
    c->item[at] = r.item;
    c->value[at] = r.value;
    if (e->timed) c->time[at] = r.time;
}

/* Only the first ones are left. */
static void cut_off(dg_events *e, int64_t kept)
{
    e->n = kept;
    while (e->n_chunks > 0 && (size_t)kept <= (e->n_chunks - 1) * DG_CHUNK)
        dg_free(e->chunk[--e->n_chunks]);
}

void dg_events_keep(dg_events *e, const uint8_t *user_stays, const uint8_t *item_stays)
{
    int64_t kept = 0;
    for (int64_t k = 0; k < e->n; k++) {
        const dg_rating r = dg_events_at(e, k);
        if (user_stays[r.user] && item_stays[r.item]) put(e, kept++, r);
    }
    cut_off(e, kept);
}

void dg_events_pick(dg_events *e, const int64_t *stays)
{
    int64_t kept = 0;
    for (int64_t k = 0; k < e->n; k++)
        if (stays[k] != 0) put(e, kept++, dg_events_at(e, k));
    cut_off(e, kept);
}

enum { SPARE_MAX = 64 }; /* chunks kept for the heaps rather than given back */

typedef struct dealer {
    dg_events *from; /* its first n_spare chunks have been dealt */
    size_t n_spare;
    const int32_t *user;
    const int64_t *item;
    dg_events *heap;
} dealer;

static dg_status grow_heap(dealer *d, dg_events *heap, dg_err *err)
{
    dg_chunk *spare = d->n_spare > 0 ? d->from->chunk[d->n_spare - 1] : NULL;
    const dg_status st = add_chunk(heap, spare, err);
    if (st == DG_OK && spare != NULL) d->from->chunk[--d->n_spare] = NULL; /* it is the heap's */
    return st;
}

static dg_status deal_chunk(dealer *d, const dg_chunk *c, int64_t n, dg_err *err)
{
    const bool timed = d->from->timed;
    for (int64_t k = 0; k < n; k++) {
        const int32_t h = d->user[c->user[k]];
        if (h < 0 || d->item[c->item[k]] < 0) continue;
        dg_events *heap = &d->heap[h];
        if ((size_t)heap->n == heap->n_chunks * DG_CHUNK) {
            const dg_status st = grow_heap(d, heap, err);
            if (st != DG_OK) return st;
        }
        dg_chunk *to = heap->chunk[heap->n_chunks - 1];
        const size_t at = (size_t)heap->n++ & (DG_CHUNK - 1);
        to->user[at] = c->user[k];
        to->item[at] = c->item[k];
        to->value[at] = c->value[k];
        if (timed) to->time[at] = c->time[k];
    }
    return DG_OK;
}

dg_status dg_events_deal(dg_events *e, const int32_t *user, const int64_t *item, dg_events *heap,
                         int n, dg_err *err)
{
    dealer d = {.from = e, .user = user, .item = item, .heap = heap};
    dg_status st = DG_OK;
    for (int h = 0; h < n; h++) heap[h].timed = e->timed;
    for (size_t k = 0; k < e->n_chunks && st == DG_OK; k++) {
        const int64_t left = e->n - (int64_t)(k * DG_CHUNK);
        dg_chunk *c = e->chunk[k];
        st = deal_chunk(&d, c, left < DG_CHUNK ? left : DG_CHUNK, err);
        e->chunk[k] = NULL;
        if (d.n_spare < SPARE_MAX)
            e->chunk[d.n_spare++] = c;
        else
            dg_free(c);
    }
    dg_events_free(e);
    return st;
}

void dg_events_count(const dg_events *e, int64_t *per_user, int64_t *per_item)
{
    for (size_t k = 0; k < e->n_chunks; k++) {
        const dg_chunk *c = e->chunk[k];
        const int64_t left = e->n - (int64_t)(k * DG_CHUNK), n = left < DG_CHUNK ? left : DG_CHUNK;
        for (int64_t at = 0; at < n; at++) per_user[c->user[at]]++;
        for (int64_t at = 0; at < n; at++) per_item[c->item[at]]++;
    }
}

void dg_events_free(dg_events *e)
{
    for (size_t k = 0; k < e->n_chunks; k++) dg_free(e->chunk[k]);
    dg_free(e->chunk);
    *e = (dg_events){0};
}
