/* stored_head.h - what both kinds of stored scorer begin with. Internal to evaluate/. */
#ifndef DG_EVALUATE_STORED_HEAD_H
#define DG_EVALUATE_STORED_HEAD_H
#include "evaluate/stored.h"

/* Score of an item the artifact does not know: below any of a model, far from infinite. */
#define DG_STORED_BEHIND_ALL (-1e30F)

typedef struct dg_stored_head { /* borrows data and artifact */
    const dg_dataset *data;
    const dg_artifact *artifact;
    int64_t *user;              /* (own users,) row in the artifact, -1 where there is none */
    bool knows[DG_SCORER_TILE]; /* something was learned of that loaded user */
    bool (*knows_item)(const struct dg_stored_head *s, int64_t item);
} dg_stored_head;

/** Look up the own users. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_stored__find_users(dg_stored_head *s, dg_err *err);

/** dg_stored_scorer for a model of weights. COLLECTIVE. */
dg_status dg_stored__links(const dg_comm *c, const dg_dataset *d, const dg_artifact *a,
                           dg_scorer *out, dg_err *err);

#endif
