/* baseline.h - means and biases that are taken off ratings and added to predictions. Internal to
 * models/neighbors. */
#ifndef DG_MODELS_NEIGHBORS_BASELINE_H
#define DG_MODELS_NEIGHBORS_BASELINE_H
#include "comm/matrix.h"
#include "models/neighbors/options.h"
#include "store/dataset.h"

/* base(u, i) = user[u] + item[i], rounded to float. */
typedef struct dg_baseline {
    double mean;    /* of all training ratings; 0 where there are none */
    dg_range own;   /* users */
    float *user;    /* (own users,) */
    dg_matrix item; /* (n_items, 1) */
} dg_baseline;

/**
 * With mu the global mean and d the damping: user[u] = mu + sum(r - mu) / (n_u + d) and item 0 for
 * `user`, the other way round for `item`; for `both` the item's bias sum(r - mu) / (n_i + d), and
 * mu + sum(r - mu - bias) / (n_u + d). Who has no ratings has mu, or no bias. A held-out user's is
 * of its fold_in row. COLLECTIVE. Errors DG_ERR_NOMEM, agreed.
 */
dg_status dg_baseline_create(const dg_comm *c, const dg_dataset *d, int center, double damping,
                             dg_baseline *out, dg_err *err);

/** COLLECTIVE, twice-safe. */
void dg_baseline_free(dg_baseline *b);

/** base(u, i). LOCAL. */
static inline float dg_baseline_of(const dg_baseline *b, int64_t own_user, int64_t item)
{
    return b->user[own_user - b->own.begin] + b->item.at[item];
}

#endif
