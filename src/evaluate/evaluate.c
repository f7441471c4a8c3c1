#include "evaluate/evaluate.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "comm/tree.h"
#include "evaluate/rank.h"
#include "evaluate/users.h"

#include <math.h>

/* One rank's part of an evaluation: everything up to the sums. */
typedef struct dg_work {
    const dg_dataset *d;
    const dg_scorer *scorer;
    const dg_evaluate_options *o;
    const dg_csr *targets;
    const dg_csr *seen[DG_TILE_SEEN];
    int n_seen;
    dg_tile_ranker *ranker; /* NULL when nothing of lists is asked for */
    dg_tree *sums;   /* a leaf: (DG_METRIC_OF_LIST, n_k) of lists, then squares, then sizes of
                        the errors of values */
    double *of_list; /* (DG_METRIC_OF_LIST, n_k) of one user */
    double squares, misses; /* of one user */
    int64_t *earliest; /* (n_items,) longest k less the best rank an item was listed at, from 0;
                          NULL when coverage is not asked for */
    int64_t user[DG_SCORER_TILE];
    int n;
    int64_t todo, done; /* users with a target here */
} dg_work;

typedef struct dg_counts { /* of all ranks */
    int64_t users, cold, targets;
} dg_counts;

static int longest(const dg_evaluate_options *o) { return o->n_k > 0 ? o->k[o->n_k - 1] : 0; }

static bool ranks(const dg_evaluate_options *o)
{
    const dg_metric_set lists = ((dg_metric_set)1 << (DG_METRIC_COVERAGE + 1)) - 1;
    return (o->metrics & lists) != 0;
}

static bool is_cold(const dg_dataset *d, int64_t user)
{
    return dg_csr_row(&d->train, user).n == 0 && dg_csr_row(&d->fold_in, user).n == 0;
}

static dg_counts count(const dg_comm *c, dg_work *w)
{
    int64_t n[3] = {0, 0, dg_csr_count(w->targets)};
    for (int64_t u = w->targets->begin; u < w->targets->end; u++)
        if (dg_csr_row(w->targets, u).n > 0) n[is_cold(w->d, u)]++;
    w->todo = n[0] + n[1];
    dg_sum_int64(c, n, 3);
    return (dg_counts){n[0], n[1], n[2]};
}

static dg_status check_counts(const dg_work *w, dg_counts n, dg_err *err)
{
    const char *part = w->o->part == DG_PART_TEST ? "test" : "valid";
    if (n.targets == 0) {
        const dg_status st = DG_FAIL(err, DG_ERR_DATA, "the %s part of the dataset is empty", part);
        return dg_err_hint(err, st, "prepare.split decides what is held back for it");
    }
    if (n.users == 0 && !w->scorer->rates)
        return DG_FAIL(err, DG_ERR_DATA,
                       "none of the %lld users in the %s part has a history to recommend from",
                       (long long)n.cold, part);
    return DG_OK;
}

static dg_status check_options(const dg_comm *c, const dg_evaluate_options *o, dg_err *err)
{
    struct {
        int64_t part, metrics, exclude_seen, k[DG_EVALUATE_K];
    } all = {(int64_t)o->part, o->metrics, o->exclude_seen, {0}};
    for (int j = 0; j < o->n_k; j++) all.k[j] = o->k[j];
    return dg_agree_same(c, "the digest of the options of evaluate",
                         (int64_t)dg_hash64(&all, sizeof all, 0), err);
}

static void add_list(dg_work *w, int64_t user, int i, double *leaf)
{
    int n_list;
    const dg_hit *list = dg_tile_ranker_list(w->ranker, i, &n_list);
    const int n_sums = DG_METRIC_OF_LIST * w->o->n_k;
    dg_metrics_of_list(list, n_list, dg_csr_row(w->targets, user), w->o->k, w->o->n_k, w->of_list);
    for (int s = 0; s < n_sums; s++) leaf[s] += w->of_list[s];
    if (w->earliest == NULL) return;
    for (int r = 0; r < n_list; r++) {
        int64_t *at = &w->earliest[list[r].index];
        if (longest(w->o) - r > *at) *at = longest(w->o) - r;
    }
}

static dg_status add_values(dg_work *w, int64_t user, int i, double *leaf, dg_err *err)
{
    const dg_scorer *s = w->scorer;
    const dg_row row = dg_csr_row(w->targets, user);
    double *sum = leaf + DG_METRIC_OF_LIST * w->o->n_k;
    w->squares = w->misses = 0;
    for (int64_t t = 0; t < row.n; t++) {
        const double value = (double)s->score_one(s->self, i, row.index[t]);
        if (!isfinite(value))
            return DG_FAIL(err, DG_ERR_NUMERIC, "user row %lld: the value of item %d is %g",
                           (long long)user, (int)row.index[t], value);
        const double miss = fmin(fmax(value, s->clip_min), s->clip_max) - (double)row.value[t];
        sum[0] += miss * miss;
        sum[1] += fabs(miss);
        w->squares += miss * miss;
        w->misses += fabs(miss);
    }
    return DG_OK;
}

/* The row of a user who was just judged. */
static dg_status note_user(dg_work *w, int64_t user, bool ranked, dg_err *err)
{
    double *row = dg_user_metrics_add(w->o->each, user);
    if (row == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for measures of users");
    row[DG_USER_RANKED] = ranked;
    row[DG_USER_TARGETS] = (double)dg_csr_row(w->targets, user).n;
    row[DG_USER_SQUARES] = w->squares;
    row[DG_USER_MISSES] = w->misses;
    double *out = row + DG_USER_LISTS;
    for (dg_metric m = 0; m < DG_METRIC_OF_LIST && ranked; m++)
        for (int j = 0; dg_metric_in(w->o->metrics, m) && j < w->o->n_k; j++)
            *out++ = w->of_list[m * w->o->n_k + j];
    return DG_OK;
}

/* Users in row order: a leaf's sums must not depend on how tiles fall. */
static dg_status judge_tile(dg_work *w, double *leaf, dg_err *err)
{
    dg_status st = DG_OK;
    if (w->n == 0) return st;
    if (w->ranker != NULL)
        st = dg_tile_ranker_rank(w->ranker, w->user, w->n, w->seen, w->n_seen, err);
    else
        st = w->scorer->load(w->scorer->self, w->user, w->n, err);
    for (int i = 0; st == DG_OK && i < w->n; i++) {
        const bool ranked = w->ranker != NULL && !is_cold(w->d, w->user[i]);
        if (ranked) add_list(w, w->user[i], i, leaf);
        if (w->scorer->rates) st = add_values(w, w->user[i], i, leaf, err);
        if (st == DG_OK && w->o->each != NULL) st = note_user(w, w->user[i], ranked, err);
    }
    w->done += w->n;
    w->n = 0;
    dg_progress(w->done, NULL);
    return st;
}

/* A tile stays inside one shard, so that it holds the same users for any number of ranks. */
static dg_status judge_shard(dg_work *w, int64_t begin, int64_t end, dg_err *err)
{
    double *leaf = dg_tree_leaf(w->sums);
    dg_status st = DG_OK;
    for (int64_t u = begin; st == DG_OK && u < end; u++) {
        if (dg_csr_row(w->targets, u).n == 0) continue;
        if (!w->scorer->rates && is_cold(w->d, u)) continue;
        w->user[w->n++] = u;
        if (w->n == DG_SCORER_TILE) st = judge_tile(w, leaf, err);
    }
    if (st == DG_OK) st = judge_tile(w, leaf, err);
    dg_tree_push(w->sums);
    return st;
}

static dg_status prepare_work(const dg_comm *c, dg_work *w, dg_err *err)
{
    const size_t n_sums = (size_t)DG_METRIC_OF_LIST * (size_t)w->o->n_k;
    dg_status st = dg_tree_create(c, w->d->users.n, (int)n_sums + 2, &w->sums, err);
    if (st == DG_OK && ranks(w->o))
        st = dg_tile_ranker_create(w->scorer, longest(w->o), &w->ranker, err);
    if (st != DG_OK) return st;
    w->of_list = dg_alloc(n_sums, sizeof *w->of_list);
    if (w->of_list == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics");
    if (!dg_metric_in(w->o->metrics, DG_METRIC_COVERAGE)) return DG_OK;
    w->earliest = dg_alloc((size_t)w->scorer->n_items, sizeof *w->earliest);
    return w->earliest != NULL ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for coverage");
}

/* All that can fail on one rank alone. */
static dg_status judge_local(const dg_comm *c, dg_work *w, dg_err *err)
{
    const dg_run run = dg_shards_run(w->d->users.n, c->rank, c->size);
    dg_status st = prepare_work(c, w, err);
    for (int s = run.begin; st == DG_OK && s < run.end && !dg_stop_now(); s++)
        st = judge_shard(w, w->d->users.begin[s], w->d->users.begin[s + 1], err);
    return st;
}

static void add_measure(dg_metrics *out, dg_metric metric, int k, double value)
{
    out->at[out->n++] = (dg_measure){metric, k, value};
}

static void add_coverage(const dg_comm *c, const dg_work *w, dg_metrics *out)
{
    const int64_t n_items = w->scorer->n_items;
    for (int64_t at = 0; at < n_items; at += INT32_MAX) /* MPI counts are int */
        dg_max_int64(c, w->earliest + at,
                     (int)(n_items - at < INT32_MAX ? n_items - at : INT32_MAX));
    for (int j = 0; j < w->o->n_k; j++) {
        int64_t shown = 0;
        for (int64_t i = 0; i < n_items; i++) shown += longest(w->o) - w->earliest[i] < w->o->k[j];
        add_measure(out, DG_METRIC_COVERAGE, w->o->k[j], (double)shown / (double)n_items);
    }
}

static void summarise(const dg_comm *c, dg_work *w, dg_counts n, const double *sum, dg_metrics *out)
{
    const dg_evaluate_options *o = w->o;
    const double *values = sum + DG_METRIC_OF_LIST * o->n_k;
    *out = (dg_metrics){.users = n.users, .cold_users = n.cold, .targets = n.targets};
    if (w->scorer->rates) {
        add_measure(out, DG_METRIC_RMSE, 0, sqrt(values[0] / (double)n.targets));
        add_measure(out, DG_METRIC_MAE, 0, values[1] / (double)n.targets);
    }
    if (n.users == 0) return; /* all of them cold: no list to average over */
    for (dg_metric m = 0; m < DG_METRIC_OF_LIST; m++)
        for (int j = 0; dg_metric_in(o->metrics, m) && j < o->n_k; j++)
            add_measure(out, m, o->k[j], sum[m * o->n_k + j] / (double)n.users);
    if (w->earliest != NULL) add_coverage(c, w, out);
}

static void free_work(dg_work *w)
{
    dg_tile_ranker_destroy(&w->ranker);
    dg_tree_destroy(&w->sums);
    dg_free(w->of_list);
    dg_free(w->earliest);
}

dg_status dg_evaluate(const dg_comm *c, const dg_dataset *d, const dg_scorer *scorer,
                      const dg_evaluate_options *o, dg_metrics *out, dg_err *err)
{
    dg_work w = {.d = d, .scorer = scorer, .o = o};
    double sum[DG_METRIC_OF_LIST * DG_EVALUATE_K + 2];
    w.targets = o->part == DG_PART_TEST ? &d->test : &d->valid;
    if (o->each != NULL) o->each->n_cols = dg_user_columns(o);
    if (o->exclude_seen) {
        w.seen[w.n_seen++] = &d->train;
        w.seen[w.n_seen++] = &d->fold_in;
        if (o->part == DG_PART_TEST) w.seen[w.n_seen++] = &d->valid;
    }
    dg_status st = check_options(c, o, err);
    if (st != DG_OK) return st;
    const dg_counts n = count(c, &w);
    st = check_counts(&w, n, err); /* of sums: every rank decides alike */
    if (st != DG_OK) return st;
    dg_progress_begin("evaluate", "users", w.todo);
    st = dg_agree(c, judge_local(c, &w, err), err);
    dg_progress_end();
    if (st == DG_OK) {
        dg_tree_sum(w.sums, sum);
        summarise(c, &w, n, sum, out);
    }
    free_work(&w);
    return st;
}
