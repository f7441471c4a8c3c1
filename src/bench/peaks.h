/* peaks.h - this machine's peaks as a fact of a report. */
#ifndef DG_BENCH_PEAKS_H
#define DG_BENCH_PEAKS_H
#include "bench/report.h"
#include "comm/comm.h"
#include "dense/measure.h"

#include <stdbool.h>

/**
 * Measure the peaks of one core and put them into r->facts as "peaks". COLLECTIVE: rank 0 measures,
 * the others sleep meanwhile and learn the result; LOCAL with c NULL.
 * @param[in]  quick  see dg_measure_peaks_roughly
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_bench_peaks(const dg_comm *c, bool quick, dg_report *r, dg_peaks *out, dg_err *err);

enum { DG_PEAKS_LINE = 200 };

/** The fact in one line for people, returned. LOCAL. */
const char *dg_bench_peaks_line(const dg_report *r, char line[DG_PEAKS_LINE]);

#endif
