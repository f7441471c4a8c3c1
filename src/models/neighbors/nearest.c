#include "models/neighbors/nearest.h"

#include "base/memory.h"
#include "comm/exchange.h"

#include <math.h>
#include <stdlib.h>

dg_status dg_nearest_create(int32_t n, int room, dg_nearest *out, dg_err *err)
{
    *out = (dg_nearest){.n = n, .room = room};
    out->best = dg_alloc((size_t)n, sizeof *out->best);
    out->least = dg_alloc((size_t)n, sizeof *out->least);
    out->hit = dg_alloc((size_t)n * (size_t)room, sizeof *out->hit);
    if (out->best == NULL || out->least == NULL || out->hit == NULL) {
        dg_nearest_free(out);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d lists of %d neighbours", (int)n,
                       room);
    }
    for (int32_t k = 0; k < n; k++) {
        out->best[k] = dg_topk_start(out->hit + (size_t)k * (size_t)room, room);
        out->least[k] = room > 0 ? -FLT_MAX : FLT_MAX;
    }
    return DG_OK;
}

void dg_nearest_free(dg_nearest *l)
{
    dg_free(l->best);
    dg_free(l->least);
    dg_free(l->hit);
    *l = (dg_nearest){0};
}

bool dg_nearest_offer(dg_nearest *l, int32_t at, int32_t neighbor, float similarity)
{
    dg_topk *best = l->best + at;
    if (!isfinite(similarity)) return false;
    dg_topk_offer(best, (dg_hit){similarity, neighbor});
    if (best->n == best->k) l->least[at] = best->threshold;
    return true;
}

typedef struct dg_met { /* a neighbour on its way to the list's owner */
    int32_t list;
    dg_hit hit;
} dg_met;

/* All hits, grouped by owner. */
static dg_status pack(const dg_comm *c, const dg_nearest *l, const int32_t *id,
                      const dg_shards *columns, dg_met **out, int64_t *count, dg_err *err)
{
    int64_t n = 0;
    int32_t *place = dg_alloc((size_t)l->n, sizeof *place);
    for (int32_t k = 0; k < l->n; k++) n += l->best[k].n;
    *out = dg_alloc((size_t)n, sizeof **out);
    if (place == NULL || *out == NULL) {
        dg_free(place);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending %lld neighbours", (long long)n);
    }
    for (int32_t k = 0; k < l->n; k++) place[id[k]] = k;
    dg_met *to = *out;
    for (int r = 0; r < c->size; r++) {
        const dg_range own = dg_shards_rows(columns, r, c->size);
        const dg_met *before = to;
        for (int64_t column = own.begin; column < own.end; column++) {
            const dg_topk *best = l->best + place[column];
            for (int k = 0; k < best->n; k++) *to++ = (dg_met){(int32_t)column, best->hit[k]};
        }
        count[r] = to - before;
    }
    dg_free(place);
    return DG_OK;
}

static int by_index(const void *a, const void *b)
{
    const dg_hit *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* Lists of own columns out of hits in any order. */
static dg_status build(dg_range own, int room, const dg_met *met, int64_t n, dg_csr *out,
                       dg_err *err)
{
    dg_nearest lists;
    int64_t total = 0;
    dg_status st = dg_nearest_create((int32_t)(own.end - own.begin), room, &lists, err);
    if (st != DG_OK) return st;
    for (int64_t k = 0; k < n; k++)
        dg_nearest_offer(&lists, (int32_t)(met[k].list - own.begin), met[k].hit.index,
                         met[k].hit.score);
#pragma omp parallel for schedule(dynamic, 64) reduction(+ : total)
    for (int32_t k = 0; k < lists.n; k++) {
        total += dg_topk_finish(&lists.best[k]);
        qsort(lists.best[k].hit, (size_t)lists.best[k].n, sizeof(dg_hit), by_index);
    }
    st = dg_csr_create(own.begin, own.end, total, out, err);
    int64_t to = 0;
    for (int32_t k = 0; k < lists.n && st == DG_OK; k++) {
        for (int j = 0; j < lists.best[k].n; j++, to++) {
            out->index[to] = lists.best[k].hit[j].index;
            out->value[to] = lists.best[k].hit[j].score;
        }
        out->ptr[k + 1] = to;
    }
    dg_nearest_free(&lists);
    return st;
}

dg_status dg_nearest_merge(const dg_comm *c, dg_nearest *l, const int32_t *id,
                           const dg_shards *columns, dg_csr *out, dg_err *err)
{
    const int room = l->room;
    int64_t *count = dg_alloc(2 * (size_t)c->size, sizeof *count), n = 0;
    dg_met *send = NULL;
    void *recv = NULL;
#pragma omp parallel for schedule(dynamic, 64)
    for (int32_t k = 0; k < l->n; k++) dg_topk_finish(&l->best[k]);
    dg_status st = count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending neighbours")
                                 : pack(c, l, id, columns, &send, count, err);
    st = dg_agree(c, st, err);
    dg_nearest_free(l);
    if (st == DG_OK) st = dg_exchange(c, send, sizeof *send, count, &recv, count + c->size, err);
    dg_free(send);
    for (int r = 0; r < c->size && st == DG_OK; r++) n += count[c->size + r];
    const dg_range own = dg_shards_rows(columns, c->rank, c->size);
    if (st == DG_OK) st = dg_agree(c, build(own, room, recv, n, out, err), err);
    if (st != DG_OK) dg_csr_free(out);
    dg_free(recv);
    dg_free(count);
    return st;
}
