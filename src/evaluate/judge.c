#include "evaluate/judge.h"

#include "base/memory.h"
#include "evaluate/sampled.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Single scores of models whose scores are sums over sparse rows search each row anew; a user's
 * scores of all items cost as much as a few dozen of them. */
enum { AS_MUCH_AS_ALL = 24 };

static bool uses_rows(const dg_user_judge *j)
{
    return j->scorer->score_row != NULL && (j->scorer->rates || j->o->sampled > 0);
}

/* All scores of user number i, where `n` of them are wanted and all come cheaper; else NULL. */
static const float *row_for(const dg_user_judge *j, int i, int64_t n)
{
    if (!uses_rows(j) || n < AS_MUCH_AS_ALL) return NULL;
    j->scorer->score_row(j->scorer->self, i, j->row);
    return j->row;
}

dg_status dg_user_judge_create(dg_user_judge *j, dg_err *err)
{
    dg_user_layout_make(j->o, &j->layout);
    j->room = dg_alloc((size_t)DG_METRIC_OF_USER * (size_t)j->o->n_k, sizeof *j->room);
    j->drawn = dg_alloc((size_t)j->o->sampled, sizeof *j->drawn);
    j->row = dg_alloc(uses_rows(j) ? (size_t)j->scorer->n_items : 0, sizeof *j->row);
    if (j->room != NULL && j->drawn != NULL && j->row != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics");
}

void dg_user_judge_free(dg_user_judge *j)
{
    dg_free(j->room);
    dg_free(j->drawn);
    dg_free(j->row);
    dg_free(j->value);
    dg_free(j->labels);
    j->room = j->value = NULL;
    j->drawn = NULL;
    j->row = j->labels = NULL;
    j->value_capacity = j->label_capacity = 0;
}

bool dg_user_judge_labels(const dg_user_judge *j)
{
    const dg_scorer *s = j->scorer;
    return s->rates && s->clip_min >= 0 && s->clip_max <= 1;
}

bool dg_user_is_cold(const dg_dataset *d, int64_t user)
{
    return dg_csr_row(&d->train, user).n == 0 && dg_csr_row(&d->fold_in, user).n == 0;
}

/* ---- lists ---- */

static void add_popularity(dg_user_judge *j, const dg_hit *list, int n_list)
{
    const dg_evaluate_options *o = j->o;
    const int n_k = o->n_k;
    dg_list_popularity sum = {0};
    int rank = 0;
    for (int at = 0; at < n_k; at++) {
        for (; rank < o->k[at] && rank < n_list; rank++)
            dg_list_popularity_add(j->popularity, list[rank].index, &sum);
        const dg_list_popularity mean = dg_list_popularity_mean(sum);
        j->room[DG_METRIC_ARP * n_k + at] = mean.arp;
        j->room[DG_METRIC_APLT * n_k + at] = mean.aplt;
        j->room[DG_METRIC_ACLT * n_k + at] = (double)mean.tail;
        j->room[DG_METRIC_NOVELTY * n_k + at] = mean.novelty;
    }
}

static void add_serendipity(dg_user_judge *j, const dg_hit *list, int n_list, dg_row target,
                            const int32_t *seen, int64_t n_seen)
{
    const dg_evaluate_options *o = j->o;
    int64_t end[DG_EVALUATE_K];
    dg_popularity_ends(j->popularity, seen, n_seen, o->k, o->n_k, end);
    for (int at = 0; at < o->n_k; at++) {
        int64_t found = 0;
        for (int r = 0; r < o->k[at] && r < n_list; r++)
            found += j->popularity->place[list[r].index] >= end[at] &&
                     dg_row_has(target, list[r].index) != 0;
        j->room[DG_METRIC_SERENDIPITY * o->n_k + at] = (double)found / o->k[at];
    }
}

static void fill_lists(dg_user_judge *j, int i, dg_row target, double *row)
{
    const dg_evaluate_options *o = j->o;
    int64_t n_seen;
    int n_list;
    const dg_hit *list = dg_tile_ranker_list(j->ranker, i, &n_list);
    const int32_t *seen = dg_tile_ranker_seen(j->ranker, i, &n_seen);
    dg_metrics_of_list(list, n_list, target, o->k, o->n_k, j->room);
    add_popularity(j, list, n_list);
    if (dg_metric_in(o->metrics, DG_METRIC_SERENDIPITY))
        add_serendipity(j, list, n_list, target, seen, n_seen);
    if (j->similar != NULL)
        dg_similar_list(j->similar, list, n_list, o->k, o->n_k, j->room + DG_METRIC_ILS * o->n_k);
    double *out = row + DG_USER_LISTS;
    for (dg_metric m = 0; m < DG_METRIC_OF_USER; m++)
        for (int at = 0; dg_metric_in(o->metrics, m) && at < o->n_k; at++)
            *out++ = j->room[m * o->n_k + at];
}

static void fill_auc(const dg_user_judge *j, double auc, double weight, double *row)
{
    double *to = row + j->layout.auc;
    to[0] = auc;
    to[1] = 1;
    to[2] = weight * auc;
    to[3] = weight;
}

static dg_status fill_sampled(dg_user_judge *j, int64_t user, int i, dg_row target, double *row,
                              dg_err *err)
{
    size_t n;
    int64_t n_seen;
    const char *id = dg_strings_at(&j->d->user_id, user - j->d->train.begin, &n);
    const int32_t *seen = dg_tile_ranker_seen(j->ranker, i, &n_seen);
    dg_rng rng = dg_rng_at(j->o->seed, DG_RNG_SAMPLED, dg_id_hash(id, n));
    return dg_sampled_measure(j->scorer, i, row_for(j, i, target.n * (j->o->sampled + 1)), target,
                              seen, n_seen, &rng, j->o->sampled, j->drawn, j->o->k, j->o->n_k,
                              row + j->layout.sampled, err);
}

/* ---- values ---- */

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Labels above 1/2 against those that are not, of one user: both at the ends of one array. */
static void fill_label_auc(dg_user_judge *j, const double *value, dg_row row, double *out)
{
    int64_t above = 0, lost = 0;
    for (int64_t t = 0; t < row.n; t++)
        if (row.value[t] > 0.5F) j->labels[above++] = (float)value[t];
    if (above == 0 || above == row.n) return;
    qsort(j->labels, (size_t)above, sizeof *j->labels, ascending);
    for (int64_t t = 0; t < row.n; t++)
        if (!(row.value[t] > 0.5F)) lost += dg_metric_lost(j->labels, above, (float)value[t]);
    fill_auc(j, 1 - (double)lost / (2 * (double)above * (double)(row.n - above)), (double)row.n,
             out);
}

static dg_status one_value(const dg_user_judge *j, int64_t user, int i, const float *row,
                           int32_t item, double *value, dg_err *err)
{
    const dg_scorer *s = j->scorer;
    *value = (double)(row != NULL ? row[item] : s->score_one(s->self, i, item));
    if (isfinite(*value)) return DG_OK;
    return DG_FAIL(err, DG_ERR_NUMERIC, "user row %lld: the value of item %d is %g",
                   (long long)user, (int)item, *value);
}

static dg_status grow_values(dg_user_judge *j, int64_t user, size_t n, dg_err *err)
{
    double *value = dg_grow(j->value, 0, n, &j->value_capacity, sizeof *value);
    if (value != NULL) j->value = value;
    float *labels = dg_grow(j->labels, 0, n, &j->label_capacity, sizeof *labels);
    if (labels != NULL) j->labels = labels;
    if (value != NULL && labels != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "user row %lld: out of memory for its values",
                   (long long)user);
}

static dg_status fill_values(dg_user_judge *j, int64_t user, int i, dg_row target, double *row,
                             dg_err *err)
{
    const dg_scorer *s = j->scorer;
    const bool labels = dg_user_judge_labels(j);
    dg_status st = grow_values(j, user, (size_t)target.n, err);
    double *const value = j->value;
    const float *all = st == DG_OK ? row_for(j, i, target.n) : NULL;
    for (int64_t t = 0; t < target.n && st == DG_OK; t++) {
        st = one_value(j, user, i, all, target.index[t], &value[t], err);
        const double kept = fmin(fmax(value[t], s->clip_min), s->clip_max);
        const double y = (double)target.value[t], miss = kept - y;
        row[DG_USER_SQUARES] += miss * miss;
        row[DG_USER_MISSES] += fabs(miss);
        if (j->layout.logloss > 0 && labels) row[j->layout.logloss] += dg_metric_logloss(y, kept);
    }
    if (st == DG_OK && j->layout.auc > 0 && labels) fill_label_auc(j, value, target, row);
    return st;
}

dg_status dg_user_judge_row(dg_user_judge *j, int64_t user, int i, double *row, dg_err *err)
{
    const dg_row target = dg_csr_row(j->targets, user);
    const bool ranked = j->ranker != NULL && !dg_user_is_cold(j->d, user);
    double auc;
    dg_status st = DG_OK;
    memset(row, 0, (size_t)j->layout.n * sizeof *row);
    row[DG_USER_RANKED] = ranked;
    row[DG_USER_TARGETS] = (double)target.n;
    if (ranked) fill_lists(j, i, target, row);
    if (ranked && j->layout.auc > 0 && !dg_user_judge_labels(j) &&
        dg_tile_ranker_auc(j->ranker, i, &auc))
        fill_auc(j, auc, (double)target.n, row);
    if (ranked && j->layout.sampled > 0) st = fill_sampled(j, user, i, target, row, err);
    if (st == DG_OK && j->scorer->rates) st = fill_values(j, user, i, target, row, err);
    return st;
}
