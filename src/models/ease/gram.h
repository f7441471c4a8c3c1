/* gram.h - X'X of sparse ratings, added straight into a distributed matrix.
 * Internal to models/ease/. */
#ifndef DG_MODELS_EASE_GRAM_H
#define DG_MODELS_EASE_GRAM_H
#include "linalg/symmetric.h"
#include "sparse/csr.h"

#include <stdbool.h>

/**
 * Add the sum over users of x x' to the lower triangle. COLLECTIVE.
 *
 * Every element is summed in the order of users, so its bits do not depend on ranks or threads;
 * binary sums are whole numbers.
 *
 * @param[in]  users   own users; ranks hold ascending ranges
 * @param[in]  binary  every entry counts 1
 * Cost    the sum over users of n_u^2 / 2 additions over all ranks and threads; every rank sees
 *         every rating once, a batch at a time: 8 bytes each.
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_ease_gram(const dg_comm *c, const dg_csr *users, bool binary, dg_symmetric *gram,
                       dg_err *err);

#endif
