/* sweeps.h - sweeps of a model on a job's own data: time, rates by phase, balance, bytes, memory.
 */
#ifndef DG_BENCH_SWEEPS_H
#define DG_BENCH_SWEEPS_H
#include "bench/report.h"
#include "models/model.h"

typedef struct dg_bench_sweeps_of { /* all borrowed */
    const dg_model_class *class;
    const dg_dataset *data;
    const void *options; /* of the class */
    uint64_t seed;
    int64_t base_rss; /* this rank's peak before the data came */
    bool quick;       /* rough peaks: to try it out */
} dg_bench_sweeps_of;

/**
 * Do the sweeps the options ask for. COLLECTIVE.
 *
 * @param[out] out  free with dg_report_free. One row a phase of the best sweep: "phase", "seconds"
 *                  (summed over threads, mean of ranks),
 *                  "seconds_max" of a rank, "share" of all threads' wall time, "rows", "flops" and
 *                  "bytes" over all ranks, "flop_rate" and "byte_rate" per core in the
 *                  phase with "flop_share" of sgemm and "byte_share" of stream. Facts: "ranks",
 *                  "threads", "cores", "users", "items", "train", "factors", "sweeps" ("seconds",
 *                  "loss", "rows_sent", "sums_sent" and "rest_sent" in
 *                  bytes by all ranks: comm.h), "best_seconds", "median_seconds",
 *                  "multiple", the bytes of the last sweep, "imbalance", "memory", "peaks".
 *
 * Errors  as create and sweep of the class; DG_ERR_NOMEM; agreed.
 */
dg_status dg_bench_sweeps(const dg_comm *c, const dg_bench_sweeps_of *of, dg_report *out,
                          dg_err *err);

/** Append what goes above and below the table, for people. LOCAL. */
void dg_bench_sweeps_text(const dg_report *r, dg_text *out);

/** The picture as SVG. LOCAL. */
void dg_bench_sweeps_plot(const dg_report *r, dg_text *svg);

#endif
