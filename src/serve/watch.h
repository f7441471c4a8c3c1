/* watch.h - ends connections that take too long.
 *
 * An idle time-out alone lets a client hold a connection for days by sending one byte now and
 * then. The watch gives every phase (whole request in, whole answer out, pause until the next
 * request) the same limit and shuts down the socket of whoever exceeds it. */
#ifndef DG_SERVE_WATCH_H
#define DG_SERVE_WATCH_H
#include "base/status.h"

#include <stddef.h>

typedef struct dg_watch dg_watch;
typedef struct dg_watched dg_watched;

/** Watch up to n connections from a thread of its own. LOCAL. Errors DG_ERR_NOMEM, DG_ERR_IO. */
dg_status dg_watch_create(size_t n, double limit_seconds, dg_watch **out, dg_err *err);

/** Stop the thread. LOCAL, NULL-safe. No connection may be left. */
void dg_watch_destroy(dg_watch **w);

/** A connection begins; NULL when n are watched already. LOCAL, thread-safe. */
dg_watched *dg_watch_enter(dg_watch *w, int fd);

/** It has come to its next phase. LOCAL, thread-safe, NULL-safe, no lock. */
void dg_watch_touch(dg_watched *at);

/** It ends; call before its socket is closed. LOCAL, thread-safe, NULL-safe. */
void dg_watch_leave(dg_watch *w, dg_watched *at);

#endif
