/* signals.h - being asked to stop: SIGTERM, SIGINT and SIGUSR1 set a flag, and nothing else.
 *
 * A scheduler warns before it kills (docs/operations.md). Handlers do no work: stages look at the
 * flag at safe points, agree on it, save, and end with DG_ERR_AGAIN. */
#ifndef DG_JOB_SIGNALS_H
#define DG_JOB_SIGNALS_H
#include <stdbool.h>

/** Catch them from now on. A second SIGINT ends the process as usual. A write beyond the limit on
 *  file sizes fails from now on, instead of killing the process. LOCAL. */
void dg_signals_catch(void);

/** Was this process asked to stop? LOCAL: ranks may differ, so agree before acting on it. */
bool dg_stop_requested(void);

#endif
