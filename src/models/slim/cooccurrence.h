/* cooccurrence.h - X'X of sparse ratings as sparse rows, once per node. Internal to models/slim/.
 */
#ifndef DG_MODELS_SLIM_COOCCURRENCE_H
#define DG_MODELS_SLIM_COOCCURRENCE_H
#include "comm/node_csr.h"
#include "store/dataset.h"

#include <stdbool.h>

/**
 * Row j: the items i that somebody has with j, j itself too, and the sum over users of x_uj x_ui.
 * COLLECTIVE.
 *
 * Sums run in the order of users, in doubles; kept as floats, in which counts to 2^24 are exact.
 *
 * @param[in]  binary  every rating counts 1
 * Cost    the sum over users of n_u^2 additions over all ranks; 8 bytes a rating and a pair that
 *         occurs per node, for the pairs twice that on the way.
 * Errors  DG_ERR_NOMEM; DG_ERR_NUMERIC a value is not finite; agreed. *out zeroed.
 */
dg_status dg_slim_cooccurrence(const dg_comm *c, const dg_dataset *d, bool binary, dg_node_csr *out,
                               dg_err *err);

#endif
