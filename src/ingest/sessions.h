/* sessions.h - visits in place of users: a user's events without a long break between them. */
#ifndef DG_INGEST_SESSIONS_H
#define DG_INGEST_SESSIONS_H
#include "ingest/directory.h"
#include "ingest/events.h"

/**
 * Make a user of every session. COLLECTIVE.
 *
 * A session ends where the user's next event is more than `gap` later. The user "u" becomes "u#1",
 * "u#2" and so on in the order of time; events of one second count in the order of the input.
 *
 * @param[in]     gap     seconds, the same on every rank
 * @param[in,out] users   ids of this rank; those of its sessions afterwards
 * @param[in,out] events  with times; their users are codes of `users`, before and after
 * @param[out]    n       sessions over all ranks
 *
 * Cost    24 bytes an event, sent to the owner of its user and a number back; O(n log n) per user.
 * Errors  DG_ERR_NOMEM; agreed. Users and events are of no use then.
 */
dg_status dg_sessions_make(const dg_comm *c, double gap, dg_ids *users, dg_events *events,
                           int64_t *n, dg_err *err);

#endif
