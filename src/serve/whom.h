/* whom.h - who a list is for: a user as trained, a user with events of this minute, or whoever the
 * items of a session describe. */
#ifndef DG_SERVE_WHOM_H
#define DG_SERVE_WHOM_H
#include "serve/live/live.h"
#include "serve/request.h"

typedef struct dg_whom {
    int64_t user;      /* row of the artifact, or -1 */
    dg_taste taste;    /* borrowed from the artifact, `room` or `own`, as what follows */
    dg_allowed unseen; /* goods they have not seen */
    dg_person *own;    /* solved for this request; NULL for a row of the artifact */
    bool lived;        /* has events that the artifact does not know */
    int32_t *seen;     /* copies of what such a user has, as others may change it meanwhile */
    int32_t *item;
    float *value;
    int64_t unknown; /* ids of items that the model does not know */
} dg_whom;

/**
 * Find out. LOCAL, thread-safe; dg_whom_close in either case. Allocates nothing for a user without
 * events.
 *
 * @param[in]  room  (n_cols,), see dg_taste_of; outlives the taste
 * Errors  false and `no`: 409 no_fold_in, items were given to a model that cannot learn from them;
 *         500 not_finite, out_of_memory.
 */
bool dg_whom_find(const struct dg_node *node, const dg_request *request, float *room, dg_whom *out,
                  dg_refusal *no);

/**
 * The person behind a user: as events left them, or as the artifact knows them. LOCAL, thread-safe;
 * give back with dg_person_destroy, or with dg_live_leave where `held` is not NULL.
 * Errors  as dg_live_take and dg_person_create.
 */
dg_status dg_whom_person(const struct dg_node *node, const dg_request *request, int64_t user,
                         dg_person **out, dg_lived **held, dg_err *err);

/** Does the model know anything of their taste? LOCAL. */
bool dg_whom_is_learned(const dg_artifact *a, const dg_whom *w);

/** LOCAL, twice-safe. */
void dg_whom_close(dg_whom *w);

/** What kept a model from an answer, as a refusal. LOCAL. Yields false. */
bool dg_refuse_status(dg_refusal *no, const struct dg_node *node, dg_status st, const dg_err *err);

#endif
