/* measure.h - this machine's peaks, and what the kernels reach of them. One core, one thread.
 * Machines differ and drift: quote a rate as a share of the peaks measured in the same run. */
#ifndef DG_DENSE_MEASURE_H
#define DG_DENSE_MEASURE_H
#include "base/status.h"

typedef struct dg_peaks {
    double flops; /* of sgemm at n = 1536, best of a few */
    double bytes; /* per second: reading two arrays and writing one, best of a few */
} dg_peaks;

typedef struct dg_kernel_rate {
    const char *kernel; /* "gram", "pass", "gather + pass", "cholesky" */
    int d, n;           /* factors, entries of a row */
    double flops;       /* useful ones per second */
    double bytes;       /* gathered per second; 0 where nothing is */
} dg_kernel_rate;

enum { DG_KERNEL_RATES = 32 };

/** Measure the peaks. LOCAL, a second or two, 130 MB. Errors DG_ERR_NOMEM. */
dg_status dg_measure_peaks(dg_peaks *out, dg_err *err);

/** Measure the kernels of row solves at several sizes; returns in *n how many. LOCAL, a few
 *  seconds, 150 MB. Errors DG_ERR_NOMEM. */
dg_status dg_measure_kernels(dg_kernel_rate out[DG_KERNEL_RATES], int *n, dg_err *err);

#endif
