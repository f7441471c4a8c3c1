/* live.h - the people of this minute, for one model: users with events that the model has not seen.
 *
 * A user's events are read from the store when somebody asks for the user, applied to what the
 * artifact knows, and kept here for the next time; those not asked for longest go first when the
 * memory given is used up, and are read again when asked for. What is in the artifact already is
 * left out: an event is new if it is later than the newest the artifact was made from, or about a
 * good that the artifact has not got in the user's history. */
#ifndef DG_SERVE_LIVE_LIVE_H
#define DG_SERVE_LIVE_LIVE_H
#include "base/option.h"
#include "serve/live/eventstore.h"
#include "serve/live/person.h"

typedef struct dg_live dg_live;

/** @param[in] a, store  kept until destroy
 *  @param[in] bytes     of memory for people, about
 *  LOCAL. Errors DG_ERR_DATA the artifact's event_weights cannot be read; DG_ERR_NOMEM. */
dg_status dg_live_create(const dg_artifact *a, const dg_eventstore *store, size_t bytes,
                         dg_live **out, dg_err *err);

/** LOCAL, NULL-safe. Nobody may be taken. */
void dg_live_destroy(dg_live **live);

/** What a kind of event counts: the weights of the artifact's data. LOCAL. False for a kind that it
 *  does not know; without weights every kind, and none, counts 1. */
bool dg_live_weight(const dg_live *live, const char *kind, size_t n, double *out);

typedef struct dg_lived dg_lived; /* somebody taken */

/**
 * A user as they are now, with all events that dg_eventstore_latest knows of. LOCAL, thread-safe;
 * give back with dg_live_leave, as others who ask for the same user wait.
 *
 * @param[in]  row    of the artifact, or -1
 * @param[out] out    NULL for a user without events: the artifact's row will do
 * Errors  DG_ERR_NOMEM; DG_ERR_IO, DG_ERR_DATA the log cannot be read.
 */
dg_status dg_live_take(dg_live *live, const char *id, size_t n, int64_t row, dg_lived **out,
                       dg_err *err);

/** Whom was taken; changed by nobody else until given back. LOCAL. */
dg_person *dg_lived_person(dg_lived *taken);

/** LOCAL, thread-safe, NULL-safe. */
void dg_live_leave(dg_live *live, dg_lived *taken);

typedef struct dg_live_figures {
    size_t people, bytes;
    uint64_t folds; /* events applied since the start */
} dg_live_figures;

/** LOCAL, thread-safe. */
dg_live_figures dg_live_look(dg_live *live);

#endif
