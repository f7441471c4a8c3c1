/* tallies.h - what lists do to the catalogue as a whole: counts that are whole numbers, so that any
 * number of ranks adds them up to the same. Internal to evaluate/. */
#ifndef DG_EVALUATE_TALLIES_H
#define DG_EVALUATE_TALLIES_H
#include "comm/comm.h"
#include "evaluate/evaluate.h"
#include "ranking/popularity.h"
#include "sparse/csr.h"

typedef struct dg_group_tally {
    int64_t possible, targets; /* pairs that could be listed; targets of the group */
    int64_t shown[DG_EVALUATE_K], hits[DG_EVALUATE_K];
} dg_group_tally;

/* Zero-initialise; free with dg_tallies_free. */
typedef struct dg_tallies {
    const dg_evaluate_options *o;
    const dg_popularity *popularity;
    int64_t *exposure; /* (n_k, n_items) in 2^-32, of the ranks a k has more than the one before;
                          NULL where nothing asks for it */
    int64_t *weight;   /* (longest list,) exposure of a rank */
    dg_group_tally group[DG_ITEM_GROUPS];
} dg_tallies;

/** Nothing counted. LOCAL. 8 n_k n_items bytes where coverage, gini, entropy or evenness is asked
 * for. Errors DG_ERR_NOMEM; dg_tallies_free in either case. */
dg_status dg_tallies_create(const dg_evaluate_options *o, const dg_popularity *p, dg_tallies *out,
                            dg_err *err);

/** Count a user's list. LOCAL.
 *  @param[in] seen  (n_seen,) items left out of it */
void dg_tallies_add(dg_tallies *t, const dg_hit *list, int n_list, dg_row target,
                    const int32_t *seen, int64_t n_seen);

/** Add up all ranks' and append coverage … popreo as far as asked for, and the slices by
 * popularity. COLLECTIVE. */
void dg_tallies_measure(const dg_comm *c, dg_tallies *t, dg_metrics *out);

/** LOCAL, twice-safe. */
void dg_tallies_free(dg_tallies *t);

#endif
