#include "cli/bench_scaling.h"

#include "base/memory.h"
#include "cli/child.h"
#include "plot/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_RUNS = 16,
    MOST_RANKS = 1024,
    MOST_ROUNDS = 32,
    MOST_WORDS = 64,
    PATIENCE = 3600 /* seconds */
};

static const dg_report_column columns[] = {
    {.key = "ranks", .head = "ranks"},
    {.key = "seconds", .head = "best sweep s", .digits = 3},
    {.key = "seconds_median", .head = "median s", .digits = 3},
    {.key = "speedup", .head = "speed-up", .digits = 2},
    {.key = "efficiency", .head = "per core", .unit = 0.01, .mark = "%"},
    {.key = "multiple", .head = "multiple", .digits = 2},
    {.key = "imbalance", .head = "imbalance", .digits = 3},
    {.key = "rows_sent", .head = "MB of rows", .unit = 1e6, .digits = 3},
    {.key = "rows_planned", .head = "planned", .unit = 1e6, .digits = 3},
    {.key = "sums_sent", .head = "of sums", .unit = 1e6, .digits = 3},
    {.key = "sums_planned", .head = "planned", .unit = 1e6, .digits = 3},
    {.key = "rest_sent", .head = "of rest", .unit = 1e6, .digits = 3},
    {.key = "memory", .head = "MB of a rank", .unit = 1e6},
    {.key = "memory_planned", .head = "planned", .unit = 1e6},
    {.key = "loss", .head = "loss"},
};

/* What the runs have in common. */
typedef struct series {
    const dg_cli *cli;
    const dg_bench_flags *flags;
    char self[4096];
    int ranks[MOST_RUNS], n;
    json_t *row[MOST_RUNS];
    double median[MOST_RUNS][MOST_ROUNDS];
} series;

static double number(const json_t *from, const char *key)
{
    return json_number_value(json_object_get(from, key));
}

static dg_status read_ranks(series *s, dg_err *err)
{
    for (const char *at = s->flags->ranks; at != NULL;) {
        const char *comma = strchr(at, ',');
        const size_t n = comma == NULL ? strlen(at) : (size_t)(comma - at);
        int64_t ranks;
        if (!dg_parse_int64(at, n, &ranks) || ranks < 1 || ranks > MOST_RANKS)
            return DG_FAIL(err, DG_ERR_USAGE,
                           "--ranks: expected whole numbers from 1 to %d, found \"%.*s\"",
                           MOST_RANKS, (int)(n > 40 ? 40 : n), at);
        if (s->n == MOST_RUNS)
            return DG_FAIL(err, DG_ERR_USAGE, "--ranks: more than %d numbers", MOST_RUNS);
        s->ranks[s->n++] = (int)ranks;
        at = comma == NULL ? NULL : comma + 1;
    }
    return DG_OK;
}

/* The JSON document in what a run said; launchers add lines of their own around it. */
static json_t *document(const dg_text *said)
{
    for (const char *at = said->at; at != NULL; at = strstr(at, "\n{")) {
        at += *at == '\n';
        json_t *found = *at == '{' ? json_loads(at, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
        if (found != NULL) return found;
    }
    return NULL;
}

/* Options both children take from the line: where the data is and what differs from the job. */
static int pass_on(const series *s, const char **argv, int n)
{
    if (s->cli->work != NULL) {
        argv[n++] = "--work";
        argv[n++] = s->cli->work;
    }
    for (size_t k = 0; k < s->cli->n_sets && n + 2 < MOST_WORDS; k++) {
        argv[n++] = "--set";
        argv[n++] = s->cli->sets[k];
    }
    return n;
}

/* What `daogou plan` says of the same run, into the row; a model it cannot plan has no plan. */
static void add_plan(const series *s, int ranks, json_t *row)
{
    char count[16], per_node[16];
    const char *node = getenv("DAOGOU_NODE_SIZE"), *threads = getenv("OMP_NUM_THREADS");
    const char *argv[MOST_WORDS] = {s->self,  "plan",      s->cli->args[1], "--json",
                                    "-q",     "--ranks",   count,           "--per-node",
                                    per_node, "--threads", threads};
    dg_child child;
    dg_err err;
    snprintf(count, sizeof count, "%d", ranks);
    snprintf(per_node, sizeof per_node, "%.8s", node == NULL ? count : node);
    pass_on(s, argv, 11);
    if (dg_child_run((char *const *)(size_t)argv, PATIENCE, &child, &err) != DG_OK) return;
    json_t *plan = child.exit_code == 0 ? document(&child.said) : NULL;
    if (plan != NULL) {
        const json_t *memory = json_object_get(plan, "memory_bytes");
        json_object_set(row, "rows_planned", json_object_get(plan, "sweep_rows_bytes"));
        json_object_set(row, "sums_planned", json_object_get(plan, "sweep_sums_bytes"));
        json_object_set(row, "memory_planned", json_object_get(memory, "rank"));
    }
    json_decref(plan);
    dg_text_free(&child.said);
}

static dg_status run_once(const series *s, int ranks, json_t **out, dg_err *err)
{
    char count[16];
    const char *argv[MOST_WORDS] = {
        "mpirun", "-n",    count, "--map-by",      ":OVERSUBSCRIBE", "--bind-to", "none",
        s->self,  "bench", "als", s->cli->args[1], "--json",         "-q"};
    int n = 13;
    dg_child child;
    snprintf(count, sizeof count, "%d", ranks);
    if (s->flags->quick) argv[n++] = "--quick";
    pass_on(s, argv, n);
    dg_status st = dg_child_run((char *const *)(size_t)argv, PATIENCE, &child, err);
    if (st != DG_OK) return st;
    *out = document(&child.said);
    if (child.timed_out)
        st = DG_FAIL(err, DG_ERR_UNAVAILABLE, "%d ranks: no end after %d s", ranks, PATIENCE);
    else if (child.exit_code != 0 || *out == NULL)
        st = DG_FAIL(err, DG_ERR_UNAVAILABLE, "%d rank%s ended with code %d: %.400s", ranks,
                     ranks == 1 ? "" : "s", child.exit_code, dg_child_reason(&child));
    dg_text_free(&child.said);
    if (st == DG_OK) return DG_OK;
    json_decref(*out);
    *out = NULL;
    return dg_err_hint(err, st, "mpirun -n %d daogou bench als %.200s says it all", ranks,
                       s->cli->args[1]);
}

/* Take one round's figures into the row of its number of ranks: the best sweep of all rounds. */
static void note(series *s, int k, int64_t round, const json_t *run)
{
    const double seconds = number(run, "best_seconds");
    const json_t *sweeps = json_object_get(run, "sweeps");
    s->median[k][round] = number(run, "median_seconds");
    if (s->row[k] != NULL && number(s->row[k], "seconds") <= seconds) return;
    json_decref(s->row[k]);
    s->row[k] = json_pack(
        "{s:i, s:f, s:f, s:O, s:O, s:O, s:f, s:O, s:O}", "ranks", s->ranks[k], "seconds", seconds,
        "multiple", number(run, "multiple"), "rows_sent", json_object_get(run, "rows_sent"),
        "sums_sent", json_object_get(run, "sums_sent"), "rest_sent",
        json_object_get(run, "rest_sent"), "imbalance", number(run, "imbalance"), "memory",
        json_object_get(json_object_get(run, "memory"), "peak_of_a_rank"), "loss",
        json_object_get(json_array_get(sweeps, json_array_size(sweeps) - 1), "loss"));
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Against the run of the fewest ranks; `per core` counts no more cores than there are. */
static void compare(series *s, dg_report *out)
{
    const int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    int base = 0;
    for (int k = 1; k < s->n; k++) base = s->ranks[k] < s->ranks[base] ? k : base;
    const double one = number(s->row[base], "seconds");
    const int had = s->ranks[base] < cores ? s->ranks[base] : cores;
    for (int k = 0; k < s->n; k++) {
        const double seconds = number(s->row[k], "seconds");
        const double speedup = seconds > 0 ? one / seconds : 0;
        const int has = s->ranks[k] < cores ? s->ranks[k] : cores;
        qsort(s->median[k], (size_t)s->flags->rounds, sizeof(double), ascending);
        json_object_set_new(s->row[k], "seconds_median",
                            json_real(s->median[k][s->flags->rounds / 2]));
        json_object_set_new(s->row[k], "speedup", json_real(speedup));
        json_object_set_new(s->row[k], "efficiency", json_real(speedup * had / has));
        add_plan(s, s->ranks[k], s->row[k]);
        json_array_append(out->rows, s->row[k]);
    }
    json_object_set_new(out->facts, "processors", json_integer(cores));
}

static dg_status run_all(series *s, dg_report *out, dg_err *err)
{
    static const char *const common[] = {"algorithm", "users",   "items", "train",
                                         "factors",   "threads", "peaks"};
    dg_status st = DG_OK;
    dg_progress_begin("scaling", "runs", s->n * s->flags->rounds);
    for (int64_t round = 0; round < s->flags->rounds; round++)
        for (int k = 0; k < s->n && st == DG_OK; k++) {
            json_t *run = NULL;
            st = run_once(s, s->ranks[k], &run, err);
            if (st != DG_OK) break;
            note(s, k, round, run);
            for (size_t c = 0; c < sizeof common / sizeof *common; c++)
                json_object_set(out->facts, common[c], json_object_get(run, common[c]));
            json_decref(run);
            dg_progress(round * s->n + k + 1, NULL);
        }
    dg_progress_end();
    if (st == DG_OK) compare(s, out);
    return st;
}

dg_status dg_bench_scaling(const dg_cli *cli, dg_report *out, dg_err *err)
{
    series *s = NULL;
    if (getenv("OMPI_COMM_WORLD_SIZE") != NULL)
        return DG_FAIL(err, DG_ERR_USAGE, "start it alone: it starts mpirun itself");
    dg_status st = dg_report_start("scaling", columns, sizeof columns / sizeof *columns, out, err);
    if (st == DG_OK && (s = dg_alloc(1, sizeof *s)) == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory");
    if (st == DG_OK) {
        s->cli = cli;
        s->flags = cli->fields;
        if (readlink("/proc/self/exe", s->self, sizeof s->self - 1) < 0)
            st = dg_err_errno(err, "/proc/self/exe", "cannot find this program");
    }
    if (st == DG_OK) st = read_ranks(s, err);
    if (st == DG_OK) {
        setenv("OMP_NUM_THREADS", "1", 0);              /* it is ranks that are compared */
        setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0); /* there may be more of them than cores */
        st = run_all(s, out, err);
    }
    for (int k = 0; s != NULL && k < s->n; k++) json_decref(s->row[k]);
    dg_free(s);
    if (st != DG_OK) dg_report_free(out);
    return st;
}

void dg_bench_scaling_text(const dg_report *r, dg_text *out)
{
    char pairs[32];
    dg_text_add(out, "%s, %.0f factors, %s pairs, on %.0f processors\n",
                json_string_value(json_object_get(r->facts, "algorithm")),
                number(r->facts, "factors"),
                dg_show_count((int64_t)number(r->facts, "train"), pairs, sizeof pairs),
                number(r->facts, "processors"));
    dg_report_table(r, out);
}

void dg_bench_scaling_plot(const dg_report *r, dg_text *svg)
{
    enum { WIDTH = 1000, HEIGHT = 480, TOP = 60 };
    double ranks[MOST_RUNS], speedup[MOST_RUNS], ideal[MOST_RUNS], bytes[MOST_RUNS];
    double memory[MOST_RUNS];
    char title[160];
    size_t k;
    json_t *row;
    int n = 0;
    const double cores = number(r->facts, "processors");
    json_array_foreach(r->rows, k, row)
    {
        if (n == MOST_RUNS) break;
        ranks[n] = number(row, "ranks");
        speedup[n] = number(row, "speedup");
        ideal[n] = ranks[n] < cores ? ranks[n] : cores;
        bytes[n] = (number(row, "rows_sent") + number(row, "sums_sent")) / 1e6;
        memory[n++] = number(row, "memory") / 1e6;
    }
    const double two[] = {1, 2}, bar[] = {1, 1.85};
    const dg_plot_series speed[] = {{"as many cores as ranks, up to all", ranks, ideal, n, true},
                                    {"bar: 1.85 at two", two, bar, cores >= 2 ? 2 : 0, true},
                                    {"measured", ranks, speedup, n, false}};
    const dg_plot_series sizes[] = {
        {"MB of rows and sums sent a sweep, all ranks", ranks, bytes, n, false},
        {"MB of memory, largest rank", ranks, memory, n, false}};
    snprintf(title, sizeof title, "%s, %.0f factors, %.0f pairs",
             json_string_value(json_object_get(r->facts, "algorithm")), number(r->facts, "factors"),
             number(r->facts, "train"));
    dg_plot_begin(svg, WIDTH, TOP + HEIGHT + 10, title, "the same sweeps on more and more ranks");
    dg_plot_lines(svg, (dg_plot_box){0, TOP, WIDTH / 2, HEIGHT}, "Speed-up", "ranks",
                  "times the fewest ranks", speed, 3);
    dg_plot_lines(svg, (dg_plot_box){WIDTH / 2, TOP, WIDTH / 2, HEIGHT}, "Bytes", "ranks", "MB",
                  sizes, 2);
    dg_plot_end(svg);
}
