/* model_run.h - train, save, load and look into a model the way a job does. */
#ifndef TESTS_MODEL_RUN_H
#define TESTS_MODEL_RUN_H
#include "made_dataset.h"
#include "models/model.h"

/** Options from "factors=5 loss=hkv …" over the class's defaults, settled; dg_free when done.
 * Aborts where one is refused. LOCAL. */
void *run_options(const dg_model_class *class, const char *text);

/** Some sweeps; losses (n,) may be NULL. COLLECTIVE. */
dg_status run_sweeps(const dg_model_class *class, dg_model *m, int n, dg_loss *losses, dg_err *err);

/** Write the state to a file; content may be NULL. COLLECTIVE. */
dg_status run_save(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                   const char *path, char content[DG_HEX_SIZE], dg_err *err);

/** Write what serving reads. COLLECTIVE. */
dg_status run_export(const dg_comm *c, const dg_model_class *class, dg_model *m, const char *path,
                     dg_err *err);

/** Replace the state by a file's. COLLECTIVE. */
dg_status run_load(const dg_comm *c, const dg_model_class *class, dg_model *m, const char *path,
                   dg_err *err);

/* Factors of a saved or exported file, whole on every rank. */
typedef struct run_factors {
    int n_cols;
    int64_t n_users, n_items;
    float *users, *items; /* (n_users, n_cols), (n_items, n_cols) */
    double start;         /* `constant` of /meta */
} run_factors;

/** Read them; `constant` is "mean" in a saved model, "offset" in an exported one. COLLECTIVE. */
dg_status run_factors_read(const dg_comm *c, const char *path, const char *constant,
                           run_factors *out, dg_err *err);
void run_factors_free(run_factors *f);

#endif
