#include "models/factors.h"

#include "base/memory.h"

void dg_model_factors_free(dg_model_factors *f)
{
    dg_free(f->user);
    dg_free(f->item);
    *f = (dg_model_factors){0};
}

/* Own rows of each own shard. */
static int64_t *shard_rows(const dg_comm *c, const dg_shards *s)
{
    const dg_run run = dg_shards_run(s->n, c->rank, c->size);
    int64_t *rows = dg_alloc((size_t)(run.end - run.begin), sizeof *rows);
    for (int k = run.begin; rows != NULL && k < run.end; k++)
        rows[k - run.begin] = s->begin[k + 1] - s->begin[k];
    return rows;
}

void dg_write_rows(const dg_comm *c, const dg_shards *s, dg_writer *w, const char *array,
                   dg_type type, int n_cols, const void *own)
{
    dg_err err = {.text = ""};
    int64_t *rows = shard_rows(c, s);
    dg_status st =
        rows == NULL ? DG_FAIL(&err, DG_ERR_NOMEM, "out of memory writing %s", array) : DG_OK;
    st = dg_agree(c, st, &err);
    if (st == DG_OK)
        dg_writer_array(w, array, &(dg_piece){type, n_cols, s->n, rows, own});
    else
        dg_writer_fail(w, st, &err);
    dg_free(rows);
}

void dg_model_factors_meta(const dg_model_factors *f, dg_writer *w)
{
    dg_writer_int(w, "n_cols", f->n_cols);
    dg_writer_int(w, "similar_cols", f->similar_cols);
    dg_writer_real(w, "offset", f->offset);
}

void dg_model_factors_write(const dg_comm *c, const dg_model_factors *f, dg_writer *w)
{
    dg_model_factors_meta(f, w);
    dg_write_rows(c, f->users, w, "factors/user", DG_F32, f->n_cols, f->user);
    dg_write_rows(c, f->items, w, "factors/item", DG_F32, f->n_cols, f->item);
}
