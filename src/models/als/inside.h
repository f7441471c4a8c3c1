/* inside.h - the model of als and ials, for the files that make it: als.c trains, scorer.c scores,
 * export.c writes what serving reads. Internal to als/. */
#ifndef DG_MODELS_ALS_INSIDE_H
#define DG_MODELS_ALS_INSIDE_H
#include "models/als/als.h"
#include "models/als/basis.h"
#include "models/als/blocks.h"
#include "models/als/exchange.h"
#include "models/als/rows.h"

struct dg_model {
    const dg_comm *comm;
    const dg_dataset *data;
    const dg_als_options *options;
    int d;           /* columns of a row: factors, and the bias */
    dg_matrix users; /* (n_users, d) */
    dg_matrix items; /* (n_items, d) */
    dg_nodes nodes;
    dg_als_exchange for_users, for_items; /* what reaches those who solve users, or items */
    dg_als_table from_users, from_items;  /* as the other side's rows are solved from them */
    double mean;                          /* global mean of the training ratings */
    double *gram;          /* (d, d) of the side last asked for; not kept up to date */
    double *other;         /* (d, d) second Gram, for the loss */
    float *base;           /* (d, d) unobserved_weight * Gram of the features, for row solves */
    dg_als_basis basis;    /* of the factor columns; k == 0 where the solver needs none */
    float *diagonal;       /* (d,) what rows share in that basis */
    float *average;        /* (d,) see rows.h */
    dg_als_blocks *blocks; /* of solver ialspp, else NULL */
};

/** Do rows share what stands for all the unobserved? LOCAL. */
static inline bool dg_als__has_base(const dg_model *m)
{
    return m->options->law.loss != DG_ALS_RATINGS;
}

/** Columns of a row that are biases: 0 or 1. LOCAL. */
static inline int dg_als__has_biases(const dg_model *m)
{
    return m->options->law.loss == DG_ALS_RATINGS && m->options->biases;
}

/** What solving the users, or the items, reads; without what their rows share. LOCAL. */
dg_als_side dg_als__side_of(const dg_model *m, bool users);

/** What rows share of the unobserved, made anew from the other side into `out`. COLLECTIVE. Errors
 *  as dg_als_gram. */
dg_status dg_als__refresh_base(dg_model *m, bool users, dg_als_side *out, dg_err *err);

/** See dg_model_class. COLLECTIVE. */
dg_status dg_als__scorer(dg_model *m, dg_scorer *out, dg_err *err);
dg_status dg_als__factors(dg_model *m, dg_model_factors *out, dg_err *err);
void dg_als__export(dg_model *m, dg_writer *w);

/**
 * Own users' rows as scoring sees them: those of held-out users are folded in. COLLECTIVE.
 * @param[out] out  (own users, d) the caller's to dg_free
 * Errors  DG_ERR_NOMEM; DG_ERR_NUMERIC a history cannot be folded in.
 */
dg_status dg_als__fold_users(dg_model *m, float **out, dg_err *err);

#endif
