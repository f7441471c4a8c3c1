/* walltime.h - the time a scheduler gave the job, from SLURM_JOB_END_TIME. */
#ifndef DG_JOB_WALLTIME_H
#define DG_JOB_WALLTIME_H
#include "comm/comm.h"

#include <stdbool.h>

/** Be asked to stop (base/stop.h) shortly before that time is over; rank 0's environment counts.
 *  Without one, or with one in the past, nothing happens. COLLECTIVE. */
void dg_walltime_heed(const dg_comm *c);

/** Does work of so many seconds not fit before that? LOCAL, but the clocks of ranks differ. */
bool dg_walltime_too_short(double seconds);

#endif
