#include "job/plan.h"

#include "artifact/container.h"
#include "base/memory.h"
#include "base/text.h"
#include "models/model.h"
#include "store/dataset.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One side as the file has it, all rows. */
typedef struct dg_plan_side {
    dg_shards shards;
    int64_t *ptr;
    int32_t *index;
} dg_plan_side;

static const char *const names[] = {"user", "item"};

static dg_status load_side(const dg_container *f, int side, dg_plan_side *out, dg_err *err)
{
    char path[64];
    int64_t n = 0, rows = 0;
    snprintf(path, sizeof path, "shards/%s", names[side]);
    dg_status st = dg_container_read_all(f, path, DG_I64, (void **)&out->shards.begin, &n, err);
    out->shards.n = (int)n - 1;
    snprintf(path, sizeof path, "ratings/train/%s/ptr", names[side]);
    if (st == DG_OK) st = dg_container_read_all(f, path, DG_I64, (void **)&out->ptr, &rows, err);
    snprintf(path, sizeof path, "ratings/train/%s/index", names[side]);
    if (st == DG_OK) st = dg_container_read_all(f, path, DG_I32, (void **)&out->index, &n, err);
    if (st == DG_OK && (rows != out->shards.begin[out->shards.n] + 1 || out->ptr[rows - 1] != n))
        st =
            DG_FAIL(err, DG_ERR_DATA, "%s: %s does not fit its shards", dg_container_path(f), path);
    return st;
}

static void free_side(dg_plan_side *s)
{
    dg_shards_destroy(&s->shards);
    dg_free(s->ptr);
    dg_free(s->index);
}

/* Bytes of an array over all ranks; 0 where there is none. */
static double bytes_of(const dg_container *f, const char *array)
{
    dg_array_info info;
    dg_err ignored;
    if (!dg_container_has(f, array) || dg_container_info(f, array, &info, &ignored) != DG_OK)
        return 0;
    return (double)info.n_rows * (double)info.n_cols * (double)dg_type_size(info.type);
}

/* What a rank holds beside factors and training ratings: an even share, which shards give it. */
static double other_bytes(const dg_container *f, int ranks)
{
    static const char *const arrays[] = {
        "ids/user/bytes",           "ids/user/offsets",           "ids/item/bytes",
        "ids/item/offsets",         "titles/item/bytes",          "titles/item/offsets",
        "ratings/valid/user/ptr",   "ratings/valid/user/index",   "ratings/valid/user/value",
        "ratings/test/user/ptr",    "ratings/test/user/index",    "ratings/test/user/value",
        "ratings/fold_in/user/ptr", "ratings/fold_in/user/index", "ratings/fold_in/user/value"};
    double n = 0;
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) n += bytes_of(f, arrays[k]);
    return n / ranks;
}

static dg_status measure(const dg_container *f, const dg_als_options *o, dg_plan *p, dg_err *err)
{
    dg_plan_side side[2] = {0};
    dg_status st = load_side(f, 0, &side[0], err);
    if (st == DG_OK) st = load_side(f, 1, &side[1], err);
    for (int k = 0; k < 2 && st == DG_OK; k++) {
        const dg_als_ratings ratings = {&side[k].shards, &side[!k].shards, side[k].ptr,
                                        side[k].index};
        p->data.n_rows[k] = (double)side[k].shards.begin[side[k].shards.n];
        st = dg_als_count_side(o, &p->machines, &ratings, k == 0, &p->data.side[k], err);
    }
    p->data.n_shards = side[0].shards.n;
    p->data.other_bytes = other_bytes(f, p->machines.ranks);
    free_side(&side[0]);
    free_side(&side[1]);
    return st;
}

static dg_status measure_file(const char *path, const dg_als_options *o, dg_plan *p, dg_err *err)
{
    dg_container *f = NULL;
    dg_status st = dg_container_open(path, "daogou-dataset", DG_DATASET_VERSION, &f, err);
    if (st == DG_ERR_NOINPUT)
        dg_err_hint(err, st, "run `daogou prepare` first, or give --users, --items and --ratings");
    if (st == DG_OK) st = measure(f, o, p, err);
    dg_container_close(&f);
    return st;
}

static dg_status check(const dg_job *job, const dg_als_machines *m, dg_err *err)
{
    const char *name = job->model.table == NULL ? "" : job->model.table->name;
    if (job->model.table == NULL) return dg_job_missing(job, "model.algorithm", err);
    if (strcmp(name, "als") != 0 && strcmp(name, "ials") != 0)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "model.algorithm: %s cannot be planned, als and ials can", name);
    if (((const dg_als_options *)job->model.options)->solver == DG_ALS_IALSPP)
        return DG_FAIL(err, DG_ERR_CONFIG, "model.solver: ialspp cannot be planned");
    if (m->ranks > DG_SHARDS_MAX)
        return DG_FAIL(err, DG_ERR_CONFIG, "%d ranks are more than the %d that data can be cut for",
                       m->ranks, DG_SHARDS_MAX);
    return DG_OK;
}

dg_status dg_plan_make(const dg_job *job, const char *dataset, const dg_plan_counts *counts,
                       const dg_als_machines *machines, dg_plan *out, dg_err *err)
{
    *out = (dg_plan){.machines = *machines};
    dg_status st = check(job, machines, err);
    if (st != DG_OK) return st;
    const dg_als_options *o = job->model.options;
    out->guessed = counts->ratings > 0;
    if (out->guessed)
        dg_als_guess_data(o, machines, counts->users, counts->items, counts->ratings, &out->data);
    else
        st = measure_file(dataset, o, out, err);
    if (st == DG_OK) dg_als_forecast_make(o, machines, &out->data, &out->forecast);
    return st;
}

dg_status dg_plan_fits(const dg_plan *p, double limit_of_rank, double limit_of_node, dg_err *err)
{
    const dg_als_forecast *f = &p->forecast;
    const bool node = limit_of_node > 0 && f->node_bytes > limit_of_node;
    char need[32], limit[32];
    if (!node && (limit_of_rank <= 0 || f->rank_bytes <= limit_of_rank)) return DG_OK;
    const dg_status st = DG_FAIL(
        err, DG_ERR_NOMEM, "a %s would need %s of memory, there are %s", node ? "node" : "rank",
        dg_show_bytes(node ? f->node_bytes : f->rank_bytes, need, sizeof need),
        dg_show_bytes(node ? limit_of_node : limit_of_rank, limit, sizeof limit));
    return dg_err_hint(err, st, "take more nodes, or fewer factors");
}
