/* cmd_plan.c - memory, traffic and time of a job's training before it runs; says no to what does
 * not fit. */
#include "cli/job_input.h"
#include "job/plan.h"
#include "job/tables.h"
#include "job/work.h"

#include <stdio.h>

typedef struct flags {
    int64_t ranks, per_node, threads;
    double bandwidth, latency, memory, node_memory;
    double users, items, ratings;
} flags;

#define NUMBER(key_, field, type_, standard, least, most, text)                                    \
    {                                                                                              \
        .key = key_, .type = type_, .offset = offsetof(flags, field), .fallback = standard,        \
        .min = least, .max = most, .help = text                                                    \
    }

static const dg_option rows[] = {
    NUMBER("ranks", ranks, DG_OPT_INT, "1", 1, 4096, "MPI ranks of the run"),
    NUMBER("ranks_per_node", per_node, DG_OPT_INT, "0", 0, 4096, "Of them, on a node; 0: all"),
    NUMBER("threads", threads, DG_OPT_INT, "1", 1, 1024, "Threads of a rank"),
    NUMBER("bandwidth", bandwidth, DG_OPT_REAL, "10", 1e-6, 1e6, "Into a node, GB a second"),
    NUMBER("latency", latency, DG_OPT_REAL, "2", 0, 1e9, "Of a message, microseconds"),
    NUMBER("memory", memory, DG_OPT_REAL, "0", 0, 1e9, "Limit of a rank, GB; 0: none"),
    NUMBER("node_memory", node_memory, DG_OPT_REAL, "0", 0, 1e9, "Limit of a node, GB; 0: none"),
    NUMBER("users", users, DG_OPT_REAL, "0", 0, 2e9, "With items and ratings: plan without data"),
    NUMBER("items", items, DG_OPT_REAL, "0", 0, 2e9, "Items of data that is not there yet"),
    NUMBER("ratings", ratings, DG_OPT_REAL, "0", 0, 1e15, "Ratings of it to train on"),
};

static json_t *side_json(const dg_plan *p, int side)
{
    const dg_als_forecast *f = &p->forecast;
    const dg_als_side_counts *c = &p->data.side[side];
    json_t *ways = json_object();
    for (int way = 0; way < DG_ALS_WAYS; way++)
        if (f->possible[side][way])
            json_object_set_new(ways, dg_als_way_name((dg_als_way)way),
                                json_pack("{s:I, s:I}", "rows_bytes",
                                          (json_int_t)f->rows_bytes[side][way], "sums_bytes",
                                          (json_int_t)f->sums_bytes[side][way]));
    return json_pack("{s:s, s:o, s:f, s:f, s:f, s:f}", "chosen", dg_als_way_name(f->way[side]),
                     "ways", ways, "long_rows", c->long_rows[0] + c->long_rows[1],
                     "long_rows_by_cg", c->long_rows[1], "most_ratings_of_a_rank", c->most_entries,
                     "flops", c->flops[0] + c->flops[1] + c->flops[2]);
}

/* Of the ways chosen, over all ranks. */
static double swept(const dg_plan *p, bool of_rows)
{
    const dg_als_forecast *f = &p->forecast;
    double bytes = of_rows ? 0 : f->end_bytes;
    for (int side = 0; side < 2; side++)
        bytes += of_rows ? f->rows_bytes[side][f->way[side]] : f->sums_bytes[side][f->way[side]];
    return bytes;
}

static dg_status print_json(const dg_plan *p, dg_err *err)
{
    const dg_als_forecast *f = &p->forecast;
    json_t *memory =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rank", (json_int_t)f->rank_bytes, "node",
                  (json_int_t)f->node_bytes, "factors", (json_int_t)f->factor_bytes, "ratings",
                  (json_int_t)f->rating_bytes, "work", (json_int_t)f->work_bytes, "process",
                  (json_int_t)f->process_bytes);
    return dg_cli_print_json(
        json_pack("{s:b, s:i, s:i, s:i, s:o, s:o, s:I, s:I, s:o, s:f, s:f, s:f, s:f}", "guessed",
                  p->guessed, "ranks", p->machines.ranks, "ranks_per_node",
                  p->machines.ranks_per_node, "threads", p->machines.threads, "solve_users",
                  side_json(p, 0), "solve_items", side_json(p, 1), "sweep_rows_bytes",
                  (json_int_t)swept(p, true), "sweep_sums_bytes", (json_int_t)swept(p, false),
                  "memory_bytes", memory, "sweep_flops", f->flops, "compute_seconds",
                  f->compute_seconds, "network_seconds", f->network_seconds, "sweep_seconds",
                  f->sweep_seconds),
        err);
}

static const char *show(double bytes, char buf[32]) { return dg_show_bytes(bytes, buf, 32); }

static void print_side(const dg_plan *p, int side)
{
    const dg_als_forecast *f = &p->forecast;
    char rows_text[32], sums_text[32];
    for (int way = 0; way < DG_ALS_WAYS; way++)
        if (f->possible[side][way])
            printf("  %-12s %-14s %14s %14s  %s\n", side == 0 ? "solve users" : "solve items",
                   dg_als_way_name((dg_als_way)way), show(f->rows_bytes[side][way], rows_text),
                   show(f->sums_bytes[side][way], sums_text),
                   (int)f->way[side] == way ? "chosen" : "");
}

static void print_table(const dg_job *job, const dg_plan *p)
{
    const dg_als_forecast *f = &p->forecast;
    const dg_als_machines *m = &p->machines;
    char a[32], b[32], c[32], d[32], e[32], g[32];
    printf("%s: %s on %d rank%s of %d thread%s, %d to a node%s\n", job->name, job->model.algorithm,
           m->ranks, m->ranks == 1 ? "" : "s", m->threads, m->threads == 1 ? "" : "s",
           m->ranks_per_node, p->guessed ? "; data guessed from counts" : "");
    printf("  %-12s %-14s %14s %14s\n", "a sweep", "", "factor rows", "sums");
    print_side(p, 0);
    print_side(p, 1);
    printf("  %-12s %-14s %14s %14s\n", "", "all", show(swept(p, true), a),
           show(swept(p, false), b));
    printf("  memory of a rank %s: factors %s, ratings %s, work %s, process %s; of a node %s\n",
           show(f->rank_bytes, a), show(f->factor_bytes, b), show(f->rating_bytes, c),
           show(f->work_bytes, d), show(f->process_bytes, e), show(f->node_bytes, g));
    printf("  a sweep %.3g GFLOP: %s to compute, %s of transfers not hidden behind it\n",
           f->flops / 1e9, dg_show_seconds(f->compute_seconds, a, sizeof a),
           dg_show_seconds(f->network_seconds, b, sizeof b));
}

static dg_status machines_of(const flags *f, dg_als_machines *out, dg_err *err)
{
    const int64_t per_node = f->per_node == 0 ? f->ranks : f->per_node;
    *out = (dg_als_machines){(int)f->ranks, (int)per_node, (int)f->threads, f->bandwidth * 1e9,
                             f->latency * 1e-6};
    if ((f->users > 0) == (f->items > 0) && (f->users > 0) == (f->ratings > 0)) return DG_OK;
    return DG_FAIL(err, DG_ERR_USAGE, "--users, --items and --ratings belong together");
}

static dg_status plan(const dg_cli *cli, const dg_job *job, dg_err *err)
{
    const flags *f = cli->fields;
    char folder[DG_WORK_PATH], path[DG_WORK_PATH + 16];
    dg_als_machines machines;
    dg_plan p;
    const dg_plan_counts counts = {f->users, f->items, f->ratings};
    snprintf(path, sizeof path, "%s/dataset.h5", dg_cli_work(cli, job, folder, sizeof folder));
    dg_status st = machines_of(f, &machines, err);
    if (st == DG_OK) st = dg_plan_make(job, path, &counts, &machines, &p, err);
    if (st == DG_OK && cli->json)
        st = print_json(&p, err);
    else if (st == DG_OK)
        print_table(job, &p);
    return st == DG_OK ? dg_plan_fits(&p, f->memory * 1e9, f->node_memory * 1e9, err) : st;
}

static dg_status run(const dg_cli *cli, dg_err *err)
{
    dg_job *job = NULL;
    dg_status st = dg_cli_job(cli, dg_job_tables_all(NULL), &job, err);
    if (st == DG_OK) st = plan(cli, job, err);
    dg_job_destroy(&job);
    return st;
}

const dg_command dg_cmd_plan = {
    .name = "plan",
    .arguments = "JOB.yaml",
    .summary = "memory, traffic and time of training before it runs; refuses what cannot fit",
    .min_args = 0,
    .max_args = 1,
    .has_job = true,
    .row = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .fields_size = sizeof(flags),
    .run = run,
};
