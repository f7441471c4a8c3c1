/* weigh.h - entries of a matrix as exact integers: what a measure takes from each, and what it
 * needs of whole columns. Internal to models/neighbors.
 *
 * A value becomes q = round(x 2^shift), |q| <= 2^20. Ratings in half stars, counts and plain
 * presence come out exact; means and logarithms are rounded by at most 2^-20 of the largest.
 * Sums of products of q are whole numbers below 2^62: exact in any order, whoever adds them. */
#ifndef DG_MODELS_NEIGHBORS_WEIGH_H
#define DG_MODELS_NEIGHBORS_WEIGH_H
#include "models/neighbors/similarity.h"

enum { DG_WEIGHED_ABSENT = INT32_MIN }; /* an entry that was dropped */

typedef struct dg_weighed {
    const dg_csr *rows; /* borrowed */
    int64_t n_columns;
    int32_t *q;       /* (own entries,) or DG_WEIGHED_ABSENT */
    int shift;        /* x = q 2^-shift */
    int32_t largest;  /* max |q|, over all ranks */
    bool unit;        /* all q are 1: sums of products are counts */
    int64_t *count;   /* (n_columns,) entries, over all ranks */
    int64_t *squares; /* (n_columns,) sum of q^2, over all ranks */
    double *norm;     /* (n_columns,) root of squares; less where dimsum says so */
} dg_weighed;

/** Weigh. COLLECTIVE; fills its part of the report. Caller frees. Errors as dg_similarity. */
dg_status dg_weigh(const dg_comm *c, const dg_csr *rows, int64_t n_columns, const bool *candidate,
                   const dg_similarity_options *o, uint64_t seed, dg_weighed *out,
                   dg_similarity_report *report, dg_err *err);

/** LOCAL, twice-safe. */
void dg_weighed_free(dg_weighed *w);

#endif
