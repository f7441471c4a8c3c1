/* measure.h - this machine's peaks on one core: arithmetic and memory. Machines differ and drift:
 * quote a rate as a share of the peaks measured in the same run. */
#ifndef DG_DENSE_MEASURE_H
#define DG_DENSE_MEASURE_H
#include "base/status.h"

typedef struct dg_peaks {
    double flops, flops_median; /* of sgemm, a second: best of a few runs, and their median */
    double bytes, bytes_median; /* of a stream, a second: two arrays read, one written */
} dg_peaks;

/** Measure the peaks: sgemm at n = 3000, five times. LOCAL, two seconds, 110 MB while it lasts; the
 *  other cores idle, or the figure is not this core's peak. Errors DG_ERR_NOMEM. */
dg_status dg_measure_peaks(dg_peaks *out, dg_err *err);

/** The same in a tenth of a second with sgemm at n = 768: to try things out. LOCAL. */
dg_status dg_measure_peaks_roughly(dg_peaks *out, dg_err *err);

typedef struct dg_timing {
    double best, median; /* seconds of one call */
} dg_timing;

/** Time run(with): `runs` (at most 32) times, each of as many calls as take `least` seconds; the
 *  first tries warm up. LOCAL. */
dg_timing dg_measure_call(void (*run)(void *with), void *with, int runs, double least);

#endif
