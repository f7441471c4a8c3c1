/* notify.h - what a service manager is told of the state of this process.
 *
 * Source  sd_notify(3), the protocol alone: one datagram to the socket that NOTIFY_SOCKET names. */
#ifndef DG_SERVE_NOTIFY_H
#define DG_SERVE_NOTIFY_H

/** Connect to the manager that started this process; -1 without one. LOCAL. The caller closes. */
int dg_notify_open(void);

/** Tell it "READY=1", "STOPPING=1", "STATUS=…". LOCAL; fd -1 tells nobody. */
void dg_notify(int fd, const char *state);

#endif
