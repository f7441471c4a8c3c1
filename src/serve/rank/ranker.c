#include "serve/rank/ranker.h"

#include "base/memory.h"
#include "dense/panel.h"
#include "serve/rank/links.h"

#include <inttypes.h>
#include <math.h>

struct dg_ranker {
    const dg_artifact *a;
    const dg_panel_kernels *kernels;
    float *inverse_norm; /* (n_items,) over the taste columns; 0 for a zero vector */
};

static bool has_factors(const dg_artifact *a) { return a->n_cols > 0; }

static const float *item_rows(const dg_artifact *a) { return a->item_factor.at; }

static dg_status measure_items(dg_ranker *r, dg_err *err)
{
    const dg_artifact *a = r->a;
    for (int64_t i = 0; i < a->n_items; i++) {
        const float *row = item_rows(a) + i * a->n_cols;
        double squares = 0;
        float spoiled = 0; /* x * 0 is 0 for finite x only */
        for (int32_t c = 0; c < a->similar_cols; c++) squares += (double)row[c] * row[c];
        for (int32_t c = 0; c < a->n_cols; c++) spoiled += row[c] * 0.0f;
        if (spoiled != 0.0f)
            return DG_FAIL(err, DG_ERR_DATA,
                           "%s: factors/item: row %" PRId64 " holds a number that is not finite",
                           a->path, i);
        r->inverse_norm[i] = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
    }
    return DG_OK;
}

dg_status dg_ranker_create(const dg_artifact *a, dg_ranker **out, dg_err *err)
{
    const size_t n_norms = has_factors(a) ? (size_t)a->n_items : 0;
    dg_ranker *r = *out = dg_alloc(1, sizeof *r);
    if (r == NULL || (r->inverse_norm = dg_alloc(n_norms, sizeof(float))) == NULL) {
        dg_ranker_destroy(out);
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for item norms", a->path);
    }
    r->a = a;
    r->kernels = dg_panel();
    const dg_status st = has_factors(a) ? measure_items(r, err) : DG_OK;
    if (st != DG_OK) dg_ranker_destroy(out);
    return st;
}

void dg_ranker_destroy(dg_ranker **r)
{
    if (*r == NULL) return;
    dg_free((*r)->inverse_norm);
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

/* Goods in the block that begins at `first`. */
static int32_t block_at(const dg_artifact *a, int64_t first)
{
    const int64_t n = dg_score_block(first), left = a->n_items - first;
    return (int32_t)(n < left ? n : left);
}

static dg_status rank_by_factors(const dg_ranker *r, const float *taste, const dg_allowed *allowed,
                                 int k, dg_list *list, dg_err *err)
{
    const dg_artifact *a = r->a;
    const size_t width = (size_t)a->n_cols;
    const float offset = (float)a->offset;
    const dg_queries q = {1, a->n_cols, width, taste, &offset, NULL};
    dg_allowed left = *allowed; /* skip from here on */
    dg_topk best = dg_topk_start(list->hit, k);
    float score[DG_SCORE_BLOCK];
    uint16_t mark[DG_SCORE_BLOCK / DG_MARKS];
    for (int64_t first = 0; first < a->n_items; first += block_at(a, first)) {
        const int32_t n = block_at(a, first);
        r->kernels->scores(&q, n, item_rows(a) + first * a->n_cols, width, &best.threshold, score,
                           mark);
        dg_allowed_mask(allowed, first, n, mark);
        while (left.n_skip > 0 && left.skip[0] < first) left.skip++, left.n_skip--;
        const dg_status st =
            dg_topk_push_marked(&best, score, mark, (int32_t)first, n, left.skip, left.n_skip, err);
        if (st != DG_OK) return st;
    }
    list->n = dg_topk_finish(&best);
    return DG_OK;
}

/* Take the goods nothing was added for out of a list, keeping the order. */
static void drop_unlinked(const dg_artifact *a, dg_list *list)
{
    const float nothing = (float)a->offset;
    int kept = 0;
    for (int place = 0; place < list->n; place++)
        if (list->hit[place].score != nothing) list->hit[kept++] = list->hit[place];
    list->n = kept;
}

/* Offer scores of goods first … but for `self` and those that are not allowed. */
static dg_status offer_block(dg_topk *best, const dg_ranker *r, const float *score, int64_t first,
                             int32_t n, const dg_allowed *allowed, int32_t self, dg_err *err)
{
    uint16_t mark[DG_SCORE_BLOCK / DG_MARKS];
    r->kernels->mark(n, score, best->threshold, mark);
    if (self >= first && self < first + n)
        mark[(self - first) / 16] &= (uint16_t) ~(1u << (self - first) % 16);
    dg_allowed_mask(allowed, first, n, mark);
    return dg_topk_push_marked(best, score, mark, (int32_t)first, n, allowed->skip, allowed->n_skip,
                               err);
}

/* The best of scores that are all there. */
static dg_status choose(const dg_ranker *r, const float *score, const dg_allowed *allowed, int k,
                        dg_list *list, dg_err *err)
{
    dg_topk best = dg_topk_start(list->hit, k);
    for (int64_t first = 0; first < r->a->n_items; first += block_at(r->a, first)) {
        const dg_status st =
            offer_block(&best, r, score + first, first, block_at(r->a, first), allowed, -1, err);
        if (st != DG_OK) return st;
    }
    list->n = dg_topk_finish(&best);
    return DG_OK;
}

/* Where scores are plain sums, a good that nothing speaks for is not listed. */
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
    if (st == DG_OK && r->a->rule.norm == DG_TALLY_SUM) drop_unlinked(r->a, list);
    return st;
}

dg_status dg_ranker_top(const dg_ranker *r, const dg_taste *t, const dg_allowed *allowed, int k,
                        dg_list *list, dg_err *err)
{
    list->n = 0;
    list->source = DG_SOURCE_USER;
    list->reason = NULL;
    if (!has_factors(r->a)) return rank_by_weights(r, t, allowed, k, list, err);
    if (t->factor != NULL) return rank_by_factors(r, t->factor, allowed, k, list, err);
    list->reason = "no_profile";
    return DG_OK;
}

dg_status dg_ranker_score(const dg_ranker *r, const dg_taste *t, const int32_t *item, int64_t n,
                          float *score, dg_err *err)
{
    const dg_artifact *a = r->a;
    float *all = NULL;
    bool linked;
    if (!has_factors(a)) {
        const dg_status st = dg_links_scores(a, t, &all, &linked, err);
        if (st != DG_OK) return st;
    }
    for (int64_t j = 0; j < n; j++) {
        score[j] = (float)a->offset;
        if (all != NULL)
            score[j] = all[item[j]];
        else if (t->factor != NULL)
            score[j] =
                r->kernels->score_one(a->n_cols, t->factor,
                                      item_rows(a) + (int64_t)item[j] * a->n_cols, score[j]) +
                0.0f;
    }
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
    if (list->n == 0 && list->reason != NULL)
        dg_ranker_popular(r, &some, k, user < 0 ? "unknown_user" : "no_profile", list);
    if (list->n == 0) { /* all seen: a shop shows known goods rather than an empty shelf */
        dg_ranker_popular(r, &all, k, "all_seen", list);
        list->excludes_seen = false;
    }
    return DG_OK;
}

static dg_status similar_by_cosine(const dg_ranker *r, int32_t item, const dg_allowed *allowed,
                                   int k, dg_list *list, dg_err *err)
{
    static const float no_neighbour = -2; /* below every cosine, so such goods end up last */
    const dg_artifact *a = r->a;
    const size_t width = (size_t)a->n_cols;
    const float own = r->inverse_norm[item], nothing = 0;
    const dg_queries q = {
        1, a->similar_cols, width, item_rows(a) + (int64_t)item * a->n_cols, &nothing, NULL};
    dg_topk best = dg_topk_start(list->hit, own > 0 ? k : 0);
    float cosine[DG_SCORE_BLOCK];
    for (int64_t first = 0; own > 0 && first < a->n_items; first += block_at(a, first)) {
        const int32_t n = block_at(a, first);
        r->kernels->scores(&q, n, item_rows(a) + first * a->n_cols, width, NULL, cosine, NULL);
        for (int32_t j = 0; j < n; j++) {
            const float other = r->inverse_norm[first + j];
            cosine[j] = other > 0 ? cosine[j] * own * other : no_neighbour;
        }
        const dg_status st = offer_block(&best, r, cosine, first, n, allowed, item, err);
        if (st != DG_OK) return st;
    }
    list->n = dg_topk_finish(&best);
    while (list->n > 0 && list->hit[list->n - 1].score == no_neighbour) list->n--;
    return DG_OK;
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
    const dg_status st = has_factors(r->a) ? similar_by_cosine(r, item, allowed, k, list, err)
                                           : similar_by_weight(r->a, item, allowed, k, list, err);
    if (st == DG_OK && list->n == 0) take_popular(r->a, allowed, item, k, "no_vector", list);
    return st;
}

/* Cosine of two users' taste; below every cosine where one has none. */
static float user_cosine(const dg_artifact *a, const float *x, const float *y)
{
    double xy = 0, xx = 0, yy = 0;
    for (int32_t c = 0; c < a->similar_cols; c++) {
        xy += (double)x[c] * y[c];
        xx += (double)x[c] * x[c];
        yy += (double)y[c] * y[c];
    }
    return xx > 0 && yy > 0 ? (float)(xy / (sqrt(xx) * sqrt(yy))) : -2;
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
    if (!has_factors(a)) return DG_OK;
    float own_room[DG_FACTORS_ROOM], other_room[DG_FACTORS_ROOM];
    const float *own = dg_factors_row(&a->user_factor, user, own_room);
    dg_topk best = dg_topk_start(list->hit, k);
    for (int64_t u = 0; u < a->n_users; u++) {
        const float cosine = user_cosine(a, own, dg_factors_row(&a->user_factor, u, other_room));
        if (u == user || cosine < -1.5f) continue;
        const dg_status st = dg_topk_push(&best, &cosine, (int32_t)u, 1, NULL, 0, err);
        if (st != DG_OK) return st;
    }
    list->n = dg_topk_finish(&best);
    return DG_OK;
}
