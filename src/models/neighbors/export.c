#include "base/memory.h"
#include "models/neighbors/state.h"
#include "store/sparse.h"

/* Own users' and all items' parts of the baseline. COLLECTIVE. */
static void write_column(const dg_model *m, dg_writer *w, const char *array,
                         const dg_shards *shards, const float *own)
{
    const dg_run run = dg_shards_run(shards->n, m->comm->rank, m->comm->size);
    dg_err err = {.text = ""};
    int64_t *rows = dg_alloc((size_t)(run.end - run.begin), sizeof *rows);
    dg_status st =
        rows == NULL ? DG_FAIL(&err, DG_ERR_NOMEM, "out of memory writing means") : DG_OK;
    st = dg_agree(m->comm, st, &err);
    for (int s = run.begin; s < run.end && st == DG_OK; s++)
        rows[s - run.begin] = shards->begin[s + 1] - shards->begin[s];
    if (st == DG_OK)
        dg_writer_array(w, array, &(dg_piece){DG_F32, 1, shards->n, rows, own});
    else
        dg_writer_fail(w, st, &err);
    dg_free(rows);
}

static void write_items(dg_model *m, dg_writer *w)
{
    dg_csr by_source = {0};
    dg_err err = {.text = ""};
    const dg_status st = dg_knn__by_source(m, &by_source, &err);
    if (st == DG_OK)
        dg_sparse_write(m->comm, w, "weights/item", &m->data->items, &by_source);
    else
        dg_writer_fail(w, st, &err);
    dg_csr_free(&by_source);
    dg_sparse_write(m->comm, w, "similar/item", &m->data->items, &m->lists);
}

static void write_profiles(dg_model *m, dg_writer *w)
{
    dg_csr profiles = {0};
    dg_err err = {.text = ""};
    const dg_status st = dg_knn__profiles(m, &profiles, &err);
    if (st == DG_OK)
        dg_sparse_write(m->comm, w, "profile", &m->data->users, &profiles);
    else
        dg_writer_fail(w, st, &err);
    dg_csr_free(&profiles);
}

void dg_knn__export(dg_model *m, dg_writer *w)
{
    const dg_dataset *d = m->data;
    dg_writer_int(w, "n_cols", 0);
    dg_writer_int(w, "similar_cols", 0);
    dg_writer_real(w, "offset", 0);
    dg_writer_int(w, "normalize", m->rule.norm);
    dg_writer_int(w, "k", m->rule.k);
    dg_writer_int(w, "min_k", m->rule.min_k);
    dg_writer_real(w, "fallback", (double)m->rule.fallback);
    if (m->rule.norm != DG_TALLY_SUM) {
        dg_writer_real(w, "clip_min", d->value_min);
        dg_writer_real(w, "clip_max", d->value_max);
    }
    write_profiles(m, w);
    if (m->users)
        dg_sparse_write(m->comm, w, "weights/user", &d->users, &m->lists);
    else
        write_items(m, w);
    if (m->options->center == DG_CENTER_NONE) return;
    write_column(m, w, "baseline/user", &d->users, m->baseline.user);
    write_column(m, w, "baseline/item", &d->items,
                 dg_matrix_row(&m->baseline.item, m->baseline.item.own.begin));
}
