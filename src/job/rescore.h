/* rescore.h - judge the champion on this run's held-out data. Internal to job/. */
#ifndef DG_JOB_RESCORE_H
#define DG_JOB_RESCORE_H
#include "job/work.h"

#define DG_RESCORED "champion-metrics" /* FOLDER/champion-metrics.json and .h5 */

/** Rank with the champion's artifact what this run's model was judged by; what it learned from may
 *  hold some of it. COLLECTIVE. Errors as dg_artifact_open and dg_evaluate, agreed. */
dg_status dg_rescore_champion(dg_work *w, const char *version, dg_err *err);

#endif
