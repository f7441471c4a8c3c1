/* stored.h - an artifact as a scorer over a dataset it was not made from: rows are found by id. */
#ifndef DG_EVALUATE_STORED_H
#define DG_EVALUATE_STORED_H
#include "artifact/artifact.h"
#include "models/scorer.h"
#include "store/dataset.h"

/**
 * Score as a serving node of that artifact would. COLLECTIVE.
 *
 * A user it does not know, or of whom it learned nothing, is offered what is popular there. An item
 * it does not know comes after all that it knows. Where its scores are ratings, both are its
 * offset.
 *
 * @param[in] d, a  kept until scorer->destroy; the same artifact is open on every rank
 * Cost    4 n_items n_cols bytes a node; a search for each own id.
 * Errors  DG_ERR_CONFIG a model of weights, which this version cannot score; DG_ERR_NOMEM; agreed.
 */
dg_status dg_stored_scorer(const dg_comm *c, const dg_dataset *d, const dg_artifact *a,
                           dg_scorer *out, dg_err *err);

/** Did the artifact learn something of loaded user number i, and of the item? Its score is one of
 *  the model then, else a stand-in. LOCAL, O(1). */
bool dg_stored_knows(const dg_scorer *s, int i, int64_t item);

#endif
