/* model.h - what models of item weights do alike behind models/model.h: all but finding the
 * weights. Internal to them. */
#ifndef DG_MODELS_WEIGHTS_MODEL_H
#define DG_MODELS_WEIGHTS_MODEL_H
#include "models/model.h"
#include "models/weights/weights.h"

struct dg_model {
    const void *options; /* the class's own struct, borrowed */
    dg_weights weights;
    const char *figure_name; /* in the file; a literal */
    double figure;           /* how good the weights are, by the class's own measure */
};

/** model.h's sweeps: one, the solution. LOCAL. */
int64_t dg_weights_model_sweeps(const void *options);

/** model.h's create. `binary` as of dg_weights_create. COLLECTIVE. */
dg_status dg_weights_model_create(const dg_comm *c, const dg_dataset *data, const void *options,
                                  bool binary, const char *figure_name, dg_model **out,
                                  dg_err *err);

/** model.h's destroy. COLLECTIVE. */
void dg_weights_model_destroy(dg_model **m);

/** model.h's save: the weights and the figure. COLLECTIVE. */
void dg_weights_model_save(const dg_model *m, dg_writer *w);

/** model.h's load. COLLECTIVE. */
dg_status dg_weights_model_load(dg_model *m, const dg_container *f, dg_err *err);

/** model.h's scorer. COLLECTIVE. */
dg_status dg_weights_model_scorer(dg_model *m, dg_scorer *out, dg_err *err);

/** model.h's export. COLLECTIVE. */
void dg_weights_model_export(dg_model *m, dg_writer *w);

#endif
