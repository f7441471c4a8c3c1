#include "bench/sweeps.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/spent.h"
#include "bench/peaks.h"
#include "plot/plot.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const dg_report_column columns[] = {
    {.key = "phase", .head = "phase"},
    {.key = "seconds", .head = "s a sweep", .digits = 3},
    {.key = "seconds_max", .head = "slowest", .digits = 3},
    {.key = "share", .head = "of all", .unit = 0.01, .digits = 1, .mark = "%"},
    {.key = "rows", .head = "rows"},
    {.key = "flops", .head = "GFLOP", .unit = 1e9, .digits = 2},
    {.key = "flop_rate", .head = "GFLOP/s", .unit = 1e9, .digits = 1},
    {.key = "flop_share", .head = "of sgemm", .unit = 0.01, .mark = "%"},
    {.key = "bytes", .head = "GB", .unit = 1e9, .digits = 2},
    {.key = "byte_rate", .head = "GB/s", .unit = 1e9, .digits = 1},
    {.key = "byte_share", .head = "of stream", .unit = 0.01, .mark = "%"},
};

typedef struct timed {
    int64_t n;
    double *seconds, best;       /* (n,) of each sweep, the slowest rank's; the least */
    dg_spent spent[DG_N_PHASES]; /* of the best one, on this rank */
    int64_t rss;
} timed;

/* One sweep; its phases are kept when it is the best so far. */
static dg_status do_sweep(const dg_comm *c, const dg_bench_sweeps_of *of, dg_model *m, int64_t k,
                          timed *t, json_t *list, dg_err *err)
{
    dg_loss loss;
    const dg_traffic before = dg_comm_traffic();
    int64_t spent;
    dg_mpi(MPI_Barrier(c->comm), c, "start of a sweep");
    const double started = dg_now();
    dg_spent_start();
    const dg_status st = of->class->sweep(m, &loss, err);
    spent = (int64_t)((dg_now() - started) * 1e9);
    dg_spent_stop();
    if (st != DG_OK) return st;
    dg_traffic moved = dg_traffic_since(dg_comm_traffic(), before);
    dg_traffic_sum(c, &moved);
    dg_max_int64(c, &spent, 1);
    const double seconds = (double)spent / 1e9;
    const double total = loss.observed + loss.unobserved + loss.regularization;
    t->seconds[k] = seconds;
    if (t->best == 0 || seconds < t->best) {
        t->best = seconds;
        dg_spent_read(t->spent);
    }
    json_array_append_new(list,
                          json_pack("{s:f, s:f, s:I, s:I, s:I}", "seconds", seconds, "loss", total,
                                    "rows_sent", (json_int_t)moved.sent[DG_TRAFFIC_ROWS],
                                    "sums_sent", (json_int_t)moved.sent[DG_TRAFFIC_SUMS],
                                    "rest_sent", (json_int_t)moved.sent[DG_TRAFFIC_REST]));
    dg_log(DG_LOG_INFO, "bench", "sweep %lld: %.3f s, loss %.8g", (long long)k + 1, seconds, total);
    return DG_OK;
}

static dg_status do_sweeps(const dg_comm *c, const dg_bench_sweeps_of *of, timed *t, json_t *list,
                           dg_err *err)
{
    dg_model *m = NULL;
    dg_status st = of->class->create(c, of->data, of->options, of->seed, &m, err);
    for (int64_t k = 0; k < t->n && st == DG_OK; k++) st = do_sweep(c, of, m, k, t, list, err);
    t->rss = (int64_t)dg_peak_rss();
    of->class->destroy(&m);
    return st;
}

enum { N_COUNTS = DG_N_PHASES * 4 + 1 }; /* of a rank: its phases, and its peak memory */

static bool is_waiting(int phase) { return phase == DG_PHASE_EXCHANGE || phase == DG_PHASE_WAIT; }

/* Rows of the table from every rank's counts. */
static void add_phases(const dg_comm *c, const timed *t, const dg_peaks *p, const int64_t *all,
                       dg_report *out)
{
    const double available = t->best * c->size * omp_get_max_threads();
    double counted = 0;
    for (int k = 0; k < DG_N_PHASES; k++) {
        double ns = 0, most = 0, rows = 0, flops = 0, bytes = 0;
        for (int r = 0; r < c->size; r++) {
            const dg_spent *s = (const dg_spent *)(all + (size_t)r * N_COUNTS) + k;
            ns += (double)s->nanoseconds;
            most = (double)s->nanoseconds > most ? (double)s->nanoseconds : most;
            rows += (double)s->rows;
            flops += (double)s->flops;
            bytes += (double)s->bytes;
        }
        if (ns <= 0) continue;
        counted += ns / 1e9;
        json_t *row = json_pack("{s:s, s:f, s:f, s:f, s:I}", "phase", dg_phase_name((dg_phase)k),
                                "seconds", ns / 1e9 / c->size, "seconds_max", most / 1e9, "share",
                                ns / 1e9 / available, "rows", (json_int_t)rows);
        if (flops > 0) {
            json_object_set_new(row, "flops", json_integer((json_int_t)flops));
            json_object_set_new(row, "flop_rate", json_real(flops / ns * 1e9));
            json_object_set_new(row, "flop_share", json_real(flops / ns * 1e9 / p->flops));
        }
        if (bytes > 0) {
            json_object_set_new(row, "bytes", json_integer((json_int_t)bytes));
            json_object_set_new(row, "byte_rate", json_real(bytes / ns * 1e9));
            json_object_set_new(row, "byte_share", json_real(bytes / ns * 1e9 / p->bytes));
        }
        json_array_append_new(out->rows, row);
    }
    json_array_append_new(out->rows, json_pack("{s:s, s:f, s:f}", "phase", "idle", "seconds",
                                               (available - counted) / c->size, "share",
                                               (available - counted) / available));
}

/* Busy seconds of the busiest rank over the mean. */
static double imbalance(int ranks, const int64_t *all)
{
    double sum = 0, most = 0;
    for (int r = 0; r < ranks; r++) {
        double busy = 0;
        for (int k = 0; k < DG_N_PHASES; k++)
            if (!is_waiting(k)) busy += (double)all[(size_t)r * N_COUNTS + (size_t)k * 4];
        sum += busy;
        most = busy > most ? busy : most;
    }
    return sum > 0 ? most * ranks / sum : 1;
}

/* Columns of a factor row as the model's options have them; 0 where it has no such option. */
static int64_t factors_of(const dg_bench_sweeps_of *of)
{
    const dg_option *o = dg_options_find(of->class->option, of->class->n_options, "model.factors");
    if (o == NULL || o->type != DG_OPT_INT) return 0;
    return *(const int64_t *)((const char *)of->options + o->offset);
}

/* The bar of PERFORMANCE, item 7, for all ranks together: 8.5 bytes a rating and side, the factors
 * once a node, 10 % on top; and what the processes had before the data. */
static json_t *memory_fact(const dg_comm *c, const dg_bench_sweeps_of *of, const int64_t *all,
                           int64_t base)
{
    const double ratings = (double)of->data->n_train;
    const double rows = (double)(of->data->users.begin[of->data->users.n] +
                                 of->data->items.begin[of->data->items.n]);
    const double factors = 4 * rows * (double)factors_of(of);
    int64_t most = 0, sum = 0;
    for (int r = 0; r < c->size; r++) {
        const int64_t rss = all[(size_t)r * N_COUNTS + N_COUNTS - 1];
        most = rss > most ? rss : most;
        sum += rss;
    }
    const double bar = 1.1 * (2 * 8.5 * ratings + factors * c->size) + (double)base;
    return json_pack("{s:I, s:I, s:I, s:f, s:f, s:f}", "peak_of_a_rank", (json_int_t)most,
                     "peak_of_all", (json_int_t)sum, "before_data", (json_int_t)base,
                     "factors_bytes", factors, "bar_of_all", bar, "of_bar", (double)sum / bar);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_facts(const dg_comm *c, const dg_bench_sweeps_of *of, timed *t, const dg_peaks *p,
                      json_t *list, dg_report *out)
{
    const int threads = omp_get_max_threads();
    const int64_t factors = factors_of(of);
    const double work = 4.0 * (double)of->data->n_train * (double)factors * (double)factors;
    const json_t *last = json_array_get(list, (size_t)t->n - 1);
    if (t->n > 0) qsort(t->seconds, (size_t)t->n, sizeof *t->seconds, ascending);
    const double best = t->best, median = t->n > 0 ? t->seconds[t->n / 2] : 0;
    json_t *facts = json_pack(
        "{s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:O, s:f, s:f, s:O*, s:O*, s:O*}", "algorithm",
        of->class->name, "ranks", c->size, "threads", threads, "cores", c->size * threads, "users",
        (json_int_t)of->data->users.begin[of->data->users.n], "items",
        (json_int_t)of->data->items.begin[of->data->items.n], "train",
        (json_int_t)of->data->n_train, "factors", (json_int_t)factors, "sweeps", list,
        "best_seconds", best, "median_seconds", median, "rows_sent",
        json_object_get(last, "rows_sent"), "sums_sent", json_object_get(last, "sums_sent"),
        "rest_sent", json_object_get(last, "rest_sent"));
    if (work > 0) {
        const double unit = work / (c->size * threads * p->flops);
        json_object_set_new(facts, "multiple", json_real(best / unit));
        json_object_set_new(facts, "multiple_median", json_real(median / unit));
    }
    json_object_update(out->facts, facts);
    json_decref(facts);
}

static dg_status gather_counts(const dg_comm *c, const timed *t, int64_t *all, dg_err *err)
{
    int64_t mine[N_COUNTS];
    if (dg_agree(c, all == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a report") : DG_OK,
                 err) != DG_OK)
        return DG_ERR_NOMEM;
    memcpy(mine, t->spent, sizeof t->spent);
    mine[N_COUNTS - 1] = t->rss;
    dg_gather_int64(c, mine, N_COUNTS, all);
    return DG_OK;
}

dg_status dg_bench_sweeps(const dg_comm *c, const dg_bench_sweeps_of *of, dg_report *out,
                          dg_err *err)
{
    timed t = {.n = of->class->sweeps(of->options)};
    dg_peaks peaks = {0};
    int64_t base = of->base_rss;
    json_t *list = json_array();
    dg_status st = dg_report_start("als", columns, sizeof columns / sizeof *columns, out, err);
    t.seconds = dg_alloc((size_t)t.n + 1, sizeof *t.seconds);
    int64_t *all = dg_alloc((size_t)c->size * N_COUNTS, sizeof *all);
    if (st == DG_OK && (t.seconds == NULL || list == NULL))
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a report");
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = do_sweeps(c, of, &t, list, err);
    if (st == DG_OK) st = gather_counts(c, &t, all, err);
    if (st == DG_OK) st = dg_bench_peaks(c, of->quick, out, &peaks, err);
    if (st == DG_OK) {
        dg_sum_int64(c, &base, 1);
        add_facts(c, of, &t, &peaks, list, out);
        add_phases(c, &t, &peaks, all, out);
        json_object_set_new(out->facts, "imbalance", json_real(imbalance(c->size, all)));
        json_object_set_new(out->facts, "memory", memory_fact(c, of, all, base));
    } else {
        dg_report_free(out);
    }
    json_decref(list);
    dg_free(t.seconds);
    dg_free(all);
    return st;
}

static double number(const json_t *from, const char *key)
{
    return json_number_value(json_object_get(from, key));
}

void dg_bench_sweeps_text(const dg_report *r, dg_text *out)
{
    char line[DG_PEAKS_LINE], a[32], b[32], d[32], e[32];
    const json_t *f = r->facts, *memory = json_object_get(f, "memory");
    dg_text_add(out, "%s\n", dg_bench_peaks_line(r, line));
    dg_text_add(out,
                "%s, %.0f factors: %s users, %s items, %s pairs; %.0f rank%s of %.0f thread%s\n",
                json_string_value(json_object_get(f, "algorithm")), number(f, "factors"),
                dg_show_count((int64_t)number(f, "users"), a, sizeof a),
                dg_show_count((int64_t)number(f, "items"), b, sizeof b),
                dg_show_count((int64_t)number(f, "train"), d, sizeof d), number(f, "ranks"),
                number(f, "ranks") == 1 ? "" : "s", number(f, "threads"),
                number(f, "threads") == 1 ? "" : "s");
    dg_report_table(r, out);
    dg_text_add(out, "best sweep %.3f s, median %.3f s", number(f, "best_seconds"),
                number(f, "median_seconds"));
    if (json_object_get(f, "multiple") != NULL)
        dg_text_add(out, ": %.2f (median %.2f) of the time of the Grams as full products",
                    number(f, "multiple"), number(f, "multiple_median"));
    dg_text_add(out,
                "\nbusiest rank %.2f of the mean; sent a sweep by all ranks: %s of rows, %s of "
                "sums, %s of rest\n",
                number(f, "imbalance"), dg_show_bytes(number(f, "rows_sent"), a, sizeof a),
                dg_show_bytes(number(f, "sums_sent"), b, sizeof b),
                dg_show_bytes(number(f, "rest_sent"), d, sizeof d));
    dg_text_add(out, "peak memory %s on the largest rank, %s on all (%s before the data); bar %s\n",
                dg_show_bytes(number(memory, "peak_of_a_rank"), a, sizeof a),
                dg_show_bytes(number(memory, "peak_of_all"), b, sizeof b),
                dg_show_bytes(number(memory, "before_data"), d, sizeof d),
                dg_show_bytes(number(memory, "bar_of_all"), e, sizeof e));
}

void dg_bench_sweeps_plot(const dg_report *r, dg_text *svg)
{
    enum { MOST = DG_N_PHASES + 1, WIDTH = 900, TOP = 66 };
    dg_plot_bar bar[MOST];
    char title[160], subtitle[DG_PEAKS_LINE], note[MOST][64];
    size_t k;
    json_t *row;
    int n = 0;
    json_array_foreach(r->rows, k, row)
    {
        if (n == MOST) break;
        const double rate = number(row, "flop_rate"), bytes = number(row, "byte_rate");
        if (rate > 0)
            snprintf(note[n], sizeof *note, "%.1f %%, %.0f %% of sgemm", 100 * number(row, "share"),
                     100 * number(row, "flop_share"));
        else if (bytes > 0)
            snprintf(note[n], sizeof *note, "%.1f %%, %.1f GB/s", 100 * number(row, "share"),
                     bytes / 1e9);
        else
            snprintf(note[n], sizeof *note, "%.1f %%", 100 * number(row, "share"));
        const char *name = json_string_value(json_object_get(row, "phase"));
        const bool rests =
            strcmp(name, "wait") == 0 || strcmp(name, "exchange") == 0 || strcmp(name, "idle") == 0;
        bar[n] = (dg_plot_bar){name, note[n], number(row, "seconds"), 0, rests ? 1 : 0};
        n++;
    }
    snprintf(title, sizeof title,
             "A sweep of %s, %.0f factors, %.0f rank%s of %.0f thread%s: %.3f s",
             json_string_value(json_object_get(r->facts, "algorithm")), number(r->facts, "factors"),
             number(r->facts, "ranks"), number(r->facts, "ranks") == 1 ? "" : "s",
             number(r->facts, "threads"), number(r->facts, "threads") == 1 ? "" : "s",
             number(r->facts, "best_seconds"));
    dg_plot_begin(svg, WIDTH, TOP + dg_plot_bars_height(n) + 10, title,
                  dg_bench_peaks_line(r, subtitle));
    dg_plot_bars(svg, (dg_plot_box){0, TOP, WIDTH, dg_plot_bars_height(n)},
                 "seconds a sweep, summed over a rank's threads", 0, bar, n);
    dg_plot_end(svg);
}
