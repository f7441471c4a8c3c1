#include "comm/node_csr.h"

/* Both arrays lie in matrices of two floats a row, which only move bytes. */
enum { WIDTH = 2 };
_Static_assert(sizeof(int64_t) == WIDTH * sizeof(float), "an offset is a row");
_Static_assert(sizeof(dg_node_entry) == WIDTH * sizeof(float), "an entry is a row");

/* The entries' own cut: as many of them a shard as its rows have. */
static dg_status cut_entries(const dg_comm *c, const dg_shards *shards, const dg_csr *own,
                             dg_shards *out, dg_err *err)
{
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    const dg_status st = dg_agree(c, dg_shards_create(shards->n, out, err), err);
    if (st != DG_OK) return st;
    for (int s = run.begin; s < run.end; s++)
        out->begin[s + 1] =
            own->ptr[shards->begin[s + 1] - own->begin] - own->ptr[shards->begin[s] - own->begin];
    dg_sum_int64(c, out->begin, out->n + 1);
    for (int s = 0; s < out->n; s++) out->begin[s + 1] += out->begin[s];
    return DG_OK;
}

static void fill(dg_node_csr *s, const dg_csr *own)
{
    const int64_t before = s->of_entries.own.begin, n = own->end - own->begin;
    void *const first = dg_matrix_row(&s->of_rows, own->begin);
    void *const entry = dg_matrix_row(&s->of_entries, before);
    for (int64_t r = 0; r < n; r++) ((int64_t *)first)[r] = before + own->ptr[r];
    for (int64_t k = 0; k < own->ptr[n]; k++)
        ((dg_node_entry *)entry)[k] = (dg_node_entry){own->index[k], own->value[k]};
    dg_matrix_share(&s->of_rows);
    dg_matrix_share(&s->of_entries);
}

dg_status dg_node_csr_create(const dg_comm *c, const dg_shards *shards, const dg_csr *own,
                             dg_node_csr *out, dg_err *err)
{
    dg_shards entries = {0};
    *out = (dg_node_csr){.n_rows = shards->begin[shards->n]};
    dg_status st = cut_entries(c, shards, own, &entries, err);
    if (st == DG_OK) {
        out->n_entries = entries.begin[entries.n];
        st = dg_matrix_create(c, shards, WIDTH, &out->of_rows, err);
    }
    if (st == DG_OK) st = dg_matrix_create(c, &entries, WIDTH, &out->of_entries, err);
    dg_shards_destroy(&entries);
    if (st != DG_OK) {
        dg_node_csr_destroy(out);
        return st;
    }
    fill(out, own);
    const void *const first = out->of_rows.at, *const entry = out->of_entries.at;
    out->first = first;
    out->entry = entry;
    return DG_OK;
}

void dg_node_csr_destroy(dg_node_csr *s)
{
    dg_matrix_destroy(&s->of_rows);
    dg_matrix_destroy(&s->of_entries);
    *s = (dg_node_csr){0};
}

int64_t dg_node_row_find(dg_node_row row, int64_t column)
{
    int64_t low = 0, high = row.n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (row.entry[middle].index < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
