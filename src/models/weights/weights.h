/* weights.h - what models of item-to-item weights have in common once they are trained: the
 * weights, their place in files, and scores.
 *
 * score(u, i) = sum over j in u's profile of profile[u, j] * weight[j, i]. The profile is the
 * user's training row, or the fold_in row of a held-out user. */
#ifndef DG_MODELS_WEIGHTS_WEIGHTS_H
#define DG_MODELS_WEIGHTS_WEIGHTS_H
#include "comm/node_csr.h"
#include "models/scorer.h"
#include "store/dataset.h"
#include "store/writer.h"

typedef struct dg_weights {
    const dg_comm *comm;
    const dg_dataset *data;
    bool binary;      /* profiles count 1 an entry, whatever the value */
    dg_csr by_source; /* own items j: the items i they speak for, ascending, and the weights */
    dg_node_csr all;  /* the same of all items, while there is a scorer */
} dg_weights;

/** No weights yet: all scores 0. `comm` and `data` are kept until free. LOCAL.
 *  Errors DG_ERR_NOMEM; dg_weights_free in either case. */
dg_status dg_weights_create(const dg_comm *c, const dg_dataset *data, bool binary, dg_weights *out,
                            dg_err *err);

/** COLLECTIVE, twice-safe. */
void dg_weights_free(dg_weights *w);

/** What the model reads of an own user. LOCAL. */
static inline dg_row dg_weights_profile(const dg_weights *w, int64_t user)
{
    const dg_row shown = dg_csr_row(&w->data->fold_in, user);
    return shown.n > 0 ? shown : dg_csr_row(&w->data->train, user);
}

/** The value a profile has for a rating. LOCAL. */
static inline float dg_weights_value(const dg_weights *w, float rating)
{
    return w->binary ? 1 : rating;
}

/**
 * Replace the weights by those of columns: of each own item i, the items that speak for it.
 * COLLECTIVE.
 *
 * @param[in]  columns  rows of the own items; sources ascending; finite
 * Errors  DG_ERR_NOMEM, agreed: the old ones stay.
 */
dg_status dg_weights_take_columns(dg_weights *w, const dg_csr *columns, dg_err *err);

/** Write weights/item. COLLECTIVE. */
void dg_weights_save(const dg_weights *w, dg_writer *to);

/** Read weights/item. COLLECTIVE. Errors DG_ERR_DATA, DG_ERR_NOMEM; agreed. */
dg_status dg_weights_load(dg_weights *w, const dg_container *f, dg_err *err);

/** A scorer of the weights as they are now. COLLECTIVE.
 *  Cost 8 bytes a weight per node, until dg_weights_free. Errors DG_ERR_NOMEM; agreed. */
dg_status dg_weights_scorer(dg_weights *w, dg_scorer *out, dg_err *err);

/** Write what serving reads: profiles, weights, attributes (docs/formats.md). COLLECTIVE. */
void dg_weights_export(const dg_weights *w, dg_writer *to);

#endif
