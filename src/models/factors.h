/* factors.h - what a model of factors exports, whatever its class: rows whose inner products, with
 * an offset added, are its scores. */
#ifndef DG_MODELS_FACTORS_H
#define DG_MODELS_FACTORS_H
#include "store/dataset.h"
#include "store/writer.h"

typedef struct dg_model_factors {
    const dg_shards *users, *items; /* borrowed from the dataset */
    int n_cols;                     /* of a row, biases included */
    int similar_cols;               /* leading columns that carry taste */
    double offset;                  /* of every score */
    float *user, *item;             /* (own rows, n_cols) dg_alloc'ed */
} dg_model_factors;

/** LOCAL, twice-safe. */
void dg_model_factors_free(dg_model_factors *f);

/** Write them as floats: factors/user, factors/item, and what /meta says of them. COLLECTIVE; a
 *  failure is remembered by the writer. */
void dg_model_factors_write(const dg_comm *c, const dg_model_factors *f, dg_writer *w);

/** The attributes alone: n_cols, similar_cols, offset. COLLECTIVE. */
void dg_model_factors_meta(const dg_model_factors *f, dg_writer *w);

/** One array of own rows. COLLECTIVE. */
void dg_write_rows(const dg_comm *c, const dg_shards *s, dg_writer *w, const char *array,
                   dg_type type, int n_cols, const void *own);

#endif
