#include "models/weights/model.h"

#include "base/memory.h"

int64_t dg_weights_model_sweeps(const void *options)
{
    (void)options;
    return 1;
}

void dg_weights_model_destroy(dg_model **m)
{
    if (*m == NULL) return;
    dg_weights_free(&(*m)->weights);
    dg_free(*m);
    *m = NULL;
}

dg_status dg_weights_model_create(const dg_comm *c, const dg_dataset *data, const void *options,
                                  bool binary, const char *figure_name, dg_model **out, dg_err *err)
{
    dg_model *m = *out = dg_alloc(1, sizeof *m);
    dg_status st = m == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a model") : DG_OK;
    if (st == DG_OK) {
        *m = (dg_model){.options = options, .figure_name = figure_name};
        st = dg_weights_create(c, data, binary, &m->weights, err);
    }
    st = dg_agree(c, st, err);
    if (st != DG_OK) dg_weights_model_destroy(out);
    return st;
}

void dg_weights_model_save(const dg_model *m, dg_writer *w)
{
    dg_writer_real(w, m->figure_name, m->figure);
    dg_weights_save(&m->weights, w);
}

dg_status dg_weights_model_load(dg_model *m, const dg_container *f, dg_err *err)
{
    double figure = 0;
    dg_status st = dg_container_real(f, "/meta", m->figure_name, &figure, err);
    st = dg_agree(m->weights.comm, st, err);
    if (st == DG_OK) st = dg_weights_load(&m->weights, f, err);
    if (st == DG_OK) m->figure = figure;
    return st;
}

dg_status dg_weights_model_scorer(dg_model *m, dg_scorer *out, dg_err *err)
{
    return dg_weights_scorer(&m->weights, out, err);
}

void dg_weights_model_export(dg_model *m, dg_writer *w) { dg_weights_export(&m->weights, w); }
