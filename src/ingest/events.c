#include "ingest/events.h"

#include "base/memory.h"

static void free_chunk(dg_chunk *c)
{
    if (c == NULL) return;
    dg_free(c->time);
    dg_free(c);
}

static dg_status add_chunk(dg_events *e, dg_err *err)
{
    dg_chunk **grown = dg_grow(e->chunk, e->n_chunks, e->n_chunks + 1, &e->capacity, sizeof *grown);
    dg_chunk *c = grown == NULL ? NULL : dg_alloc(1, sizeof *c);
    if (grown != NULL) e->chunk = grown;
    if (c != NULL && e->timed) c->time = dg_alloc(DG_CHUNK, sizeof *c->time);
    if (c == NULL || (e->timed && c->time == NULL)) {
        free_chunk(c);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %lld ratings on one rank",
                       (long long)e->n);
    }
    e->chunk[e->n_chunks++] = c;
    return DG_OK;
}

static void put(dg_events *e, int64_t k, dg_rating r)
{
    dg_chunk *c = e->chunk[k >> DG_CHUNK_BITS];
    const size_t at = (size_t)k & (DG_CHUNK - 1);
    c->user[at] = r.user;
    c->item[at] = r.item;
    c->value[at] = r.value;
    if (c->time != NULL) c->time[at] = r.time;
}

dg_status dg_events_add(dg_events *e, dg_rating r, dg_err *err)
{
    if ((size_t)e->n == e->n_chunks * DG_CHUNK) {
        const dg_status st = add_chunk(e, err);
        if (st != DG_OK) return st;
    }
    put(e, e->n++, r);
    return DG_OK;
}

void dg_events_keep(dg_events *e, const uint8_t *user_stays, const uint8_t *item_stays)
{
    int64_t kept = 0;
    for (int64_t k = 0; k < e->n; k++) {
        const dg_rating r = dg_events_at(e, k);
        if (user_stays[r.user] && item_stays[r.item]) put(e, kept++, r);
    }
    e->n = kept;
    while (e->n_chunks > 0 && (size_t)kept <= (e->n_chunks - 1) * DG_CHUNK)
        free_chunk(e->chunk[--e->n_chunks]);
}

static dg_status deal_chunk(const dg_events *e, int64_t begin, const int32_t *user,
                            const int64_t *item, dg_events *heap, dg_err *err)
{
    const int64_t end = e->n - begin < DG_CHUNK ? e->n : begin + DG_CHUNK;
    dg_status st = DG_OK;
    for (int64_t k = begin; k < end && st == DG_OK; k++) {
        const dg_rating r = dg_events_at(e, k);
        if (user[r.user] >= 0 && item[r.item] >= 0) st = dg_events_add(&heap[user[r.user]], r, err);
    }
    return st;
}

dg_status dg_events_deal(dg_events *e, const int32_t *user, const int64_t *item, dg_events *heap,
                         int n, dg_err *err)
{
    dg_status st = DG_OK;
    for (int h = 0; h < n; h++) heap[h].timed = e->timed;
    for (size_t k = 0; k < e->n_chunks; k++) {
        if (st == DG_OK) st = deal_chunk(e, (int64_t)(k * DG_CHUNK), user, item, heap, err);
        free_chunk(e->chunk[k]);
        e->chunk[k] = NULL;
    }
    dg_events_free(e);
    return st;
}

void dg_events_count(const dg_events *e, int64_t *per_user, int64_t *per_item)
{
    for (int64_t k = 0; k < e->n; k++) {
        const dg_rating r = dg_events_at(e, k);
        per_user[r.user]++;
        per_item[r.item]++;
    }
}

void dg_events_free(dg_events *e)
{
    for (size_t k = 0; k < e->n_chunks; k++) free_chunk(e->chunk[k]);
    dg_free(e->chunk);
    *e = (dg_events){0};
}
