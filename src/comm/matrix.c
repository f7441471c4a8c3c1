#include "comm/matrix.h"

#include "base/memory.h"

#include <string.h>

struct dg_matrix_window {
    dg_nodes nodes;
    dg_shared shared;
    int64_t *begin; /* (size+1,) first row of each rank */
};

static void zero_own(dg_matrix *m)
{
    if (m->own.end > m->own.begin)
        memset(dg_matrix_row(m, m->own.begin), 0,
               (size_t)(m->own.end - m->own.begin) * (size_t)m->n_cols * sizeof *m->at);
}

static dg_status open_window(const dg_comm *c, const dg_shards *shards,
                             struct dg_matrix_window **out, dg_err *err)
{
    struct dg_matrix_window *w = *out = dg_alloc(1, sizeof *w);
    if (w != NULL) w->begin = dg_alloc((size_t)c->size + 1, sizeof *w->begin);
    if (w == NULL || w->begin == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "factor matrix header");
    for (int r = 0; r < c->size; r++) w->begin[r + 1] = dg_shards_rows(shards, r, c->size).end;
    return DG_OK;
}

dg_status dg_matrix_create(const dg_comm *c, const dg_shards *shards, int n_cols, dg_matrix *out,
                           dg_err *err)
{
    *out = (dg_matrix){.n_rows = shards->begin[shards->n], .n_cols = n_cols};
    out->own = dg_shards_rows(shards, c->rank, c->size);
    dg_status st = dg_agree(c, open_window(c, shards, &out->window, err), err);
    if (st == DG_OK) st = dg_nodes_open(c, &out->window->nodes, err);
    if (st != DG_OK) {
        dg_matrix_destroy(out);
        return st;
    }
    struct dg_matrix_window *w = out->window;
    dg_shared_open(&w->nodes, (size_t)out->n_rows * (size_t)n_cols * sizeof *out->at, &w->shared);
    out->at = w->shared.at;
    zero_own(out);
    dg_matrix_publish(out);
    return DG_OK;
}

dg_status dg_matrix_create_own(const dg_comm *c, const dg_shards *shards, int n_cols,
                               dg_matrix *out, dg_err *err)
{
    *out = (dg_matrix){.n_rows = shards->begin[shards->n], .n_cols = n_cols};
    out->own = dg_shards_rows(shards, c->rank, c->size);
    out->first = out->own.begin;
    const size_t n = (size_t)(out->own.end - out->own.begin) * (size_t)n_cols;
    out->at = out->alone = dg_alloc(n, sizeof *out->at);
    dg_status st = out->at == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld rows of %d factors",
                                 (long long)(out->own.end - out->own.begin), n_cols)
                       : DG_OK;
    st = dg_agree(c, st, err);
    if (st != DG_OK) dg_matrix_destroy(out);
    return st;
}

void dg_matrix_of_rows(dg_rows *rows, const dg_shards *shards, int n_cols, dg_matrix *out)
{
    *out = (dg_matrix){.n_rows = shards->begin[shards->n], .n_cols = n_cols, .rows = rows};
    out->at = dg_rows_table(rows);
    out->own = dg_rows_own(rows);
}

/* Leaders pass on the rows of every rank of their node, whole runs at a time. */
static void exchange_nodes(const dg_matrix *m)
{
    const struct dg_matrix_window *w = m->window;
    for (int r = 0; r < w->nodes.all.size; r++)
        dg_comm__bcast(&w->nodes.leaders, dg_matrix_row(m, w->begin[r]),
                       (size_t)(w->begin[r + 1] - w->begin[r]) * (size_t)m->n_cols * sizeof *m->at,
                       w->nodes.of[r], DG_TRAFFIC_ROWS);
}

void dg_matrix_publish(const dg_matrix *m)
{
    if (m->rows != NULL) {
        dg_rows_begin(m->rows);
        return;
    }
    const struct dg_matrix_window *w = m->window;
    if (w == NULL) return;
    dg_shared_sync(&w->shared);
    if (w->nodes.n == 1) return;
    if (w->nodes.leaders.size > 1) exchange_nodes(m);
    dg_shared_sync(&w->shared);
}

int dg_matrix_batches(const dg_matrix *m) { return m->rows == NULL ? 1 : dg_rows_batches(m->rows); }

dg_range dg_matrix_batch(const dg_matrix *m, int b, dg_range all)
{
    return m->rows == NULL ? all : dg_rows_batch(m->rows, b);
}

void dg_matrix_await(const dg_matrix *m, int b)
{
    if (m->rows != NULL) dg_rows_await(m->rows, b);
}

void dg_matrix_share(const dg_matrix *m)
{
    dg_matrix_publish(m);
    dg_matrix_await(m, dg_matrix_batches(m) - 1);
}

void dg_matrix_poke(const dg_matrix *m)
{
    if (m->rows != NULL) dg_rows_poke(m->rows);
}

void dg_matrix_destroy(dg_matrix *m)
{
    struct dg_matrix_window *w = m->window;
    if (w != NULL) {
        dg_shared_close(&w->shared);
        dg_nodes_close(&w->nodes);
        dg_free(w->begin);
        dg_free(w);
    }
    dg_free(m->alone);
    *m = (dg_matrix){0};
}
