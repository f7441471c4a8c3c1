/* watch.h - a run watched while it is at work: who is stuck, and figures for a monitor.
 *
 * Each rank has a thread that writes, a few times a minute, one line into the work folder's file
 * `ranks`: where the rank is (base/pulse.h) and how far it has come. Rank 0's thread reads them
 * all, the last rank's that of rank 0. A rank is stuck when it has not moved for a while although
 * it does not wait for others, or when even its thread is silent; it is told by name. Nothing of
 * MPI is used: that is what may be stuck. */
#ifndef DG_JOB_WATCH_H
#define DG_JOB_WATCH_H
#include "comm/comm.h"
#include "job/config.h"

typedef struct dg_watch dg_watch;

/* Figures of training for the monitor; what is not known yet is 0. */
typedef struct dg_watch_figures {
    int64_t sweep, sweeps, bytes_sent;
    double sweep_seconds, loss;
    int64_t checkpoint_sweep;
    double checkpoint_seconds;
} dg_watch_figures;

/** Begin, as the job's section `watch` asks; *out is NULL where it asks for nothing. COLLECTIVE.
 *  `job` and `folder` are borrowed until dg_watch_stop. Errors DG_ERR_NOMEM; DG_ERR_IO,
 *  DG_ERR_CANTCREATE the file `ranks`; agreed. */
dg_status dg_watch_start(const dg_comm *c, const dg_job *job, const char *folder, dg_watch **out,
                         dg_err *err);

/** Tell the monitor. LOCAL, NULL-safe. */
void dg_watch_tell(dg_watch *w, const dg_watch_figures *figures);

/** How the run ended, told with the last figures: an exit code. LOCAL, NULL-safe. */
void dg_watch_ended(dg_watch *w, int exit_code);

/** End the thread and remove the file. LOCAL, NULL-safe, twice-safe. */
void dg_watch_stop(dg_watch **w);

#endif
