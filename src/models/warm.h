/* warm.h - what an earlier model knew of the users and items of a new dataset, found by id.
 *
 * Rows move between two nights: shards are cut anew, users come and go. So an earlier model is
 * taken over through its artifact, which has the ids, never row by row. */
#ifndef DG_MODELS_WARM_H
#define DG_MODELS_WARM_H
#include "artifact/artifact.h"
#include "store/dataset.h"

typedef struct dg_warm {
    const dg_artifact *from; /* borrowed; the same on every rank */
    int64_t *user, *item;    /* (own users,), (own items,) row in the artifact, -1 for a new one */
    int64_t users, items;    /* known ones, over all ranks */
} dg_warm;

/** Look up the own ids. COLLECTIVE. Cost O(own ids log n). Errors DG_ERR_NOMEM, agreed. */
dg_status dg_warm_create(const dg_comm *c, const dg_dataset *d, const dg_artifact *from,
                         dg_warm *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_warm_free(dg_warm *w);

#endif
