/* long.h - rows with very long histories: their sums over entries are made shard by shard of the
 * other side, each where that shard's factors lie, and added over the tree of shards.
 *
 * So such a row needs no factors from elsewhere, its work is shared by all ranks and threads, and
 * its bits do not depend on who does it. A row is long when it has 128 ratings a shard of the other
 * side on average and does not fit one panel: a matter of the data and the number of factors alone.
 * Where its sums are made changes no bit: by everybody, each its own shards (`send`), or by the
 * row's owner alone (`gather`). Internal to als/. */
#ifndef DG_MODELS_ALS_LONG_H
#define DG_MODELS_ALS_LONG_H
#include "models/als/rows.h"

/** Rows of this many ratings and more are long. LOCAL. */
int64_t dg_als_long_from(int n_shards_of_other, int d);

/* Who is who in a half of a sweep. All borrowed. */
typedef struct dg_als_half {
    const dg_als_options *options;
    int d;
    const dg_shards *solved, *other; /* the rows being solved; those they are solved from */
    const dg_csr *ratings;           /* own rows being solved */
    const dg_csr *by_other;          /* own rows of the other side: the transpose */
} dg_als_half;

/**
 * Find the long rows, and what this rank needs of them. COLLECTIVE; `half` is copied, what it
 * points to borrowed.
 * Cost    sending: 8 bytes for each rating of long rows, over all ranks together; one pass over
 *         both ratings. Errors DG_ERR_NOMEM, agreed.
 */
dg_status dg_als_long_create(const dg_comm *c, const dg_als_half *half, bool send,
                             dg_als_long **out, dg_err *err);

/** The table that features are read from has its rows elsewhere: own row k at place first + k, and
 *  the solved rows' ratings name places by `index`. LOCAL. */
void dg_als_long_place(dg_als_long *l, int64_t first, const int32_t *index);

/** Long rows of all ranks. LOCAL. */
int64_t dg_als_long_rows(const dg_als_long *l);

/** Do all ranks make its sums together, out of their own factors alone? Else owners read all the
 *  features. LOCAL; NULL-safe. */
bool dg_als_long_sends(const dg_als_long *l);

/** Is this row solved here rather than by dg_als_solve_row? LOCAL; NULL-safe. */
bool dg_als_is_long(const dg_als_long *l, dg_row row);

/** Bytes that all ranks together receive for sums in one half-sweep, where they are sent. Steps of
 *  conjugate gradients vary: counted as two. LOCAL. */
int64_t dg_als_long_bytes(const dg_als_long *l, bool observes);

/**
 * Solve the long rows. COLLECTIVE.
 * @param[in,out] solution   own rows
 * @param[out]    loss       (own rows,) of the own long rows, or NULL
 * @param[out]    first_bad  least own row that could not be solved; else untouched
 * Cost    n d^2 + d^3/3 flops a row and 8 (d (d + 1)/2 + d) bytes a node of the tree to its owner;
 *         or 4 n d flops and 8 d bytes a node to every rank for each step of CG.
 * Errors  DG_ERR_NOMEM; agreed.
 */
dg_status dg_als_long_solve(const dg_als_long *l, const dg_als_side *s, dg_matrix *solution,
                            dg_als_row_loss *loss, int64_t *first_bad, dg_err *err);

/** COLLECTIVE, NULL-safe. */
void dg_als_long_destroy(dg_als_long **l);

#endif
