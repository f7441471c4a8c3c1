/* columns.h - weights while they are being found: column by column, an own item each.
 * Internal to the models of weights. */
#ifndef DG_MODELS_WEIGHTS_COLUMNS_H
#define DG_MODELS_WEIGHTS_COLUMNS_H
#include "comm/shards.h"
#include "models/model.h"
#include "sparse/csr.h"

/* What is known of a column beside its weights. */
typedef struct dg_column_terms {
    double residual;       /* |x - X b|^2 */
    double regularization; /* what the loss adds for b */
    double squares;        /* |b|^2 before anything was dropped */
    double dropped;        /* |b|^2 of what was dropped */
} dg_column_terms;

typedef struct dg_columns {
    dg_csr own;            /* rows: own items; columns: the items that speak for them */
    int64_t next;          /* the item of the next column */
    dg_column_terms *term; /* (own items,) */
} dg_columns;

/** Room for at most `most` weights of each of the items `own`. LOCAL. Errors DG_ERR_NOMEM;
 *  dg_columns_free in either case. */
dg_status dg_columns_create(dg_range own, int64_t most, dg_columns *out, dg_err *err);

/** Append a weight to the column of item `next`; sources come ascending. LOCAL. */
static inline void dg_columns_add(dg_columns *c, int32_t source, float weight)
{
    int64_t *end = &c->own.ptr[c->next - c->own.begin + 1];
    c->own.index[*end] = source;
    c->own.value[(*end)++] = weight;
}

/** The column of item `next` is complete. LOCAL. */
static inline void dg_columns_end(dg_columns *c, dg_column_terms terms)
{
    const int64_t k = c->next++ - c->own.begin;
    c->term[k] = terms;
    if (c->next < c->own.end) c->own.ptr[k + 2] = c->own.ptr[k + 1];
}

/** Sums of the own columns' terms (own items,) over all ranks, in the shards' fixed order.
 *  COLLECTIVE. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_columns_sum(const dg_comm *c, const dg_shards *items, const dg_column_terms *own,
                         dg_column_terms *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_columns_free(dg_columns *c);

#endif
