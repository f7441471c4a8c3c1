#include "base/memory.h"
#include "ingest/transpose.h"
#include "models/neighbors/state.h"
#include "store/sparse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Three ways to the same prediction, each in an order of its own that no range or tile changes:
 *   items, all neighbours count    the profile's items in order, each adding to those it speaks for
 *   items, the k nearest count     an item's neighbours in order, those the user has
 *   users                          the user's neighbours, by row or (k nearest) best first, each
 *                                  adding to the items it has */
typedef struct dg_knn_scorer {
    const dg_model *model;
    int64_t n_items;
    dg_csr profiles; /* of own users */
    int n;
    dg_row profile[DG_SCORER_TILE];
    int64_t user[DG_SCORER_TILE];
    dg_node_entry *nearest; /* (DG_SCORER_TILE, longest list) user-knn: neighbours as visited */
    int64_t n_nearest[DG_SCORER_TILE];
    int64_t longest;
    dg_tally *tally;       /* (n_items,) of a range of items */
    float *has;            /* (n_items,) a profile, NAN where it has nothing */
    float *weight, *value; /* (longest,) matches */
    bool *counts;
} dg_knn_scorer;

static bool walks(const dg_model *m) { return !m->users && m->options->k > 0; }

static int best_first(const void *a, const void *b)
{
    const dg_node_entry *x = a, *y = b;
    if (x->value != y->value) return x->value > y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static void load_neighbors(dg_knn_scorer *s, int i, int64_t user)
{
    const dg_row list = dg_csr_row(&s->model->lists, user);
    dg_node_entry *to = s->nearest + i * s->longest;
    for (int64_t k = 0; k < list.n; k++) to[k] = (dg_node_entry){list.index[k], list.value[k]};
    if (s->model->options->k > 0) qsort(to, (size_t)list.n, sizeof *to, best_first);
    s->n_nearest[i] = list.n;
}

static dg_status load_users(void *self, const int64_t *user, int n, dg_err *err)
{
    dg_knn_scorer *s = self;
    (void)err;
    s->n = n;
    for (int i = 0; i < n; i++) {
        s->user[i] = user[i];
        s->profile[i] = dg_csr_row(&s->profiles, user[i]);
        if (s->model->users) load_neighbors(s, i, user[i]);
    }
    return DG_OK;
}

/* What one row adds to the items of a range. */
static void add_row(const dg_knn_scorer *s, dg_node_row row, bool by_neighbor, float other,
                    int64_t begin, int64_t end)
{
    const dg_tally_rule *rule = &s->model->rule;
    row = dg_node_row_part(row, begin, end);
    for (int64_t e = 0; e < row.n; e++) {
        dg_tally *t = s->tally + (row.entry[e].index - begin);
        if (!by_neighbor)
            dg_tally_add(rule, t, row.entry[e].value, other);
        else if (rule->k == 0 || t->n < rule->k)
            dg_tally_add(rule, t, other, row.entry[e].value);
    }
}

static void scatter(const dg_knn_scorer *s, int i, int64_t begin, int64_t end)
{
    const dg_node_csr *all = &s->model->all;
    memset(s->tally, 0, (size_t)(end - begin) * sizeof *s->tally);
    if (s->model->users) {
        const dg_node_entry *near = s->nearest + i * s->longest;
        for (int64_t k = 0; k < s->n_nearest[i]; k++)
            add_row(s, dg_node_csr_row(all, near[k].index), true, near[k].value, begin, end);
    } else {
        const dg_row profile = s->profile[i];
        for (int64_t k = 0; k < profile.n; k++)
            add_row(s, dg_node_csr_row(all, profile.index[k]), false, profile.value[k], begin, end);
    }
}

static dg_tally walk(const dg_knn_scorer *s, int64_t item)
{
    const dg_node_row list = dg_node_csr_row(&s->model->all, item);
    int64_t n = 0;
    for (int64_t e = 0; e < list.n; e++) {
        const float x = s->has[list.entry[e].index];
        if (isnan(x)) continue;
        s->weight[n] = list.entry[e].value;
        s->value[n++] = x;
    }
    return dg_tally_of(&s->model->rule, s->weight, s->value, n, s->counts);
}

static void walk_all(const dg_knn_scorer *s, int i, int64_t begin, int64_t end)
{
    const dg_row profile = s->profile[i];
    for (int64_t k = 0; k < profile.n; k++) s->has[profile.index[k]] = profile.value[k];
    for (int64_t item = begin; item < end; item++) s->tally[item - begin] = walk(s, item);
    for (int64_t k = 0; k < profile.n; k++) s->has[profile.index[k]] = NAN;
}

/* Sums are all that is asked for, and where nothing is said they are 0. */
static bool only_sums(const dg_model *m)
{
    const dg_tally_rule *r = &m->rule;
    return !m->users && !walks(m) && r->norm == DG_TALLY_SUM && r->min_k <= 1 && r->fallback == 0;
}

/* The same bits as by way of tallies, in a third of the memory. */
static void add_sums(const dg_knn_scorer *s, int i, int64_t begin, int64_t end, float *out)
{
    const dg_row profile = s->profile[i];
    memset(out, 0, (size_t)(end - begin) * sizeof *out);
    for (int64_t k = 0; k < profile.n; k++)
        dg_node_row_add(dg_node_csr_row(&s->model->all, profile.index[k]), profile.value[k], begin,
                        end, out);
}

static void score_user(const dg_knn_scorer *s, int i, int64_t begin, int64_t end, float *out)
{
    const dg_model *m = s->model;
    if (only_sums(m) && m->options->center == DG_CENTER_NONE) {
        add_sums(s, i, begin, end, out);
        return;
    }
    if (walks(m))
        walk_all(s, i, begin, end);
    else
        scatter(s, i, begin, end);
    for (int64_t item = begin; item < end; item++) {
        const float base = m->options->center == DG_CENTER_NONE
                               ? 0
                               : dg_baseline_of(&m->baseline, s->user[i], item);
        out[item - begin] = dg_tally_score(&m->rule, s->tally[item - begin], base);
    }
}

static void score(void *self, int64_t begin, int64_t end, float *out)
{
    const dg_knn_scorer *s = self;
    for (int i = 0; i < s->n; i++) score_user(s, i, begin, end, out + i * (end - begin));
}

static void score_row(void *self, int i, float *out)
{
    const dg_knn_scorer *s = self;
    score_user(s, i, 0, s->n_items, out);
}

static float score_one(void *self, int i, int64_t item)
{
    float out;
    score_user(self, i, item, item + 1, &out);
    return out;
}

static void destroy_scorer(dg_scorer *out)
{
    dg_knn_scorer *s = out->self;
    if (s == NULL) return;
    void *const all[] = {s->nearest, s->tally, s->has, s->weight, s->value, s->counts};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    dg_csr_free(&s->profiles);
    dg_free(s);
    out->self = NULL;
}

static dg_status fill_profiles(const dg_model *m, dg_csr *out, dg_err *err)
{
    const dg_dataset *d = m->data;
    const int64_t first = d->train.begin;
    const int64_t most = dg_csr_count(&d->train) + dg_csr_count(&d->fold_in);
    const dg_status st = dg_csr_create(first, d->train.end, most, out, err);
    if (st != DG_OK) return st;
    int64_t n = 0;
    for (int64_t u = first; u < d->train.end; u++) {
        const dg_row shown = dg_csr_row(&d->fold_in, u);
        const dg_row row = shown.n > 0 ? shown : dg_csr_row(&d->train, u);
        for (int64_t k = 0; k < row.n; k++, n++) {
            out->index[n] = row.index[k];
            out->value[n] = row.value[k] - dg_baseline_of(&m->baseline, u, row.index[k]);
        }
        out->ptr[u - first + 1] = n;
    }
    return DG_OK;
}

dg_status dg_knn__profiles(const dg_model *m, dg_csr *out, dg_err *err)
{
    const dg_status st = dg_agree(m->comm, fill_profiles(m, out, err), err);
    if (st != DG_OK) dg_csr_free(out);
    return st;
}

dg_status dg_knn__by_source(const dg_model *m, dg_csr *out, dg_err *err)
{
    return dg_transpose(m->comm, &m->lists, &m->data->items, 0, out, err);
}

/* Rows the scorer reads, once per node. COLLECTIVE. */
static dg_status share_rows(dg_model *m, const dg_csr *profiles, dg_err *err)
{
    const dg_dataset *d = m->data;
    dg_csr by_source = {0};
    dg_node_csr_destroy(&m->all);
    if (m->users) return dg_node_csr_create(m->comm, &d->users, profiles, &m->all, err);
    if (walks(m)) return dg_node_csr_create(m->comm, &d->items, &m->lists, &m->all, err);
    dg_status st = dg_knn__by_source(m, &by_source, err);
    if (st == DG_OK) st = dg_node_csr_create(m->comm, &d->items, &by_source, &m->all, err);
    dg_csr_free(&by_source);
    return st;
}

static dg_status allocate(dg_knn_scorer *s, int64_t n_items, dg_err *err)
{
    const size_t n = (size_t)n_items, longest = (size_t)s->longest;
    const size_t tile = s->model->users ? DG_SCORER_TILE * longest : 0;
    s->nearest = dg_alloc(tile, sizeof *s->nearest);
    s->tally = dg_alloc(n, sizeof *s->tally);
    s->has = dg_alloc(walks(s->model) ? n : 0, sizeof *s->has);
    s->weight = dg_alloc(longest, sizeof *s->weight);
    s->value = dg_alloc(longest, sizeof *s->value);
    s->counts = dg_alloc(longest, sizeof *s->counts);
    if (s->nearest == NULL || s->tally == NULL || s->has == NULL || s->weight == NULL ||
        s->value == NULL || s->counts == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring");
    for (size_t k = 0; walks(s->model) && k < n; k++) s->has[k] = NAN;
    return DG_OK;
}

static int64_t longest_list(const dg_model *m)
{
    int64_t longest = 0;
    for (int64_t r = m->lists.begin; r < m->lists.end; r++) {
        const int64_t n = dg_csr_row(&m->lists, r).n;
        longest = n > longest ? n : longest;
    }
    dg_max_int64(m->comm, &longest, 1);
    return longest;
}

dg_status dg_knn__scorer(dg_model *m, dg_scorer *out, dg_err *err)
{
    const int64_t n_items = m->data->items.begin[m->data->items.n];
    dg_knn_scorer *s = dg_alloc(1, sizeof *s);
    *out = (dg_scorer){.self = s,
                       .n_items = n_items,
                       .rates = m->options->prediction != DG_TALLY_SUM,
                       .clip_min = m->data->value_min,
                       .clip_max = m->data->value_max,
                       .load = load_users,
                       .score = score,
                       .score_row = score_row,
                       .score_one = score_one,
                       .destroy = destroy_scorer};
    const int64_t longest = longest_list(m);
    dg_status st = s == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring") : DG_OK;
    if (st == DG_OK) {
        s->model = m;
        s->n_items = n_items;
        s->longest = longest;
        st = allocate(s, n_items, err);
    }
    st = dg_agree(m->comm, st, err);
    if (st == DG_OK) st = dg_knn__profiles(m, &s->profiles, err);
    if (st == DG_OK) st = share_rows(m, &s->profiles, err);
    if (st != DG_OK) destroy_scorer(out);
    return st;
}
