#include "models/slim/cooccurrence.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "models/slim/pieces.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

typedef struct dg_counting {
    const dg_csr *by_item;
    const dg_node_csr *users;
    bool binary;
    int64_t n;
    dg_pieces pieces;
    int64_t bad; /* a row with a sum that is not finite, or -1 */
    bool full;   /* memory ran out */
} dg_counting;

/* One thread's sums of one row. */
typedef struct dg_sums {
    double *sum;   /* (n,) 0 between rows */
    int32_t *item; /* (n,) where sum is not 0, or was made 0 */
    bool *met;     /* (n,) false between rows */
} dg_sums;

static int by_number(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void count_row(dg_counting *g, dg_sums *s, int64_t j)
{
    const dg_row users = dg_csr_row(g->by_item, j);
    dg_piece_row *out = &g->pieces.row[j - g->pieces.own.begin];
    int64_t n = 0;
    for (int64_t k = 0; k < users.n; k++) {
        const dg_node_row row = dg_node_csr_row(g->users, users.index[k]);
        const double x = g->binary ? 1 : (double)users.value[k];
        for (int64_t e = 0; e < row.n; e++) {
            const int32_t i = row.entry[e].index;
            if (!s->met[i]) s->item[n++] = i, s->met[i] = true;
            s->sum[i] += x * (g->binary ? 1 : (double)row.entry[e].value);
        }
    }
    qsort(s->item, (size_t)n, sizeof *s->item, by_number);
    const bool room = dg_pieces_room(out, n);
    for (int64_t k = 0; k < n; k++) {
        const int32_t i = s->item[k];
        if (!isfinite((float)s->sum[i])) {
#pragma omp critical
            g->bad = g->bad < 0 || j < g->bad ? j : g->bad;
        }
        if (room) out->index[k] = i, out->value[k] = (float)s->sum[i];
        s->sum[i] = 0;
        s->met[i] = false;
    }
    if (!room) {
#pragma omp critical
        g->full = true;
    }
}

static void count_share(dg_counting *g)
{
    dg_sums s = {dg_alloc((size_t)g->n, sizeof *s.sum), dg_alloc((size_t)g->n, sizeof *s.item),
                 dg_alloc((size_t)g->n, sizeof *s.met)};
    const bool good = s.sum != NULL && s.item != NULL && s.met != NULL;
    if (!good) {
#pragma omp critical
        g->full = true;
    }
#pragma omp for schedule(dynamic, 8) nowait
    for (int64_t j = g->pieces.own.begin; j < g->pieces.own.end; j++) {
        if (!good || dg_stop_now()) continue; /* what is missing is agreed on afterwards */
        count_row(g, &s, j);
        if (omp_get_thread_num() == 0) dg_progress(j - g->pieces.own.begin, NULL);
    }
    dg_free(s.sum);
    dg_free(s.item);
    dg_free(s.met);
}

/* The own rows. LOCAL. */
static dg_status count_own(dg_counting *g, dg_csr *out, dg_err *err)
{
    dg_progress_begin("counting pairs of items", "item", g->pieces.own.end - g->pieces.own.begin);
#pragma omp parallel
    count_share(g);
    dg_progress_end();
    if (g->bad >= 0)
        return DG_FAIL(err, DG_ERR_NUMERIC, "item row %lld: X'X is not finite", (long long)g->bad);
    if (g->full) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for pairs of items");
    return dg_pieces_join(&g->pieces, out, err);
}

dg_status dg_slim_cooccurrence(const dg_comm *c, const dg_dataset *d, bool binary, dg_node_csr *out,
                               dg_err *err)
{
    dg_node_csr users = {0};
    dg_csr own = {0};
    dg_counting g = {.by_item = &d->train_by_item,
                     .users = &users,
                     .binary = binary,
                     .n = d->items.begin[d->items.n],
                     .bad = -1};
    *out = (dg_node_csr){0};
    dg_status st = dg_node_csr_create(c, &d->users, &d->train, &users, err);
    if (st != DG_OK) return st;
    st = dg_pieces_create(dg_shards_rows(&d->items, c->rank, c->size), &g.pieces, err);
    if (st == DG_OK) st = count_own(&g, &own, err);
    st = dg_agree(c, st, err);
    dg_pieces_free(&g.pieces);
    dg_node_csr_destroy(&users);
    if (st == DG_OK) st = dg_node_csr_create(c, &d->items, &own, out, err);
    dg_csr_free(&own);
    return st;
}
