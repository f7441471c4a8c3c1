/* transfer.h - factor rows between nodes: how fast, how many bytes, how much of it work hides. */
#ifndef DG_BENCH_TRANSFER_H
#define DG_BENCH_TRANSFER_H
#include "bench/report.h"
#include "comm/comm.h"

#include <stdbool.h>

enum { DG_TRANSFER_SIZES = 8 };

typedef struct dg_bench_transfer_of {
    double size[DG_TRANSFER_SIZES]; /* (n,) bytes of the whole matrix, rows of 64 floats */
    int n;
    int rounds; /* each of the three below is measured so often, taking turns */
} dg_bench_transfer_of;

/**
 * Publish made-up matrices by each strategy of comm/matrix.h. COLLECTIVE.
 *
 * Each rank reads as many entries as the matrix has rows / ranks * 2, popular rows more often: what
 * `rows` need not send. Three things are timed, until the slowest rank is done: the transfer alone;
 * work on what lies there already, as much as the transfer takes; both, batch by batch. What is
 * hidden is 1 - (both - work) / transfer.
 *
 * Ranks of one node that is all there is are taken for nodes of their own, DAOGOU_NODE_SIZE=1, or
 * nothing would travel; fact "pretended" says so.
 *
 * @param[out] out  free with dg_report_free; rows "strategy", "matrix_bytes", "batches",
 *                  "bytes" received by all nodes each time, "bytes_model" of them by the formula,
 *                  "transfer_seconds", "byte_rate", "work_seconds", "both_seconds" (medians),
 *                  "hidden". Facts "ranks", "nodes".
 *
 * Errors  DG_ERR_NOMEM, DG_ERR_UNAVAILABLE (PETSc); agreed.
 */
dg_status dg_bench_transfer(const dg_comm *c, const dg_bench_transfer_of *of, dg_report *out,
                            dg_err *err);

/** For people. LOCAL. */
void dg_bench_transfer_text(const dg_report *r, dg_text *out);

/** The picture as SVG. LOCAL. */
void dg_bench_transfer_plot(const dg_report *r, dg_text *svg);

#endif
