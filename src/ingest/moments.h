/* moments.h - ask the owners of users about their events, which lie on all ranks in input order. */
#ifndef DG_INGEST_MOMENTS_H
#define DG_INGEST_MOMENTS_H
#include "ingest/directory.h"
#include "ingest/events.h"

typedef struct dg_moment { /* an event on its way to the owner of its user */
    int64_t user;          /* as the owner numbers it */
    int64_t time;
    int64_t place; /* at the owner: among the arrivals, hence in the order of the input */
} dg_moment;

/** The owner's part: answer[m.place] for each moment m. LOCAL; (n,) in the order of user, time,
 * place. */
typedef void dg_moments_judge(void *context, const dg_moment *moment, int64_t n, int64_t *answer);

/**
 * A number for every event, by a rule that looks at all events of a user. COLLECTIVE.
 *
 * @param[in]  users   ids of this rank; users of `events` are codes of it
 * @param[in]  events  with times
 * @param[out] answer  dg_alloc'ed: (events->n,) in their order; NULL after a failure
 *
 * Cost    24 bytes an event, sent to the owner of its user and a number back; O(n log n) per user.
 * Errors  DG_ERR_NOMEM; agreed.
 */
dg_status dg_moments_ask(const dg_comm *c, const dg_ids *users, const dg_events *events,
                         dg_moments_judge *judge, void *context, int64_t **answer, dg_err *err);

#endif
