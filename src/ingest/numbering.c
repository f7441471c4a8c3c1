#include "ingest/numbering.h"

#include "base/memory.h"
#include "comm/exchange.h"

#include <stdlib.h>

typedef struct dg_seat { /* a row on its way to the owner of its shard */
    int64_t count;       /* training ratings */
    int64_t position;    /* sender: the own id; receiver: place among the arrivals */
    int64_t shard;
} dg_seat;

typedef struct dg_dealing { /* rows of this rank's buckets, in (hash, bytes) order */
    int64_t n;
    dg_seat *seat;            /* (n,) */
    dg_strings id;            /* (n,) */
    int64_t *count, *arrived; /* (size,) rows to and from each rank */
    int64_t *per_shard;       /* (n_shards,) rows of each shard */
} dg_dealing;

static void free_dealing(dg_dealing *d)
{
    dg_free(d->seat);
    dg_strings_free(&d->id);
    dg_free(d->count);
    dg_free(d->arrived);
    dg_free(d->per_shard);
}

/* Ids that get a row, in the order rows are dealt. */
static dg_status line_up(const dg_ids *own, const int64_t *count, dg_dealing *d, int64_t *work,
                         dg_err *err)
{
    int32_t *sorted = NULL;
    dg_status st = dg_ids_sorted(own, &sorted, err);
    for (int64_t k = 0; k < own->text.n && st == DG_OK; k++) {
        const int32_t code = sorted[k];
        if (count[code] == DG_NO_ROW) continue;
        size_t length;
        const char *id = dg_strings_at(&own->text, code, &length);
        st = dg_strings_add(&d->id, id, length, err);
        d->seat[d->n++] = (dg_seat){count[code], code, 0};
        *work += count[code] + DG_ROW_WORK;
    }
    dg_free(sorted);
    return st;
}

static dg_status start_dealing(const dg_comm *c, const dg_ids *own, const int64_t *count,
                               int n_shards, dg_dealing *d, int64_t *work, dg_err *err)
{
    d->seat = dg_alloc((size_t)own->text.n, sizeof *d->seat);
    d->count = dg_alloc((size_t)c->size, sizeof *d->count);
    d->arrived = dg_alloc((size_t)c->size, sizeof *d->arrived);
    d->per_shard = dg_alloc((size_t)n_shards, sizeof *d->per_shard);
    if (d->seat == NULL || d->count == NULL || d->arrived == NULL || d->per_shard == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory numbering %lld ids",
                       (long long)own->text.n);
    return line_up(own, count, d, work, err);
}

/* A row belongs to the shard that its first unit of work falls into, as in dg_shards_cut. */
static void deal(const dg_comm *c, dg_dealing *d, int64_t before, int64_t total, int n_shards)
{
    int shard = 0;
    for (int64_t k = 0; k < d->n; k++) {
        while (shard + 1 < n_shards && before >= dg_shards_cut_at(total, shard + 1, n_shards))
            shard++;
        d->seat[k].shard = shard;
        d->per_shard[shard]++;
        d->count[dg_shards_owner(n_shards, shard, c->size)]++;
        before += d->seat[k].count + DG_ROW_WORK;
    }
}

/* Shard by shard, most ratings first; equals stay in (hash, bytes) order, in which they came. */
static int compare_seats(const void *a, const void *b)
{
    const dg_seat *x = a, *y = b;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

/* The owner's part: the number of each arrival, and the ids in row order. */
static dg_status seat_rows(dg_seat *seat, const dg_strings *id, int64_t first, int64_t **number,
                           dg_strings *rows, dg_err *err)
{
    dg_status st = DG_OK;
    *number = dg_alloc((size_t)id->n, sizeof **number);
    if (*number == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory numbering %lld rows", (long long)id->n);
    for (int64_t k = 0; k < id->n; k++) seat[k].position = k;
    qsort(seat, (size_t)id->n, sizeof *seat, compare_seats);
    for (int64_t k = 0; k < id->n && st == DG_OK; k++) {
        size_t n;
        const char *bytes = dg_strings_at(id, seat[k].position, &n);
        (*number)[seat[k].position] = first + k;
        st = dg_strings_add(rows, bytes, n, err);
    }
    return st;
}

/* Rows go to the owners of their shards, their numbers come back the same way. */
static dg_status seat_everywhere(const dg_comm *c, dg_dealing *d, const dg_shards *shards,
                                 dg_strings *rows, int64_t *number, dg_err *err)
{
    void *seat = NULL, *answer = NULL;
    int64_t *given = NULL;
    dg_strings id = {0};
    const int64_t first = dg_shards_rows(shards, c->rank, c->size).begin;
    dg_status st = dg_exchange(c, d->seat, sizeof *d->seat, d->count, &seat, d->arrived, err);
    if (st == DG_OK) st = dg_exchange_strings(c, &d->id, d->count, &id, d->arrived, err);
    if (st == DG_OK) st = dg_agree(c, seat_rows(seat, &id, first, &given, rows, err), err);
    if (st == DG_OK) st = dg_exchange(c, given, sizeof *given, d->arrived, &answer, d->count, err);
    for (int64_t k = 0; k < d->n && st == DG_OK; k++)
        number[d->seat[k].position] = ((int64_t *)answer)[k];
    dg_free(seat);
    dg_strings_free(&id);
    dg_free(given);
    dg_free(answer);
    return st;
}

static dg_status number_rows(const dg_comm *c, const dg_ids *own, const int64_t *count,
                             const char *what, dg_dealing *d, dg_shards *shards, dg_strings *rows,
                             int64_t *number, dg_err *err)
{
    const int n_shards = shards->n;
    int64_t work = 0;
    dg_status st = dg_agree(c, start_dealing(c, own, count, n_shards, d, &work, err), err);
    if (st != DG_OK) return st;

    int64_t total = work;
    const int64_t before = dg_prefix_int64(c, work);
    dg_sum_int64(c, &total, 1);
    deal(c, d, before, total, n_shards);
    dg_sum_int64(c, d->per_shard, n_shards);
    for (int s = 0; s < n_shards; s++) shards->begin[s + 1] = shards->begin[s] + d->per_shard[s];
    if (shards->begin[n_shards] > INT32_MAX)
        return DG_FAIL(err, DG_ERR_DATA, "%lld %s, more than the %d a dataset can hold",
                       (long long)shards->begin[n_shards], what, INT32_MAX);
    for (int64_t k = 0; k < own->text.n; k++) number[k] = DG_NO_ROW;
    return seat_everywhere(c, d, shards, rows, number, err);
}

dg_status dg_number_rows(const dg_comm *c, const dg_ids *own, const int64_t *count,
                         const char *what, int n_shards, dg_shards *shards, dg_strings *rows,
                         int64_t *number, dg_err *err)
{
    dg_dealing dealing = {0};
    *shards = (dg_shards){0};
    *rows = (dg_strings){0};
    dg_status st = dg_agree(c, dg_shards_create(n_shards, shards, err), err);
    if (st == DG_OK) st = number_rows(c, own, count, what, &dealing, shards, rows, number, err);
    free_dealing(&dealing);
    if (st == DG_OK) return DG_OK;
    dg_shards_destroy(shards);
    dg_strings_free(rows);
    return st;
}
