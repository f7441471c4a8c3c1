/* sandbox.h - what a serving node gives up once it has all it needs. */
#ifndef DG_SERVE_GUARD_SANDBOX_H
#define DG_SERVE_GUARD_SANDBOX_H
#include "base/status.h"

#include <stdbool.h>

/** Become this user for good, with its groups; for a node that was started as root to read its key
 *  or to take a low port. LOCAL, before there are threads. Errors DG_ERR_CONFIG no such user, or it
 *  is root; DG_ERR_PERM. */
dg_status dg_sandbox_user(const char *name, dg_err *err);

/**
 * Never gain a privilege, and keep to the system calls that serving needs: files, memory, threads,
 * clocks and the sockets that are there. No program can be started, no new connection made to
 * anywhere, no other process traced, no file system mounted; a call that is not on the list fails
 * with EPERM. LOCAL, for all threads of the process; no way back.
 *
 * @param[out] filtered  false where the kernel has no such filters, or the sanitizers need more
 * Errors  DG_ERR_PERM; DG_ERR_NOMEM.
 */
dg_status dg_sandbox_enter(bool *filtered, dg_err *err);

#endif
