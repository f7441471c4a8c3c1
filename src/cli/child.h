/* child.h - run another program, keep what it says, and never wait for ever. */
#ifndef DG_CLI_CHILD_H
#define DG_CLI_CHILD_H
#include "base/status.h"
#include "base/text.h"

typedef struct dg_child {
    dg_text said;   /* standard output and error, cut at 64 kB */
    int exit_code;  /* 128 + signal where a signal ended it */
    bool timed_out; /* it was stopped; exit_code means nothing */
    double seconds;
} dg_child;

/**
 * Run argv (found in PATH) in a process group of its own for at most `seconds`; then ask it to end,
 * and kill the group three seconds later. LOCAL.
 *
 * @param[out] out  free out->said
 *
 * Errors  DG_ERR_UNAVAILABLE it cannot be started; DG_ERR_NOMEM.
 */
dg_status dg_child_run(char *const *argv, double seconds, dg_child *out, dg_err *err);

/** What the child gave as its reason: its line that begins with "daogou ", else its first one.
 *  Borrowed from out->said, which is cut there. LOCAL. */
const char *dg_child_reason(dg_child *c);

#endif
