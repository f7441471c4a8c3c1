#include "store/sparse.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdio.h>

/* What a writer needs beside the rows themselves. */
typedef struct dg_cut {
    int64_t *rows,
        *entries; /* (own shards,) the last shard of all has the closing offset as well */
    int64_t *ptr; /* (own rows + 1,) offsets in the whole array */
} dg_cut;

static dg_status make_cut(const dg_comm *c, const dg_shards *shards, const dg_csr *m, dg_cut *out,
                          dg_err *err)
{
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    out->rows = dg_alloc((size_t)(run.end - run.begin), sizeof *out->rows);
    out->entries = dg_alloc((size_t)(run.end - run.begin), sizeof *out->entries);
    out->ptr = dg_alloc((size_t)(m->end - m->begin) + 1, sizeof *out->ptr);
    if (out->rows == NULL || out->entries == NULL || out->ptr == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory writing ratings");
    for (int s = run.begin; s < run.end; s++) {
        const int64_t from = shards->begin[s] - m->begin, to = shards->begin[s + 1] - m->begin;
        out->rows[s - run.begin] = to - from + (s == shards->n - 1);
        out->entries[s - run.begin] = m->ptr[to] - m->ptr[from];
    }
    return DG_OK;
}

static void write_arrays(dg_writer *w, const char *array, int n_shards, const dg_cut *cut,
                         const dg_csr *m)
{
    char path[128];
    snprintf(path, sizeof path, "%s/ptr", array);
    dg_writer_array(w, path, &(dg_piece){DG_I64, 1, n_shards, cut->rows, cut->ptr});
    snprintf(path, sizeof path, "%s/index", array);
    dg_writer_array(w, path, &(dg_piece){DG_I32, 1, n_shards, cut->entries, m->index});
    snprintf(path, sizeof path, "%s/value", array);
    dg_writer_array(w, path, &(dg_piece){DG_F32, 1, n_shards, cut->entries, m->value});
}

void dg_sparse_write(const dg_comm *c, dg_writer *w, const char *array, const dg_shards *shards,
                     const dg_csr *own)
{
    dg_cut cut = {0};
    dg_err err = {.text = ""};
    const dg_status st = dg_agree(c, make_cut(c, shards, own, &cut, &err), &err);
    if (st == DG_OK) {
        const int64_t before = dg_prefix_int64(c, dg_csr_count(own));
        for (int64_t r = 0; r <= own->end - own->begin; r++) cut.ptr[r] = before + own->ptr[r];
        write_arrays(w, array, shards->n, &cut, own);
    } else {
        dg_writer_fail(w, st, &err);
    }
    dg_free(cut.rows);
    dg_free(cut.entries);
    dg_free(cut.ptr);
}

/* Every step is checked: a reader trusts nothing. */
dg_status dg_sparse__load_offsets(const dg_container *f, const char *array, dg_run run, int64_t n,
                                  int64_t n_entries, int64_t **out, dg_err *err)
{
    int64_t *stored = NULL, rows = 0;
    *out = dg_alloc((size_t)n + 1, sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", array);
    dg_status st =
        dg_container_read(f, array, DG_I64, run.begin, run.end, (void **)&stored, NULL, &rows, err);
    if (st != DG_OK) return st;
    bool good = rows == n || rows == n + 1; /* the last shard of all holds the closing offset */
    for (int64_t k = 0; good && k < rows; k++) {
        good = stored[k] >= stored[k > 0 ? k - 1 : 0] && stored[k] - stored[0] <= n_entries;
        if (k < n) (*out)[k] = stored[k] - stored[0];
    }
    (*out)[n] = n_entries;
    if (good && rows == n + 1) good = stored[n] - stored[0] == n_entries;
    dg_free(stored);
    if (good) return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA, "%s: %s does not fit its entries", dg_container_path(f),
                   array);
}

static dg_status check_rows(const dg_container *f, const char *array, const dg_csr *m,
                            int64_t n_columns, dg_err *err)
{
    for (int64_t r = m->begin; r < m->end; r++) {
        const dg_row row = dg_csr_row(m, r);
        for (int64_t k = 0; k < row.n; k++)
            if (row.index[k] < (k > 0 ? row.index[k - 1] + 1 : 0) || row.index[k] >= n_columns)
                return DG_FAIL(err, DG_ERR_DATA,
                               "%s: %s: row %lld is not sorted or leaves its range",
                               dg_container_path(f), array, (long long)r);
    }
    return DG_OK;
}

dg_status dg_sparse_load(const dg_comm *c, const dg_container *f, const char *array,
                         const dg_shards *shards, int64_t n_columns, dg_csr *out, dg_err *err)
{
    char path[128];
    int64_t n = 0, n_value = 0;
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    out->begin = shards->begin[run.begin];
    out->end = shards->begin[run.end];
    snprintf(path, sizeof path, "%s/index", array);
    dg_status st =
        dg_container_read(f, path, DG_I32, run.begin, run.end, (void **)&out->index, NULL, &n, err);
    snprintf(path, sizeof path, "%s/value", array);
    if (st == DG_OK)
        st = dg_container_read(f, path, DG_F32, run.begin, run.end, (void **)&out->value, NULL,
                               &n_value, err);
    if (st == DG_OK && n != n_value)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %s: entries without a value", dg_container_path(f),
                     array);
    snprintf(path, sizeof path, "%s/ptr", array);
    if (st == DG_OK)
        st = dg_sparse__load_offsets(f, path, run, out->end - out->begin, n, &out->ptr, err);
    return st == DG_OK ? check_rows(f, array, out, n_columns, err) : st;
}
