#include "serve/rank/ranker.h"

#include "base/memory.h"
#include "dense/panel.h"
#include "serve/rank/by_factors.h"
#include "serve/rank/links.h"

#include <math.h>

struct dg_ranker {
    const dg_artifact *a;
    const dg_panel_kernels *kernels;
    dg_by_factors *factors; /* NULL for a model of weights */
};

dg_status dg_ranker_create(const dg_artifact *a, dg_ranker **out, dg_err *err)
{
    dg_ranker *r = *out = dg_alloc(1, sizeof *r);
    if (r == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", a->path);
    r->a = a;
    r->kernels = dg_panel();
    const dg_status st = a->n_cols > 0 ? dg_by_factors_create(a, &r->factors, err) : DG_OK;
    if (st != DG_OK) dg_ranker_destroy(out);
    return st;
}

void dg_ranker_destroy(dg_ranker **r)
{
    if (*r == NULL) return;
    dg_by_factors_destroy(&(*r)->factors);
    dg_free(*r);
    *r = NULL;
}

/* Popular goods but one; -1 for none. */
static void take_popular(const dg_artifact *a, const dg_allowed *allowed, int32_t but, int k,
                         const char *reason, dg_list *list)
{
    list->source = DG_SOURCE_POPULAR;
    list->reason = reason;
    list->n = 0;
    for (int64_t p = 0; p < a->n_items && list->n < k; p++)
        if (a->popular[p] != but && dg_allowed_has(allowed, a->popular[p]))
            list->hit[list->n++] = (dg_hit){0, a->popular[p]};
}

void dg_ranker_popular(const dg_ranker *r, const dg_allowed *allowed, int k, const char *reason,
                       dg_list *list)
{
    take_popular(r->a, allowed, -1, k, reason, list);
}

/* Where scores are plain sums, a good that nothing was added for is not listed: unmark it. */
static void unmark_unlinked(const dg_artifact *a, const float *score, int32_t n, uint16_t *mark)
{
    const float nothing = (float)a->offset;
    for (int32_t k = 0; k < n; k++)
        if (mark[k / DG_MARKS] != 0 && score[k] == nothing)
            mark[k / DG_MARKS] &= (uint16_t) ~(1u << (k % DG_MARKS));
}

/* The best of scores that are all there. */
static dg_status choose(const dg_ranker *r, const float *score, const dg_allowed *allowed, int k,
                        dg_list *list, dg_err *err)
{
    const int64_t n_items = r->a->n_items;
    dg_topk best = dg_topk_start(list->hit, k);
    uint16_t mark[DG_SCORE_BLOCK / DG_MARKS];
    for (int64_t first = 0, end; first < n_items; first = end) {
        end = first + dg_score_block(first);
        if (end > n_items) end = n_items;
        const int32_t n = (int32_t)(end - first);
        r->kernels->mark(n, score + first, best.threshold, mark);
        dg_allowed_mask(allowed, first, n, mark);
        if (r->a->rule.norm == DG_TALLY_SUM) unmark_unlinked(r->a, score + first, n, mark);
        const dg_status st = dg_topk_push_marked(&best, score + first, mark, (int32_t)first, n,
                                                 allowed->skip, allowed->n_skip, err);
        if (st != DG_OK) return st;
    }
    list->n = dg_topk_finish(&best);
    return DG_OK;
}

static dg_status rank_by_weights(const dg_ranker *r, const dg_taste *t, const dg_allowed *allowed,
                                 int k, dg_list *list, dg_err *err)
{
    float *score;
    bool linked;
    dg_status st = dg_links_scores(r->a, t, &score, &linked, err);
    if (st != DG_OK) return st;
    if (linked)
        st = choose(r, score, allowed, k, list, err);
    else
        list->reason = "no_profile";
    dg_free(score);
    return st;
}

static void begin_list(dg_list *list, const char *reason)
{
    list->n = 0;
    list->source = DG_SOURCE_USER;
    list->reason = reason;
}

dg_status dg_ranker_top(const dg_ranker *r, const dg_taste *t, const dg_allowed *allowed, int k,
                        dg_list *list, dg_err *err)
{
    begin_list(list, NULL);
    if (r->factors == NULL) return rank_by_weights(r, t, allowed, k, list, err);
    if (t->factor == NULL) list->reason = "no_profile";
    if (t->factor == NULL) return DG_OK;
    dg_topk best = dg_topk_start(list->hit, k);
    const dg_status st = dg_by_factors_top(r->factors, 1, &t->factor, allowed, &best, err);
    if (st == DG_OK) list->n = dg_topk_finish(&best);
    return st;
}

/* The tastes that have factors, together. */
static dg_status many_by_factors(const dg_ranker *r, int n, const dg_taste *t,
                                 const dg_allowed *allowed, int k, dg_list *list, dg_err *err)
{
    const float **factor = dg_alloc((size_t)n, sizeof *factor);
    dg_allowed *some = dg_alloc((size_t)n, sizeof *some);
    dg_topk *best = dg_alloc((size_t)n, sizeof *best);
    const bool good = factor != NULL && some != NULL && best != NULL;
    dg_status st = good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d lists", n);
    int known = 0;
    for (int i = 0; good && i < n; i++) {
        begin_list(list + i, t[i].factor == NULL ? "no_profile" : NULL);
        if (t[i].factor == NULL) continue;
        factor[known] = t[i].factor;
        some[known] = allowed[i];
        best[known++] = dg_topk_start(list[i].hit, k);
    }
    if (st == DG_OK) st = dg_by_factors_top(r->factors, known, factor, some, best, err);
    known = 0;
    for (int i = 0; st == DG_OK && i < n; i++)
        if (t[i].factor != NULL) list[i].n = dg_topk_finish(&best[known++]);
    dg_free(factor);
    dg_free(some);
    dg_free(best);
    return st;
}

dg_status dg_ranker_top_many(const dg_ranker *r, int n, const dg_taste *t,
                             const dg_allowed *allowed, int k, dg_list *list, dg_err *err)
{
    if (r->factors != NULL && n > 1) return many_by_factors(r, n, t, allowed, k, list, err);
    dg_status st = DG_OK;
    for (int i = 0; i < n && st == DG_OK; i++)
        st = dg_ranker_top(r, t + i, allowed + i, k, list + i, err);
    return st;
}

dg_status dg_ranker_score(const dg_ranker *r, const dg_taste *t, const int32_t *item, int64_t n,
                          float *score, dg_err *err)
{
    const dg_artifact *a = r->a;
    float *all = NULL;
    bool linked;
    if (r->factors == NULL) {
        const dg_status st = dg_links_scores(a, t, &all, &linked, err);
        if (st != DG_OK) return st;
    }
    for (int64_t j = 0; j < n; j++)
        score[j] = all != NULL         ? all[item[j]]
                   : t->factor != NULL ? dg_by_factors_score(r->factors, t->factor, item[j])
                                       : (float)a->offset;
    dg_free(all);
    for (int64_t j = 0; j < n; j++)
        if (!isfinite(score[j]))
            return DG_FAIL(err, DG_ERR_NUMERIC, "the score of item %d is %g", (int)item[j],
                           (double)score[j]);
    return DG_OK;
}

dg_status dg_ranker_recommend(const dg_ranker *r, int64_t user, int k, bool exclude_seen,
                              dg_list *list, dg_err *err)
{
    const dg_allowed all = {0}, some = exclude_seen ? dg_allowed_unseen(r->a, user) : all;
    float room[DG_FACTORS_ROOM];
    const dg_taste taste = dg_taste_of(r->a, user, room);
    list->excludes_seen = exclude_seen;
    const dg_status st = dg_ranker_top(r, &taste, &some, k, list, err);
    if (st != DG_OK) return st;
    const char *silence = user < 0 ? "unknown_user" : "no_profile";
    if (list->n == 0)
        dg_ranker_popular(r, &some, k, list->reason != NULL ? silence : "none_ranked", list);
    if (list->n == 0) { /* all seen: a shop shows known goods rather than an empty shelf */
        dg_ranker_popular(r, &all, k, "all_seen", list);
        list->excludes_seen = false;
    }
    return DG_OK;
}

static dg_status similar_by_cosine(const dg_ranker *r, int32_t item, const dg_allowed *allowed,
                                   int k, dg_list *list, dg_err *err)
{
    dg_topk best = dg_topk_start(list->hit, k);
    const dg_status st = dg_by_factors_similar(r->factors, item, allowed, &best, err);
    list->n = st == DG_OK ? dg_topk_finish(&best) : 0;
    return st;
}

/* The item's own list; else what it speaks for most. */
static dg_status similar_by_weight(const dg_artifact *a, int32_t item, const dg_allowed *allowed,
                                   int k, dg_list *list, dg_err *err)
{
    const dg_links *links = a->similar_items.ptr != NULL ? &a->similar_items : &a->item_weights;
    list->n = 0;
    if (links->ptr == NULL) return DG_OK; /* a model of users' weights */
    return dg_links_best(links, item, item, allowed, k, list->hit, &list->n, err);
}

dg_status dg_ranker_similar(const dg_ranker *r, int32_t item, const dg_allowed *allowed, int k,
                            dg_list *list, dg_err *err)
{
    list->source = DG_SOURCE_ITEM;
    list->reason = NULL;
    list->excludes_seen = false;
    const dg_status st = r->factors != NULL ? similar_by_cosine(r, item, allowed, k, list, err)
                                            : similar_by_weight(r->a, item, allowed, k, list, err);
    if (st == DG_OK && list->n == 0) take_popular(r->a, allowed, item, k, "no_vector", list);
    return st;
}

dg_status dg_ranker_similar_users(const dg_ranker *r, int64_t user, int k, dg_list *list,
                                  dg_err *err)
{
    const dg_artifact *a = r->a;
    list->source = DG_SOURCE_USER;
    list->reason = NULL;
    list->excludes_seen = false;
    list->n = 0;
    const dg_allowed all = {0};
    if (a->user_weights.ptr != NULL)
        return dg_links_best(&a->user_weights, user, user, &all, k, list->hit, &list->n, err);
    if (r->factors == NULL) return DG_OK;
    dg_topk best = dg_topk_start(list->hit, k);
    const dg_status st = dg_by_factors_similar_users(a, user, &best, err);
    if (st == DG_OK) list->n = dg_topk_finish(&best);
    return st;
}
