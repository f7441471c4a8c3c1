/* tree.h - ordered sums over shards: the same association, hence the same bits, on any ranks.
 *
 * Each shard's partial vector is a leaf of one fixed binary tree over all shards. A rank folds the
 * complete subtrees inside its run as leaves arrive and sends only those O(log S) nodes. */
#ifndef DG_COMM_TREE_H
#define DG_COMM_TREE_H
#include "comm/shards.h"

typedef struct dg_tree dg_tree;

/** An empty sum of vectors of n doubles over n_shards leaves; caller destroys. LOCAL.
 *  Cost 24 n log2(S) bytes. Errors DG_ERR_NOMEM, *out NULL. */
dg_status dg_tree_create(const dg_comm *c, int n_shards, int n, dg_tree **out, dg_err *err);

/** Where the partial of the next own shard is to be written, zeroed; shards come in run order.
 *  Valid until the next dg_tree_push. LOCAL. */
double *dg_tree_leaf(dg_tree *t);

/** The leaf is complete: fold it in. LOCAL, O(n) amortised. */
void dg_tree_push(dg_tree *t);

/**
 * Sum over all shards into out (n,), same bits on every rank; the tree is empty again.
 * COLLECTIVE: every rank, after pushing each shard of its run exactly once.
 * Cost    O(n P log S) bytes received; O(n S) flops in all.
 * Source  pairwise summation: Higham 2002, "Accuracy and Stability", section 4.2.
 */
void dg_tree_sum(dg_tree *t, double *out);

/**
 * The same sum, each rank getting only its part: numbers [begin[r], begin[r + 1]) go to rank r. The
 * tree is empty again. COLLECTIVE, as dg_tree_sum.
 * Shapes  begin (ranks + 1,), from 0 to n; out (begin[rank + 1] - begin[rank],).
 * Cost    O(n log S) bytes received by all ranks together for each rank that sends.
 */
void dg_tree_deliver(dg_tree *t, const int *begin, double *out);

/** Bytes that all ranks together receive in dg_tree_sum of n numbers. LOCAL. */
int64_t dg_tree_sum_bytes(int n_shards, int size, int64_t n);

/** Bytes that rank `owner` of `size` receives in dg_tree_deliver as its part of n numbers. LOCAL.
 */
int64_t dg_tree_deliver_bytes(int n_shards, int size, int owner, int64_t n);

/** LOCAL, NULL-safe. */
void dg_tree_destroy(dg_tree **t);

#endif
