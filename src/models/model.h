/* model.h - the one struct of functions an algorithm brings, and the table of all of them.
 *
 * Adding an algorithm is one folder here, one row in registry.c, one documentation page and its
 * tests: prepare, checkpoint, evaluation, export, Slurm and serving then work for it unchanged. */
#ifndef DG_MODELS_MODEL_H
#define DG_MODELS_MODEL_H
#include "artifact/container.h"
#include "base/option.h"
#include "models/factors.h"
#include "models/scorer.h"
#include "models/warm.h"
#include "store/dataset.h"
#include "store/writer.h"

#include <jansson.h>

typedef struct dg_model dg_model; /* each class defines its own */

/* What a model minimises, in its parts; parts a model does not have are 0. */
typedef struct dg_loss {
    double observed, unobserved, regularization;
} dg_loss;

typedef struct dg_model_class {
    const char *name;        /* "ials", as in model.algorithm */
    const char *summary;     /* one line for --help */
    const dg_option *option; /* keys "model.…" of this algorithm, into its own struct */
    size_t n_options, options_size;
    bool rates; /* trained on rating values: RMSE and MAE are its metrics */

    /** Check options that depend on each other; canonicalise (`compat`). LOCAL. May be NULL.
     *  Errors DG_ERR_CONFIG. */
    dg_status (*settle)(void *options, dg_err *err);

    /** Sweeps the options ask for; 0 for models without sweeps. LOCAL. */
    int64_t (*sweeps)(const void *options);

    /** A model in its initial state. COLLECTIVE. d and options are kept until destroy.
     *  Errors DG_ERR_NOMEM, DG_ERR_DATA; agreed. */
    dg_status (*create)(const dg_comm *c, const dg_dataset *d, const void *options, uint64_t seed,
                        dg_model **out, dg_err *err);

    /** Take over what an earlier model of the same kind learned, after create and before the first
     *  sweep: its rows by id; new rows are folded in from those, or stay as created. The same bits
     *  for any number of ranks. COLLECTIVE. NULL: this algorithm starts cold. Errors DG_ERR_CONFIG
     *  of another algorithm, size or kind; DG_ERR_NOMEM; agreed. */
    dg_status (*warm)(dg_model *m, const dg_warm *from, dg_err *err);

    /** One sweep and the loss after it. COLLECTIVE. Errors DG_ERR_NUMERIC naming a row; agreed. */
    dg_status (*sweep)(dg_model *m, dg_loss *loss, dg_err *err);

    /** Write the state that, loaded again, goes on to the same bits. COLLECTIVE. */
    void (*save)(const dg_model *m, dg_writer *w);

    /** Replace the state by a saved one, of any number of ranks. COLLECTIVE.
     *  Errors DG_ERR_DATA, DG_ERR_NOMEM; agreed. */
    dg_status (*load)(dg_model *m, const dg_container *f, dg_err *err);

    /** A scorer borrowing from the model; scorer->destroy when done. COLLECTIVE.
     *  Errors DG_ERR_NOMEM; agreed. */
    dg_status (*scorer)(dg_model *m, dg_scorer *out, dg_err *err);

    /** The rows a model of factors exports, held-out users folded in: scores are the scorer's. Who
     *  exports writes them, rounded or not, before `export` writes the rest. COLLECTIVE. NULL where
     *  `export` writes all. Errors DG_ERR_NOMEM, DG_ERR_NUMERIC; agreed. */
    dg_status (*factors)(dg_model *m, dg_model_factors *out, dg_err *err);

    /** Write the arrays serving reads: factors with score = offset + dot, or profiles and weights;
     *  and attributes offset, n_cols, similar_cols (docs/formats.md). The scores are the scorer's:
     *  held-out users are folded in. COLLECTIVE. */
    void (*export)(dg_model *m, dg_writer *w);

    /** What a run's record should tell of how it was trained; the caller frees it. LOCAL. May be
     *  NULL. */
    json_t *(*figures)(const dg_model *m);

    /** COLLECTIVE, NULL-safe. */
    void (*destroy)(dg_model **m);
} dg_model_class;

/** The class named so, or NULL. LOCAL. */
const dg_model_class *dg_model_find(const char *name);

/** All classes, NULL-terminated, in the order help shows them. LOCAL. */
const dg_model_class *const *dg_model_all(void);

#endif
