/* cmd_bench.c - rates of this machine, of the kernels, and of sweeps on a job's own data. */
#include "base/clock.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/in_work.h"
#include "dense/measure.h"
#include "dense/panel.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

static json_t *peaks_json(const dg_peaks *p)
{
    return json_pack("{s:f, s:f, s:s}", "sgemm_flops", p->flops, "stream_bytes", p->bytes,
                     "kernels", dg_panel()->name);
}

static dg_status bench_kernels(const dg_cli *cli, dg_err *err)
{
    dg_kernel_rate rate[DG_KERNEL_RATES];
    dg_peaks peaks;
    int n = 0;
    dg_status st = dg_measure_peaks(&peaks, err);
    if (st == DG_OK) st = dg_measure_kernels(rate, &n, err);
    if (st != DG_OK) return st;
    json_t *rates = json_array();
    if (!cli->json)
        printf("one core: sgemm %.0f GFLOP/s, stream %.1f GB/s, kernels %s\n"
               "  %-14s %8s %8s %9s %9s %9s\n",
               peaks.flops / 1e9, peaks.bytes / 1e9, dg_panel()->name, "kernel", "factors",
               "entries", "GFLOP/s", "of sgemm", "GB/s");
    for (int k = 0; k < n; k++) {
        json_array_append_new(rates,
                              json_pack("{s:s, s:i, s:i, s:f, s:f}", "kernel", rate[k].kernel,
                                        "factors", rate[k].d, "entries", rate[k].n, "flops",
                                        rate[k].flops, "bytes", rate[k].bytes));
        if (!cli->json)
            printf("  %-14s %8d %8d %9.1f %8.0f%% %9.1f\n", rate[k].kernel, rate[k].d, rate[k].n,
                   rate[k].flops / 1e9, 100 * rate[k].flops / peaks.flops, rate[k].bytes / 1e9);
    }
    if (cli->json)
        return dg_cli_print_json(
            json_pack("{s:o, s:o}", "peaks", peaks_json(&peaks), "rates", rates), err);
    json_decref(rates);
    return DG_OK;
}

/* Work of a sweep as PERFORMANCE reckons it: both sides' Grams as full products. */
static double reference_flops(const dg_work *w)
{
    const char *key = "factors";
    char *config = NULL;
    dg_err err;
    long factors = 0;
    static const char *const model[] = {"model", NULL};
    if (dg_job_show(w->job, model, &config, &err) == DG_OK) {
        const char *at = strstr(config, key);
        if (at != NULL) sscanf(at + strlen(key), ": %ld", &factors);
    }
    dg_free(config);
    return 4.0 * (double)w->data.n_train * (double)factors * (double)factors;
}

static dg_status time_sweeps(dg_work *w, json_t *sweeps, double *best, dg_err *err)
{
    const int64_t n = w->class->sweeps(w->job->model.options);
    dg_status st = w->class->create(w->comm, &w->data, w->job->model.options,
                                    (uint64_t)w->job->seed, &w->model, err);
    *best = 0;
    for (int64_t k = 0; k < n && st == DG_OK; k++) {
        const double started = dg_now();
        const dg_traffic before = dg_comm_traffic();
        dg_loss loss;
        st = w->class->sweep(w->model, &loss, err);
        const double seconds = dg_now() - started;
        if (st != DG_OK) break;
        const dg_traffic moved = dg_traffic_since(dg_comm_traffic(), before);
        if (*best == 0 || seconds < *best) *best = seconds;
        const double total = loss.observed + loss.unobserved + loss.regularization;
        json_array_append_new(sweeps,
                              json_pack("{s:f, s:f, s:I}", "seconds", seconds, "loss", total,
                                        "bytes_sent", (json_int_t)dg_traffic_sent(&moved)));
        dg_log(DG_LOG_INFO, "bench", "sweep %lld: %.3f s, loss %.8g", (long long)k + 1, seconds,
               total);
    }
    return st;
}

static dg_status bench_sweeps(const dg_cli *cli, dg_work *w, dg_err *err)
{
    dg_peaks peaks = {0};
    json_t *sweeps = json_array();
    double best = 0;
    if (w->class == NULL) return dg_job_missing(w->job, "model.algorithm", err);
    dg_status st = dg_work_data(w, err);
    if (st == DG_OK)
        st = dg_agree(w->comm, dg_measure_peaks(&peaks, err), err); /* all cores busy */
    if (st == DG_OK) st = time_sweeps(w, sweeps, &best, err);
    if (st == DG_OK && dg_cli_speaks(cli)) {
        const int cores = w->comm->size * omp_get_max_threads();
        const double multiple = best * cores * peaks.flops / reference_flops(w);
        if (cli->json)
            return dg_cli_print_json(json_pack("{s:o, s:o, s:f, s:i, s:f}", "peaks",
                                               peaks_json(&peaks), "sweeps", sweeps, "best_seconds",
                                               best, "cores", cores, "multiple", multiple),
                                     err);
        printf(
            "best sweep %.3f s on %d cores of %.0f GFLOP/s: %.2f of the time of the Grams as full "
            "products\n",
            best, cores, peaks.flops / 1e9, multiple);
    }
    json_decref(sweeps);
    return st;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    if (strcmp(cli->args[0], "kernels") == 0 && cli->n_args == 1)
        return dg_cli_speaks(cli) ? bench_kernels(cli, err) : DG_OK;
    if (strcmp(cli->args[0], "als") == 0 && cli->n_args == 2) {
        dg_cli of_job = *cli;
        of_job.args++;
        of_job.n_args--;
        return dg_cli_in_work(&of_job, bench_sweeps, err);
    }
    return DG_FAIL(err, DG_ERR_USAGE, "bench takes \"kernels\", or \"als\" and a job");
}

const dg_command dg_cmd_bench = {
    .name = "bench",
    .arguments = "kernels | als JOB.yaml",
    .summary = "rates of this machine and its kernels; of sweeps on a job's prepared data",
    .min_args = 1,
    .max_args = 2,
    .has_job = true,
    .has_peers = true,
    .run = run,
};
