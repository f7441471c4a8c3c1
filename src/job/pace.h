/* pace.h - when a training run saves its state: by sweeps and minutes, or as costs and failures
 * weigh. */
#ifndef DG_JOB_PACE_H
#define DG_JOB_PACE_H
#include <stdbool.h>
#include <stdint.h>

/* How far the state is safe, and what it takes to bring it further. The first part is the job's. */
typedef struct dg_pace {
    bool automatic;  /* checkpoint.interval */
    int64_t every;   /* sweeps; 0: not by count */
    double max_cost; /* share of the time that checkpoints by count may take */
    double minutes;  /* 0: not by time */
    double mtbf;     /* seconds between failures */

    int64_t saved;      /* sweep of the newest checkpoint; the state before the first needs none */
    double since;       /* when that was begun, by dg_now */
    double sweep_takes; /* seconds of the last one; 0: not known yet */
    double save_takes;
    int64_t n_saved; /* by this run */
    double save_seconds;
} dg_pace;

/** Is it time for a checkpoint, `sweep` sweeps being done? The first one by count, or of an
 *  automatic interval, is due at once: what it takes has to be measured. LOCAL: clocks of ranks
 *  differ, so agree before acting. */
bool dg_pace_due(const dg_pace *p, int64_t sweep, double now);

/** A checkpoint of this sweep is on disk. LOCAL. */
void dg_pace_saved(dg_pace *p, int64_t sweep, double begun, double now);

/**
 * Seconds between two checkpoints that lose the least time, to checkpoints and to work done again.
 * LOCAL.
 * Source J. T. Daly, A higher order estimate of the optimum checkpoint interval for restart dumps,
 *        Future Generation Computer Systems 22 (2006), equation 37; its first term is Young's
 * (1974).
 */
double dg_pace_interval(double save_takes, double mtbf);

#endif
