#include "ingest/directory.h"

#include "base/memory.h"
#include "comm/exchange.h"
#include "comm/shards.h"

#include <string.h>

static int owner_of(const dg_directory *d, uint64_t hash)
{
    return dg_shards_owner(DG_BUCKETS, (int)(hash >> 52), d->comm->size);
}

/* Group the local codes by owner: a counting sort, so equal owners keep the order of codes. */
static dg_status sort_by_owner(const dg_ids *local, dg_directory *d, dg_err *err)
{
    const int size = d->comm->size;
    int64_t *next = dg_alloc((size_t)size + 1, sizeof *next);
    if (next == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory routing ids");
    for (int64_t k = 0; k < d->n_local; k++) d->send_count[owner_of(d, local->hash[k])]++;
    for (int r = 0; r < size; r++) next[r + 1] = next[r] + d->send_count[r];
    for (int64_t k = 0; k < d->n_local; k++)
        d->sent[next[owner_of(d, local->hash[k])]++] = (int32_t)k;
    dg_free(next);
    return DG_OK;
}

static dg_status address(const dg_comm *c, const dg_ids *local, dg_directory *d,
                         dg_strings *sending, dg_err *err)
{
    *d = (dg_directory){.comm = c, .n_local = local->text.n};
    d->sent = dg_alloc((size_t)d->n_local, sizeof *d->sent);
    d->send_count = dg_alloc((size_t)c->size, sizeof *d->send_count);
    d->recv_count = dg_alloc((size_t)c->size, sizeof *d->recv_count);
    if (d->sent == NULL || d->send_count == NULL || d->recv_count == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a directory of %lld ids",
                       (long long)d->n_local);
    dg_status st = sort_by_owner(local, d, err);
    for (int64_t k = 0; k < d->n_local && st == DG_OK; k++) {
        size_t n;
        const char *id = dg_strings_at(&local->text, d->sent[k], &n);
        st = dg_strings_add(sending, id, n, err);
    }
    return st;
}

/* Give every received id its place among the own ones. */
static dg_status merge(dg_directory *d, const dg_strings *received, dg_err *err)
{
    d->n_received = received->n;
    d->place = dg_alloc((size_t)d->n_received, sizeof *d->place);
    dg_status st = DG_OK;
    if (d->place == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory receiving %lld ids",
                     (long long)d->n_received);
    for (int64_t k = 0; k < d->n_received && st == DG_OK; k++) {
        size_t n;
        const char *id = dg_strings_at(received, k, &n);
        st = dg_ids_code(&d->ids, id, n, &d->place[k], err);
    }
    return st;
}

dg_status dg_directory_create(const dg_comm *c, const dg_ids *local, dg_directory *out, dg_err *err)
{
    dg_strings sending = {0}, received = {0};
    dg_status st = dg_agree(c, address(c, local, out, &sending, err), err);
    if (st == DG_OK)
        st = dg_exchange_strings(c, &sending, out->send_count, &received, out->recv_count, err);
    dg_strings_free(&sending);
    if (st == DG_OK) st = dg_agree(c, merge(out, &received, err), err);
    dg_strings_free(&received);
    if (st != DG_OK) dg_directory_destroy(out);
    return st;
}

/* Exchange from[pick[k]] for k of [0, n): one integer for each id of a route, there or back. */
static dg_status relay(const dg_directory *d, const int64_t *from, const int32_t *pick, int64_t n,
                       const int64_t *send_count, int64_t **received, dg_err *err)
{
    void *arrived = NULL;
    int64_t *count = dg_alloc((size_t)d->comm->size, sizeof *count);
    int64_t *sending = dg_alloc((size_t)n, sizeof *sending);
    dg_status st = DG_OK;
    if (count == NULL || sending == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending %lld counts", (long long)n);
    st = dg_agree(d->comm, st, err);
    if (st == DG_OK) {
        for (int64_t k = 0; k < n; k++) sending[k] = from[pick[k]];
        st = dg_exchange(d->comm, sending, sizeof *sending, send_count, &arrived, count, err);
    }
    dg_free(sending);
    dg_free(count);
    *received = arrived;
    return st;
}

dg_status dg_directory_sum(const dg_directory *d, const int64_t *local, int64_t *own, dg_err *err)
{
    int64_t *received;
    const dg_status st = relay(d, local, d->sent, d->n_local, d->send_count, &received, err);
    if (st != DG_OK) return st;
    memset(own, 0, (size_t)d->ids.text.n * sizeof *own);
    for (int64_t k = 0; k < d->n_received; k++) own[d->place[k]] += received[k];
    dg_free(received);
    return DG_OK;
}

dg_status dg_directory_answer(const dg_directory *d, const int64_t *own, int64_t *local,
                              dg_err *err)
{
    int64_t *received;
    const dg_status st = relay(d, own, d->place, d->n_received, d->recv_count, &received, err);
    if (st != DG_OK) return st;
    for (int64_t k = 0; k < d->n_local; k++) local[d->sent[k]] = received[k];
    dg_free(received);
    return DG_OK;
}

void dg_directory_destroy(dg_directory *d)
{
    dg_ids_free(&d->ids);
    dg_free(d->sent);
    dg_free(d->place);
    dg_free(d->send_count);
    dg_free(d->recv_count);
    *d = (dg_directory){0};
}
