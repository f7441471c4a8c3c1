/* bench_scaling.h - the same sweeps on more and more ranks: speed-up, balance, bytes.
 *
 * Starts `mpirun -n N daogou bench als` for each N and reads its JSON: a run of one number of ranks
 * is what anybody else would start, and a rank's memory is its own. */
#ifndef DG_CLI_BENCH_SCALING_H
#define DG_CLI_BENCH_SCALING_H
#include "bench/report.h"
#include "cli/command.h"

typedef struct dg_bench_flags {
    char *csv, *plot;
    char *ranks, *sizes; /* "1,2,4" */
    char *goods;
    int64_t rounds, factors, k;
    bool quick;
} dg_bench_flags;

/**
 * Run the job of cli->args[1] on each of the numbers of ranks. LOCAL; not under mpirun.
 * @param[out] out  free with dg_report_free; rows "ranks", "seconds", "speedup", "efficiency",
 *                  "multiple", "imbalance", "rows_sent", "sums_sent",
 *                  "rest_sent", "memory" (of the largest rank), "loss"; and
 *                  "rows_planned", "sums_planned", "memory_planned" of `daogou plan`
 * Errors  DG_ERR_USAGE; DG_ERR_UNAVAILABLE a run fails, with its last words.
 */
dg_status dg_bench_scaling(const dg_cli *cli, dg_report *out, dg_err *err);

/** For people. LOCAL. */
void dg_bench_scaling_text(const dg_report *r, dg_text *out);

/** The picture as SVG. LOCAL. */
void dg_bench_scaling_plot(const dg_report *r, dg_text *svg);

#endif
