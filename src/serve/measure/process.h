/* process.h - what the kernel knows of this process, on the page of metrics. */
#ifndef DG_SERVE_MEASURE_PROCESS_H
#define DG_SERVE_MEASURE_PROCESS_H
#include "serve/measure/metrics.h"

/** Add resident memory, processor time, open files and the start time under the names that all
 *  Prometheus clients use. LOCAL, at the start. Source  Prometheus, "Writing client libraries". */
void dg_process_metrics(dg_metrics *m);

#endif
