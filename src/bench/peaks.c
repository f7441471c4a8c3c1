#include "bench/peaks.h"

#include "dense/blas.h"
#include "dense/panel.h"

#include <stdio.h>
#include <unistd.h>

/* A barrier that leaves the cores to those who have yet to come. */
static void meet_sleeping(const dg_comm *c)
{
    MPI_Request all;
    int done = 0;
    dg_mpi(MPI_Ibarrier(c->comm, &all), c, "quiet barrier");
    while (!done) {
        dg_mpi(MPI_Test(&all, &done, MPI_STATUS_IGNORE), c, "quiet barrier");
        if (!done) usleep(2000);
    }
}

dg_status dg_bench_peaks(const dg_comm *c, bool quick, dg_report *r, dg_peaks *out, dg_err *err)
{
    dg_status st = DG_OK;
    *out = (dg_peaks){0};
    if (c == NULL || c->rank == 0)
        st = quick ? dg_measure_peaks_roughly(out, err) : dg_measure_peaks(out, err);
    if (c != NULL) {
        meet_sleeping(c);
        st = dg_agree(c, st, err);
        if (st == DG_OK) dg_bcast(c, out, sizeof *out, 0);
    }
    if (st != DG_OK) return st;
    json_object_set_new(r->facts, "peaks",
                        json_pack("{s:f, s:f, s:f, s:f, s:s, s:s}", "sgemm_flops", out->flops,
                                  "sgemm_flops_median", out->flops_median, "stream_bytes",
                                  out->bytes, "stream_bytes_median", out->bytes_median, "kernels",
                                  dg_panel()->name, "blas_core", dg_blas_core()));
    return DG_OK;
}

static double giga(const json_t *p, const char *key)
{
    return json_number_value(json_object_get(p, key)) / 1e9;
}

const char *dg_bench_peaks_line(const dg_report *r, char line[DG_PEAKS_LINE])
{
    const json_t *p = json_object_get(r->facts, "peaks");
    snprintf(
        line, DG_PEAKS_LINE,
        "one core: sgemm %.0f GFLOP/s (median %.0f), stream %.1f GB/s (median %.1f), kernels %s",
        giga(p, "sgemm_flops"), giga(p, "sgemm_flops_median"), giga(p, "stream_bytes"),
        giga(p, "stream_bytes_median"), json_string_value(json_object_get(p, "kernels")));
    return line;
}
