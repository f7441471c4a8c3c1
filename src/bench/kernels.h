/* kernels.h - what the kernels of training and serving reach on one core. */
#ifndef DG_BENCH_KERNELS_H
#define DG_BENCH_KERNELS_H
#include "bench/report.h"

#include <stdbool.h>

/**
 * Measure the peaks and every kernel at the sizes that matter. LOCAL, one thread, some 15 s; 350
 * MB.
 *
 * @param[in]  quick  runs so short that the rates mean little: to try it out, a second or two
 * @param[out] out    free with dg_report_free; fact "peaks"; rows "kernel", "factors", "entries",
 * "table_bytes", "seconds", "seconds_median", "flops", "flops_share", "bytes", "bytes_share", and
 * "bar", the share of sgemm it should reach
 *
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_bench_kernels(bool quick, dg_report *out, dg_err *err);

/** The picture of such a report as SVG. LOCAL. */
void dg_bench_kernels_plot(const dg_report *r, dg_text *svg);

#endif
