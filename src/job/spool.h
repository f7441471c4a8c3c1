/* spool.h - checkpoints written into a quick folder, copied to the one that lasts behind the run.
 *
 * A thread copies one at a time while training goes on; it makes no MPI call. All LOCAL, called by
 * the one rank that copies, in its main thread. */
#ifndef DG_JOB_SPOOL_H
#define DG_JOB_SPOOL_H
#include "base/status.h"

#include <stdint.h>

typedef struct dg_spool dg_spool;

/** Copy from `local` to `lasting`, where the newest `keep` stay. Errors DG_ERR_NOMEM. */
dg_status dg_spool_create(const char *local, const char *lasting, int64_t keep, dg_spool **out,
                          dg_err *err);

/** Begin to copy the checkpoint of this sweep, once the copy before is done. It appears whole under
 *  its name. Errors of the copy before, as dg_spool_wait; DG_ERR_NOMEM. */
dg_status dg_spool_start(dg_spool *s, int64_t sweep, dg_err *err);

/** Wait for the copy that is under way, if any. NULL-safe. Errors DG_ERR_IO and others of errno. */
dg_status dg_spool_wait(dg_spool *s, dg_err *err);

/** Seconds the last copy took; 0 before the first. NULL-safe. */
double dg_spool_takes(const dg_spool *s);

/** Waits first. NULL-safe. */
void dg_spool_destroy(dg_spool **s);

#endif
