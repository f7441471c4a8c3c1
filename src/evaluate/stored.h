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
 * Scores of a model of weights are the same bits as from its own scorer, where both know the rows.
 *
 * @param[in] d, a  kept until scorer->destroy; the same artifact is open on every rank
 * Cost    a search for each own id, and 4 n_items n_cols bytes a node; of a model of weights
 *         8 n_items bytes a rank, and 4 n_items for each loaded user.
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_stored_scorer(const dg_comm *c, const dg_dataset *d, const dg_artifact *a,
                           dg_scorer *out, dg_err *err);

/** Did the artifact learn something of loaded user number i, and of the item? Its score is one of
 *  the model then, else a stand-in. LOCAL, O(1). */
bool dg_stored_knows(const dg_scorer *s, int i, int64_t item);

#endif
