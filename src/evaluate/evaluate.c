#include "evaluate/evaluate.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "comm/tree.h"
#include "evaluate/categories.h"
#include "evaluate/judge.h"
#include "evaluate/tallies.h"
#include "evaluate/users.h"
#include "registry/bootstrap.h"

#include <math.h>
#include <string.h>

/* Slices of users by the length of their history; raters judge those without any too. */
static const int64_t history_least[DG_HISTORIES] = {0, 1, 5, 10, 20, 50, 100};
static const double confidence = 0.95;

/* One rank's part of an evaluation: everything up to the sums. A leaf of these is the sum of all
 * columns, that of each slice, then that of each resample. */
typedef struct dg_work {
    const dg_dataset *d;
    const dg_scorer *scorer;
    const dg_evaluate_options *o;
    const dg_csr *targets;
    const dg_csr *seen[DG_TILE_SEEN];
    int n_seen;
    dg_tile_ranker *ranker; /* NULL when nothing of lists is asked for */
    dg_popularity popularity;
    dg_similar similar;
    dg_tallies tallies;
    dg_user_judge judge;
    dg_tree *sums;
    double *row;     /* (columns,) of one user */
    uint8_t *weight; /* (resamples,) of one user */
    int64_t user[DG_SCORER_TILE];
    int n;
    int64_t todo, done; /* users with a target here */
} dg_work;

typedef struct dg_counts { /* of all ranks */
    int64_t users, cold, targets;
} dg_counts;

static int longest(const dg_evaluate_options *o) { return o->n_k > 0 ? o->k[o->n_k - 1] : 0; }

/* Labels are judged without lists, whatever auc is of other models. */
static bool ranks(const dg_work *w)
{
    const dg_metric_set lists = ((dg_metric_set)1 << DG_METRIC_OF_K) - 1;
    const dg_metric_set pairs = 1U << DG_METRIC_AUC | 1U << DG_METRIC_GAUC;
    return (w->o->metrics & lists) != 0 || w->o->sampled > 0 ||
           ((w->o->metrics & pairs) != 0 && !dg_user_judge_labels(&w->judge));
}

static dg_counts count(const dg_comm *c, dg_work *w)
{
    int64_t n[3] = {0, 0, dg_csr_count(w->targets)};
    for (int64_t u = w->targets->begin; u < w->targets->end; u++)
        if (dg_csr_row(w->targets, u).n > 0) n[dg_user_is_cold(w->d, u)]++;
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
        int64_t part, metrics, exclude_seen, resamples, sampled, seed, k[DG_EVALUATE_K];
    } all = {(int64_t)o->part, o->metrics, o->exclude_seen, o->resamples, o->sampled,
             (int64_t)o->seed, {0}};
    for (int j = 0; j < o->n_k; j++) all.k[j] = o->k[j];
    return dg_agree_same(c, "the digest of the options of evaluate",
                         (int64_t)dg_hash64(&all, sizeof all, 0), err);
}

/* ---- what is known of items ---- */

static dg_status rank_items(const dg_comm *c, dg_work *w, dg_err *err)
{
    const dg_csr *train = &w->d->train;
    const int64_t n = w->scorer->n_items, part = 1 << 24;
    dg_popularity *p = &w->popularity;
    dg_status st = dg_agree(c, dg_popularity_create(n, p, err), err);
    if (st != DG_OK) return st;
    for (int64_t u = train->begin; u < train->end; u++) p->n_users += dg_csr_row(train, u).n > 0;
    for (int64_t k = 0; k < dg_csr_count(train); k++) p->count[train->index[k]]++;
    dg_sum_int64(c, &p->n_users, 1);
    for (int64_t at = 0; at < n; at += part)
        dg_sum_int64(c, p->count + at, (int)(n - at < part ? n - at : part));
    st = dg_agree(c, dg_popularity_sort(p, err), err);
    if (st == DG_OK && dg_metric_in(w->o->metrics, DG_METRIC_ILS))
        st = dg_similar_create(c, w->d, &w->similar, err);
    return st;
}

/* ---- users ---- */

static int slice_of(const dg_dataset *d, int64_t user)
{
    const int64_t n = dg_csr_row(&d->train, user).n + dg_csr_row(&d->fold_in, user).n;
    int s = DG_HISTORIES - 1;
    while (history_least[s] > n) s--;
    return s;
}

static void add_row(dg_work *w, int64_t user, double *leaf)
{
    size_t length;
    const int n = w->judge.layout.n;
    double *slice = leaf + (1 + slice_of(w->d, user)) * n;
    for (int k = 0; k < n; k++) {
        leaf[k] += w->row[k];
        slice[k] += w->row[k];
    }
    if (w->o->resamples == 0) return;
    const char *id = dg_strings_at(&w->d->user_id, user - w->d->train.begin, &length);
    dg_bootstrap_weights(w->o->seed, dg_id_hash(id, length), 0, w->o->resamples, w->weight);
    dg_bootstrap_add(w->weight, w->o->resamples, w->row, n, leaf + (1 + DG_HISTORIES) * n);
}

static void tally(dg_work *w, int64_t user, int i)
{
    int n_list;
    int64_t n_seen;
    const dg_hit *list = dg_tile_ranker_list(w->ranker, i, &n_list);
    const int32_t *seen = dg_tile_ranker_seen(w->ranker, i, &n_seen);
    dg_tallies_add(&w->tallies, list, n_list, dg_csr_row(w->targets, user), seen, n_seen);
    if (w->o->categories != NULL)
        dg_categories_add(w->o->categories, w->o, w->scorer->n_items, list, n_list,
                          dg_csr_row(w->targets, user));
}

static dg_status note_user(dg_work *w, int64_t user, dg_err *err)
{
    double *to = dg_user_metrics_add(w->o->each, user);
    if (to == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for measures of users");
    memcpy(to, w->row, (size_t)w->judge.layout.n * sizeof *to);
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
        st = dg_user_judge_row(&w->judge, w->user[i], i, w->row, err);
        if (st != DG_OK) break;
        if (w->row[DG_USER_RANKED] > 0) tally(w, w->user[i], i);
        add_row(w, w->user[i], leaf);
        if (w->o->each != NULL) st = note_user(w, w->user[i], err);
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
        if (!w->scorer->rates && dg_user_is_cold(w->d, u)) continue;
        w->user[w->n++] = u;
        if (w->n == DG_SCORER_TILE) st = judge_tile(w, leaf, err);
    }
    if (st == DG_OK) st = judge_tile(w, leaf, err);
    dg_tree_push(w->sums);
    return st;
}

static int64_t n_sums(const dg_work *w)
{
    return (int64_t)w->judge.layout.n * (1 + DG_HISTORIES + w->o->resamples);
}

static dg_status prepare_work(const dg_comm *c, dg_work *w, dg_err *err)
{
    dg_status st = dg_user_judge_create(&w->judge, err);
    if (st == DG_OK && n_sums(w) > INT32_MAX)
        st = DG_FAIL(err, DG_ERR_CONFIG,
                     "evaluate.resamples: %d of %d measures are too many at once", w->o->resamples,
                     w->judge.layout.n);
    if (st == DG_OK) st = dg_tree_create(c, w->d->users.n, (int)n_sums(w), &w->sums, err);
    if (st == DG_OK && ranks(w))
        st = dg_tile_ranker_create(w->scorer, longest(w->o), &w->ranker, err);
    if (st == DG_OK) st = dg_tallies_create(w->o, &w->popularity, &w->tallies, err);
    if (st == DG_OK && w->o->categories != NULL)
        st = dg_categories_create(w->d, w->o, w->scorer->n_items, w->o->categories, err);
    if (st != DG_OK) return st;
    w->judge.ranker = w->ranker;
    if (w->ranker != NULL && w->judge.layout.auc > 0 && !dg_user_judge_labels(&w->judge))
        dg_tile_ranker_watch(w->ranker, w->targets);
    w->row = dg_alloc((size_t)w->judge.layout.n, sizeof *w->row);
    w->weight = dg_alloc((size_t)w->o->resamples, sizeof *w->weight);
    if (w->row != NULL && w->weight != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics");
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

/* ---- measures ---- */

/* Is the column a measure of this model, and was anything there to measure? */
static bool is_defined(const dg_work *w, const double *sum, int k)
{
    const dg_user_column *col = &w->judge.layout.at[k];
    if (col->by < 0 || !(sum[col->by] > 0)) return false;
    if (col->metric == DG_METRIC_RMSE || col->metric == DG_METRIC_MAE) return w->scorer->rates;
    if (col->metric == DG_METRIC_LOGLOSS) return dg_user_judge_labels(&w->judge);
    return col->sampled > 0 || dg_metric_in(w->o->metrics, col->metric);
}

static void add_measure(const dg_work *w, const double *sum, int k, double *room, dg_metrics *out)
{
    const dg_user_layout *l = &w->judge.layout;
    const dg_user_column *col = &l->at[k];
    const double *drawn = sum + (1 + DG_HISTORIES) * l->n;
    dg_measure *m = &out->at[out->n];
    *m = (dg_measure){.metric = col->metric,
                      .k = col->k,
                      .sampled = col->sampled,
                      .value = dg_user_layout_value(l, sum, k)};
    for (int64_t d = 0; d < w->o->resamples; d++) { /* an empty resample says nothing */
        const double v = dg_user_layout_value(l, drawn + d * l->n, k);
        room[d] = isnan(v) ? m->value : v;
    }
    if (w->o->resamples > 0)
        dg_bootstrap_interval(room, w->o->resamples, confidence, &m->low, &m->high);
    for (int s = 0; s < DG_HISTORIES; s++)
        out->by_history[s].value[out->n] = dg_user_layout_value(l, sum + (1 + s) * l->n, k);
    out->n++;
}

static void fill_slices(const dg_work *w, const double *sum, dg_metrics *out)
{
    const dg_user_layout *l = &w->judge.layout;
    for (int s = 0; s < DG_HISTORIES; s++) {
        const double *of = sum + (1 + s) * l->n;
        out->by_history[s].least = history_least[s];
        out->by_history[s].users = (int64_t)of[DG_USER_RANKED];
        out->by_history[s].targets = (int64_t)of[DG_USER_TARGETS];
        for (int k = 0; k < DG_MEASURES; k++) out->by_history[s].value[k] = NAN;
    }
}

static void summarise(const dg_comm *c, dg_work *w, dg_counts n, const double *sum, double *room,
                      dg_metrics *out)
{
    const dg_user_layout *l = &w->judge.layout;
    *out = (dg_metrics){
        .users = n.users, .cold_users = n.cold, .targets = n.targets, .resamples = w->o->resamples};
    fill_slices(w, sum, out);
    for (int has_k = 0; has_k < 2; has_k++) { /* those without a length first */
        for (int k = 0; k < l->n; k++)
            if ((l->at[k].k > 0) == (has_k > 0) && l->at[k].sampled == 0 && is_defined(w, sum, k))
                add_measure(w, sum, k, room, out);
    }
    if (n.users > 0 && w->ranker != NULL) {
        out->n_k = w->o->n_k;
        memcpy(out->k, w->o->k, sizeof out->k);
        dg_tallies_measure(c, &w->tallies, out);
        if (w->o->categories != NULL)
            dg_categories_measure(c, w->d, w->o, w->scorer->n_items, w->o->categories);
    }
    for (int k = 0; k < l->n; k++)
        if (l->at[k].sampled > 0 && is_defined(w, sum, k)) add_measure(w, sum, k, room, out);
}

/* COLLECTIVE. */
static dg_status add_up(const dg_comm *c, dg_work *w, dg_counts n, dg_metrics *out, dg_err *err)
{
    double *sum = dg_alloc((size_t)n_sums(w), sizeof *sum);
    double *room = dg_alloc((size_t)w->o->resamples, sizeof *room);
    dg_status st = sum == NULL || room == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for resamples of users")
                       : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        dg_tree_sum(w->sums, sum);
        summarise(c, w, n, sum, room, out);
    }
    dg_free(sum);
    dg_free(room);
    return st;
}

static void free_work(dg_work *w)
{
    dg_tile_ranker_destroy(&w->ranker);
    dg_tree_destroy(&w->sums);
    dg_user_judge_free(&w->judge);
    dg_tallies_free(&w->tallies);
    dg_similar_free(&w->similar);
    dg_popularity_free(&w->popularity);
    dg_free(w->row);
    dg_free(w->weight);
}

static void start_work(dg_work *w)
{
    const dg_evaluate_options *o = w->o;
    w->targets = o->part == DG_PART_TEST ? &w->d->test : &w->d->valid;
    w->judge = (dg_user_judge){.d = w->d,
                               .scorer = w->scorer,
                               .o = o,
                               .targets = w->targets,
                               .popularity = &w->popularity};
    if (dg_metric_in(o->metrics, DG_METRIC_ILS)) w->judge.similar = &w->similar;
    if (o->each != NULL) o->each->n_cols = dg_user_columns(o);
    if (!o->exclude_seen) return;
    w->seen[w->n_seen++] = &w->d->train;
    w->seen[w->n_seen++] = &w->d->fold_in;
    if (o->part == DG_PART_TEST) w->seen[w->n_seen++] = &w->d->valid;
}

dg_status dg_evaluate(const dg_comm *c, const dg_dataset *d, const dg_scorer *scorer,
                      const dg_evaluate_options *o, dg_metrics *out, dg_err *err)
{
    dg_work w = {.d = d, .scorer = scorer, .o = o};
    dg_status st = check_options(c, o, err);
    if (st != DG_OK) return st;
    start_work(&w);
    const dg_counts n = count(c, &w);
    st = check_counts(&w, n, err); /* of sums: every rank decides alike */
    if (st != DG_OK) return st;
    st = rank_items(c, &w, err);
    dg_progress_begin("evaluate", "users", w.todo);
    if (st == DG_OK) st = dg_agree(c, judge_local(c, &w, err), err);
    dg_progress_end();
    if (st == DG_OK) st = add_up(c, &w, n, out, err);
    free_work(&w);
    return st;
}
