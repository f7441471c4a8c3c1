#include "job/walltime.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static double end = INFINITY; /* of dg_now's clock, less the reserve */

/* Seconds left as the environment has it; not finite where it does not. */
static double seconds_left(void)
{
    const char *text = getenv("SLURM_JOB_END_TIME");
    char *rest;
    if (text == NULL || text[0] == '\0') return INFINITY;
    const long long at = strtoll(text, &rest, 10); /* seconds since 1970 */
    const double left = difftime((time_t)at, time(NULL));
    return *rest == '\0' && left > 0 ? left : INFINITY;
}

void dg_walltime_heed(const dg_comm *c)
{
    enum { RESERVE = 30 }; /* seconds to leave in: launchers and file systems are slow at it */
    char text[32];
    double left = c->rank == 0 ? seconds_left() : 0;
    dg_bcast(c, &left, sizeof left, 0);
    end = dg_now() + left - fmin(RESERVE, left / 10);
    if (!isfinite(left)) return;
    dg_stop_at(end);
    dg_log(DG_LOG_INFO, "walltime", "%s left of the job's time",
           dg_show_seconds(left, text, sizeof text));
}

bool dg_walltime_too_short(double seconds) { return dg_now() + seconds > end; }
