#include "serve/rank/links.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct row {
    const int32_t *index;
    const float *value;
    int64_t n;
} row;

static row row_of(const dg_links *l, int64_t r)
{
    return (row){l->index + l->ptr[r], l->value + l->ptr[r], l->ptr[r + 1] - l->ptr[r]};
}

static bool by_users(const dg_artifact *a) { return a->user_weights.ptr != NULL; }

/* Only the k nearest items count: an item's own list says which those are. */
static bool by_lists(const dg_artifact *a) { return !by_users(a) && a->rule.k > 0; }

static row profile_of(const dg_taste *t) { return (row){t->item, t->value, t->n}; }

static float base_of(const dg_artifact *a, const dg_taste *t, int64_t item)
{
    return a->user_base == NULL ? 0 : (float)t->base + a->item_base[item];
}

static int best_first(const void *a, const void *b)
{
    const dg_hit *x = a, *y = b;
    return dg_hit_before(*x, *y) ? -1 : dg_hit_before(*y, *x);
}

/* The user's neighbours in the order they are visited: by row, or best first where only so many
 * count. dg_alloc'ed. */
static dg_hit *neighbors_of(const dg_artifact *a, int64_t user, int64_t *n)
{
    const row list = user < 0 ? (row){0} : row_of(&a->user_weights, user);
    dg_hit *out = dg_alloc((size_t)list.n, sizeof *out);
    *n = list.n;
    for (int64_t k = 0; out != NULL && k < list.n; k++)
        out[k] = (dg_hit){list.value[k], list.index[k]};
    if (out != NULL && a->rule.k > 0) qsort(out, (size_t)list.n, sizeof *out, best_first);
    return out;
}

static bool add_neighbors(const dg_artifact *a, int64_t user, dg_tally *tally)
{
    int64_t n;
    dg_hit *near = neighbors_of(a, user, &n);
    for (int64_t k = 0; near != NULL && k < n; k++) {
        const row profile = row_of(&a->profile, near[k].index);
        for (int64_t e = 0; e < profile.n; e++) {
            dg_tally *t = tally + profile.index[e];
            if (a->rule.k == 0 || t->n < a->rule.k)
                dg_tally_add(&a->rule, t, near[k].score, profile.value[e]);
        }
    }
    dg_free(near);
    return near != NULL;
}

static void add_profile(const dg_artifact *a, row profile, dg_tally *tally)
{
    for (int64_t k = 0; k < profile.n; k++) {
        const row spoken_for = row_of(&a->item_weights, profile.index[k]);
        for (int64_t e = 0; e < spoken_for.n; e++)
            dg_tally_add(&a->rule, tally + spoken_for.index[e], spoken_for.value[e],
                         profile.value[k]);
    }
}

/* What an item's list and a profile have in common, in order; returns how many. */
typedef struct matches {
    float *has; /* (n_items,) the profile, NAN where it has nothing */
    int32_t *item;
    float *weight, *value;
    bool *counts;
} matches;

static bool open_matches(const dg_artifact *a, row profile, matches *m)
{
    const size_t n = (size_t)a->n_items;
    *m = (matches){dg_alloc(n, sizeof(float)), dg_alloc(n, sizeof(int32_t)),
                   dg_alloc(n, sizeof(float)), dg_alloc(n, sizeof(float)), dg_alloc(n, 1)};
    if (m->has == NULL || m->item == NULL || m->weight == NULL || m->value == NULL ||
        m->counts == NULL)
        return false;
    for (size_t k = 0; k < n; k++) m->has[k] = NAN;
    for (int64_t k = 0; k < profile.n; k++) m->has[profile.index[k]] = profile.value[k];
    return true;
}

static void close_matches(matches *m)
{
    dg_free(m->has);
    dg_free(m->item);
    dg_free(m->weight);
    dg_free(m->value);
    dg_free(m->counts);
}

static int64_t match(const dg_artifact *a, int64_t item, matches *m)
{
    const row list = row_of(&a->similar_items, item);
    int64_t n = 0;
    for (int64_t k = 0; k < list.n; k++) {
        if (isnan(m->has[list.index[k]])) continue;
        m->item[n] = list.index[k];
        m->weight[n] = list.value[k];
        m->value[n++] = m->has[list.index[k]];
    }
    return n;
}

static bool add_lists(const dg_artifact *a, row profile, dg_tally *tally)
{
    matches m;
    const bool good = open_matches(a, profile, &m);
    for (int64_t i = 0; good && i < a->n_items; i++)
        tally[i] = dg_tally_of(&a->rule, m.weight, m.value, match(a, i, &m), m.counts);
    close_matches(&m);
    return good;
}

dg_status dg_links_scores(const dg_artifact *a, const dg_taste *t, float **score, bool *linked,
                          dg_err *err)
{
    dg_tally *tally = dg_alloc((size_t)a->n_items, sizeof *tally);
    bool good = tally != NULL;
    *score = dg_alloc((size_t)a->n_items, sizeof **score);
    *linked = false;
    if (good && by_users(a))
        good = add_neighbors(a, t->user, tally);
    else if (good && by_lists(a))
        good = add_lists(a, profile_of(t), tally);
    else if (good)
        add_profile(a, profile_of(t), tally);
    if (!good || *score == NULL) {
        dg_free(tally);
        dg_free(*score);
        *score = NULL;
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for scores", a->path);
    }
    for (int64_t i = 0; i < a->n_items; i++) {
        *linked = *linked || dg_tally_divisor(&a->rule, tally[i]) != 0;
        (*score)[i] = dg_tally_score(&a->rule, tally[i], base_of(a, t, i)) + (float)a->offset;
    }
    dg_free(tally);
    return DG_OK;
}

dg_status dg_links_best(const dg_links *links, int64_t at, int64_t self, const dg_allowed *allowed,
                        int k, dg_hit *hit, int *n, dg_err *err)
{
    const row list = row_of(links, at);
    dg_topk best = dg_topk_start(hit, k);
    *n = 0;
    for (int64_t p = 0; p < list.n; p++) {
        if (list.value[p] <= 0 || list.index[p] == self) continue;
        if (!dg_allowed_has(allowed, list.index[p])) continue;
        const dg_status st = dg_topk_push(&best, &list.value[p], list.index[p], 1, NULL, 0, err);
        if (st != DG_OK) return st;
    }
    *n = dg_topk_finish(&best);
    return DG_OK;
}

/* ---- reasons ---- */

static const float *find(row r, int64_t column)
{
    int64_t low = 0, high = r.n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (r.index[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r.n && r.index[low] == column ? r.value + low : NULL;
}

static void add_reason(dg_reasons *out, int64_t at, float weight, float value)
{
    out->at[out->n++] = (dg_reason){.row = at, .weight = weight, .value = value};
}

static bool explain_by_users(const dg_artifact *a, int64_t user, int64_t item, dg_reasons *out)
{
    int64_t n;
    dg_hit *near = neighbors_of(a, user, &n);
    out->at = dg_alloc((size_t)n, sizeof *out->at);
    for (int64_t k = 0; near != NULL && out->at != NULL && k < n; k++) {
        const float *value = find(row_of(&a->profile, near[k].index), item);
        if (value != NULL && (a->rule.k == 0 || out->n < a->rule.k))
            add_reason(out, near[k].index, near[k].score, *value);
    }
    dg_free(near);
    return near != NULL && out->at != NULL;
}

static bool explain_by_lists(const dg_artifact *a, row profile, int64_t item, dg_reasons *out)
{
    matches m;
    out->at = dg_alloc((size_t)profile.n, sizeof *out->at);
    const bool good = open_matches(a, profile, &m) && out->at != NULL;
    if (good) {
        const int64_t n = match(a, item, &m);
        dg_tally_choose(&a->rule, m.weight, n, m.counts);
        for (int64_t k = 0; k < n; k++)
            if (m.counts[k]) add_reason(out, m.item[k], m.weight[k], m.value[k]);
    }
    close_matches(&m);
    return good;
}

static bool explain_by_profile(const dg_artifact *a, row profile, int64_t item, dg_reasons *out)
{
    out->at = dg_alloc((size_t)profile.n, sizeof *out->at);
    for (int64_t k = 0; out->at != NULL && k < profile.n; k++) {
        const float *weight = find(row_of(&a->item_weights, profile.index[k]), item);
        if (weight != NULL) add_reason(out, profile.index[k], *weight, profile.value[k]);
    }
    return out->at != NULL;
}

static int by_size(const void *a, const void *b)
{
    const dg_reason *x = a, *y = b;
    const double left = fabs(x->contribution), right = fabs(y->contribution);
    if (left != right) return left > right ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

void dg_reasons_order(dg_reasons *why) { qsort(why->at, (size_t)why->n, sizeof *why->at, by_size); }

dg_status dg_links_explain(const dg_artifact *a, const dg_taste *t, int64_t item, dg_reasons *out,
                           dg_err *err)
{
    dg_tally tally = {0};
    *out = (dg_reasons){.of_users = by_users(a)};
    const bool good = by_users(a)   ? explain_by_users(a, t->user, item, out)
                      : by_lists(a) ? explain_by_lists(a, profile_of(t), item, out)
                                    : explain_by_profile(a, profile_of(t), item, out);
    if (!good) {
        dg_free(out->at);
        *out = (dg_reasons){0};
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for reasons", a->path);
    }
    for (int64_t k = 0; k < out->n; k++)
        dg_tally_add(&a->rule, &tally, out->at[k].weight, out->at[k].value);
    const float divisor = dg_tally_divisor(&a->rule, tally), base = base_of(a, t, item);
    out->score = (double)(dg_tally_score(&a->rule, tally, base) + (float)a->offset);
    out->base = (double)base + a->offset + (divisor == 0 ? (double)a->rule.fallback : 0);
    if (divisor == 0) out->n = 0;
    for (int64_t k = 0; k < out->n; k++)
        out->at[k].contribution =
            (double)out->at[k].weight * (double)out->at[k].value / (double)divisor;
    dg_reasons_order(out);
    return DG_OK;
}
