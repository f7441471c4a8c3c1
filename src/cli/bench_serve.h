/* bench_serve.h - lists of a serving node, made in this process: how long one takes. */
#ifndef DG_CLI_BENCH_SERVE_H
#define DG_CLI_BENCH_SERVE_H
#include "bench/report.h"

#include <stdbool.h>

typedef struct dg_bench_serve_of {
    const char *artifact; /* its goods and users; NULL: normally distributed ones of these sizes: */
    const char *goods;    /* "26744,1000000" */
    int factors;
    int k; /* goods of a list */
    bool quick;
} dg_bench_serve_of;

/**
 * Measure on one core: lists of single tastes, of 64 at once, of filtered goods, and by a pass over
 * all factors. LOCAL. Some 20 s and 0.4 GB for the sizes above, most of it to make them.
 * @param[out] out  free with dg_report_free; fact "peaks"; rows "goods", "factors", "case",
 *                  "seconds" (median), "seconds_p99", "bytes_share": all factors over the median,
 *                  as a share of the stream
 * Errors  DG_ERR_USAGE sizes that are none; DG_ERR_CONFIG a model of weights; the artifact's;
 *         DG_ERR_INTERNAL a list differs from that of a pass over all factors; DG_ERR_NOMEM.
 */
dg_status dg_bench_serve(const dg_bench_serve_of *of, dg_report *out, dg_err *err);

/** For people. LOCAL. */
void dg_bench_serve_text(const dg_report *r, dg_text *out);

#endif
