/* drift.h - how far tonight's data, and the model trained on it, have moved from those of an
 * earlier artifact. */
#ifndef DG_EVALUATE_DRIFT_H
#define DG_EVALUATE_DRIFT_H
#include "artifact/artifact.h"
#include "models/scorer.h"
#include "store/dataset.h"

enum { DG_DRIFT_BINS = 10 };

typedef struct dg_drift {
    double psi;         /* population stability index of what is chosen, see dg_drift_find */
    double known_users; /* share of the training ratings whose user the artifact knows */
    double known_items; /* likewise, whose item */
    double known_goods; /* share of the items it knows */
    int64_t new_users, new_items;   /* rows it does not know */
    int64_t gone_users, gone_items; /* rows of it that the data has no more */
} dg_drift;

/**
 * Compare training ratings with those an artifact was made from. COLLECTIVE.
 *
 * The artifact's items, most popular first, are cut into ten bins with about a tenth of its ratings
 * each; items it does not know are one more. psi = sum over bins of (p - q) ln(p / q), with p and q
 * the shares of ratings then and now, at least 1e-4 each. Below 0.1 nothing has moved, above 0.25
 * much has.
 *
 * @param[in]  a    the same on every rank
 * @param[out] out  the same bits on every rank and for every number of ranks: all sums are of whole
 *                  numbers
 * Cost    a search for each own id; 1 byte an item of the artifact.
 * Errors  DG_ERR_NOMEM, agreed.
 * Source  the index: Siddiqi 2006, "Credit risk scorecards", chapter 10; Lin 1991, "Divergence
 *         measures based on the Shannon entropy" (the symmetric divergence that it is).
 */
dg_status dg_drift_find(const dg_comm *c, const dg_dataset *d, const dg_artifact *a, dg_drift *out,
                        dg_err *err);

/**
 * By how much the scores of held-out pairs have shifted: the mean of the new scorer's less that of
 * the old one's, in standard deviations of the old one's. COLLECTIVE.
 *
 * Pairs of users or items that the old one does not know are left out.
 * @param[in]  targets  rows of the own users
 * @param[in]  before   made by dg_stored_scorer
 * @param[out] shift    0 where there are no pairs, or the old scores are all alike; same bits on
 * any ranks Errors  DG_ERR_NOMEM, DG_ERR_NUMERIC; the scorers'. Agreed.
 */
dg_status dg_drift_scores(const dg_comm *c, const dg_dataset *d, const dg_csr *targets,
                          const dg_scorer *before, const dg_scorer *now, double *shift,
                          dg_err *err);

#endif
