/* door.h - takes connections from a listening socket and hands them on.
 *
 * Threads that all listen take what comes as they wake: a client's eight connections then often sit
 * in one thread while the others idle. One door in front of them deals them out in turn. */
#ifndef DG_SERVE_DOOR_H
#define DG_SERVE_DOOR_H
#include "base/status.h"

#include <stdbool.h>
#include <sys/socket.h>

typedef struct dg_door dg_door;

/* Whoever is behind it; called from the door's own thread. */
typedef struct dg_doorkeeper {
    /** May another one come in? While not, connections wait in the kernel's queue. LOCAL. */
    bool (*has_room)(void *context);
    /** Takes the socket over: non-blocking, close-on-exec. LOCAL. */
    void (*enter)(void *context, int fd, const struct sockaddr *from, socklen_t n);
    void *context;
} dg_doorkeeper;

/** Open the door in a thread of its own. @param[in] fd listens; taken over, also on failure. LOCAL.
 *  Errors DG_ERR_NOMEM; DG_ERR_IO no thread, no event. */
dg_status dg_door_open(int fd, const dg_doorkeeper *keeper, dg_door **out, dg_err *err);

/** Take no more; the port is free when it is back. LOCAL, NULL-safe. */
void dg_door_close(dg_door **d);

#endif
