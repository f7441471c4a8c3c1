/* similar.h - how alike the items of a list are. Internal to evaluate/. */
#ifndef DG_EVALUATE_SIMILAR_H
#define DG_EVALUATE_SIMILAR_H
#include "comm/node_csr.h"
#include "ranking/topk.h"
#include "store/dataset.h"

/* Zero-initialise; free with dg_similar_free. */
typedef struct dg_similar {
    dg_node_csr users; /* of each item, by training */
    double *sum;       /* (users,) 1 / sqrt(count) of the items so far that a user has */
} dg_similar;

/** COLLECTIVE. 8 bytes a training rating per node, 8 a user per rank. Errors DG_ERR_NOMEM, agreed.
 */
dg_status dg_similar_create(const dg_comm *c, const dg_dataset *d, dg_similar *out, dg_err *err);

/**
 * Mean over pairs of the first k of a list of the cosine of their sets of users. LOCAL.
 *
 * @param[in]  k    (n_k,) ascending
 * @param[out] out  (n_k,) 0 of fewer than two items
 * Cost    as many additions as the listed items have ratings: slow where lists are long and data
 * big.
 */
void dg_similar_list(dg_similar *s, const dg_hit *list, int n_list, const int *k, int n_k,
                     double *out);

/** COLLECTIVE, twice-safe. */
void dg_similar_free(dg_similar *s);

#endif
