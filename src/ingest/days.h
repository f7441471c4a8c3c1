/* days.h - days on which one user did more than a person does. */
#ifndef DG_INGEST_DAYS_H
#define DG_INGEST_DAYS_H
#include "ingest/directory.h"
#include "ingest/events.h"

typedef struct dg_days { /* over all ranks */
    int64_t n;           /* days of one user each that were dropped */
    int64_t users;       /* who had one or more of them */
    int64_t events;      /* of those days */
} dg_days;

/**
 * Drop all events of a user on a day that has more than `most` of them; the user's other days stay.
 * COLLECTIVE. A day is a date in UTC; every event counts, also of one item again.
 *
 * @param[in]     most    > 0, the same on every rank
 * @param[in]     users   ids of this rank; users of `events` are codes of it
 * @param[in,out] events  with times; those left keep their order
 *
 * Cost    that of dg_moments_ask.
 * Errors  DG_ERR_NOMEM; agreed. Events are as they were then.
 */
dg_status dg_days_limit(const dg_comm *c, int64_t most, const dg_ids *users, dg_events *events,
                        dg_days *out, dg_err *err);

#endif
