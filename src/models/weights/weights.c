#include "models/weights/weights.h"

#include "base/memory.h"
#include "ingest/transpose.h"
#include "store/sparse.h"

#include <math.h>

dg_status dg_weights_create(const dg_comm *c, const dg_dataset *data, bool binary, dg_weights *out,
                            dg_err *err)
{
    const dg_range own = dg_shards_rows(&data->items, c->rank, c->size);
    *out = (dg_weights){.comm = c, .data = data, .binary = binary};
    return dg_csr_create(own.begin, own.end, 0, &out->by_source, err);
}

void dg_weights_free(dg_weights *w)
{
    dg_csr_free(&w->by_source);
    dg_node_csr_destroy(&w->all);
    *w = (dg_weights){0};
}

static void replace(dg_weights *w, dg_csr *by)
{
    dg_csr_free(&w->by_source);
    w->by_source = *by;
}

dg_status dg_weights_take_columns(dg_weights *w, const dg_csr *columns, dg_err *err)
{
    dg_csr by_source;
    const dg_status st = dg_transpose(w->comm, columns, &w->data->items, 0, &by_source, err);
    if (st == DG_OK) replace(w, &by_source);
    return st;
}

void dg_weights_save(const dg_weights *w, dg_writer *to)
{
    dg_sparse_write(w->comm, to, "weights/item", &w->data->items, &w->by_source);
}

static dg_status check_finite(const dg_container *f, const dg_csr *m, dg_err *err)
{
    for (int64_t r = m->begin; r < m->end; r++) {
        const dg_row row = dg_csr_row(m, r);
        for (int64_t k = 0; k < row.n; k++)
            if (!isfinite(row.value[k]))
                return DG_FAIL(err, DG_ERR_DATA,
                               "%s: weights/item: row %lld holds a number that is not finite",
                               dg_container_path(f), (long long)r);
    }
    return DG_OK;
}

dg_status dg_weights_load(dg_weights *w, const dg_container *f, dg_err *err)
{
    const dg_shards *items = &w->data->items;
    dg_csr own = {0};
    dg_array_info info = {0};
    dg_status st = dg_container_info(f, "weights/item/ptr", &info, err);
    if (st == DG_OK && (info.n_rows != items->begin[items->n] + 1 || info.n_shards != items->n))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: weights/item has %lld rows, the job needs %lld",
                     dg_container_path(f), (long long)info.n_rows - 1,
                     (long long)items->begin[items->n]);
    if (st == DG_OK)
        st = dg_sparse_load(w->comm, f, "weights/item", items, items->begin[items->n], &own, err);
    if (st == DG_OK) st = check_finite(f, &own, err);
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK)
        replace(w, &own);
    else
        dg_csr_free(&own);
    return st;
}

/* Own users' profiles. LOCAL. */
static dg_status profiles(const dg_weights *w, dg_csr *out, dg_err *err)
{
    const dg_dataset *d = w->data;
    const int64_t first = d->train.begin,
                  most = dg_csr_count(&d->train) + dg_csr_count(&d->fold_in);
    const dg_status st = dg_csr_create(first, d->train.end, most, out, err);
    if (st != DG_OK) return st;
    int64_t n = 0;
    for (int64_t u = first; u < d->train.end; u++) {
        const dg_row row = dg_weights_profile(w, u);
        for (int64_t k = 0; k < row.n; k++, n++) {
            out->index[n] = row.index[k];
            out->value[n] = dg_weights_value(w, row.value[k]);
        }
        out->ptr[u - first + 1] = n;
    }
    return DG_OK;
}

void dg_weights_export(const dg_weights *w, dg_writer *to)
{
    dg_csr profile = {0};
    dg_err err = {.text = ""};
    const dg_status st = dg_agree(w->comm, profiles(w, &profile, &err), &err);
    dg_writer_int(to, "n_cols", 0);
    dg_writer_int(to, "similar_cols", 0);
    dg_writer_real(to, "offset", 0);
    dg_writer_int(to, "binary", w->binary);
    if (st == DG_OK) {
        dg_sparse_write(w->comm, to, "profile", &w->data->users, &profile);
        dg_weights_save(w, to);
    } else {
        dg_writer_fail(to, st, &err);
    }
    dg_csr_free(&profile);
}
