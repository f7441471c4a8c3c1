#include "serve/ranker.h"

#include "base/memory.h"
#include "serve/scan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { BLOCK = 256 }; /* items scored at a time: their scores stay in the first cache */

struct dg_ranker {
    const dg_artifact *a;
    float *inverse_norm; /* (n_items,) over the taste columns; 0 for a zero vector */
};

dg_status dg_ranker_create(const dg_artifact *a, dg_ranker **out, dg_err *err)
{
    *out = NULL;
    dg_ranker *r = dg_alloc(1, sizeof *r);
    if (r == NULL || (r->inverse_norm = dg_alloc((size_t)a->n_items, sizeof(float))) == NULL) {
        dg_ranker_destroy(&r);
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for item norms", a->path);
    }
    r->a = a;
    for (int64_t i = 0; i < a->n_items; i++) {
        const float *row = a->item_factor + i * a->n_cols;
        double squares = 0;
        float spoiled = 0; /* x * 0 is 0 for finite x only */
        for (int32_t c = 0; c < a->similar_cols; c++) squares += (double)row[c] * row[c];
        for (int32_t c = 0; c < a->n_cols; c++) spoiled += row[c] * 0.0f;
        if (spoiled != 0.0f) {
            dg_ranker_destroy(&r);
            return DG_FAIL(err, DG_ERR_DATA,
                           "%s: factors/item: row %" PRId64 " holds a number that is not finite",
                           a->path, i);
        }
        r->inverse_norm[i] = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
    }
    *out = r;
    return DG_OK;
}

void dg_ranker_destroy(dg_ranker **r)
{
    if (*r == NULL) return;
    dg_free((*r)->inverse_norm);
    dg_free(*r);
    *r = NULL;
}

/* What a user has seen; n == 0 for nobody. */
typedef struct items {
    const int32_t *at; /* (n,) ascending */
    int64_t n;
} items;

static items seen_by(const dg_artifact *a, int64_t user)
{
    if (user < 0) return (items){NULL, 0};
    const int64_t begin = a->history_ptr[user];
    return (items){a->history_item + begin, a->history_ptr[user + 1] - begin};
}

static int compare_items(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Popular goods without `skip`; cannot fail, and is empty only when all goods are in skip. */
static void take_popular(const dg_artifact *a, items skip, int k, const char *reason, dg_list *list)
{
    list->source = DG_SOURCE_POPULAR;
    list->reason = reason;
    list->n = 0;
    for (int64_t p = 0; p < a->n_items && list->n < k; p++) {
        const int32_t item = a->popular[p];
        if (skip.n > 0 && bsearch(&item, skip.at, (size_t)skip.n, sizeof item, compare_items))
            continue;
        list->hit[list->n++] = (dg_hit){0, item};
    }
}

/* Has the model learned a taste for this user? Without taste columns any value counts. */
static bool has_profile(const dg_artifact *a, int64_t user)
{
    const float *row = a->user_factor + user * a->n_cols;
    const int32_t n = a->similar_cols > 0 ? a->similar_cols : a->n_cols;
    for (int32_t c = 0; c < n; c++)
        if (row[c] != 0) return true;
    return false;
}

static dg_status rank_for_user(const dg_artifact *a, int64_t user, items skip, int k, dg_list *list,
                               dg_err *err)
{
    const float *query = a->user_factor + user * a->n_cols;
    const float offset = (float)a->offset;
    dg_topk best = dg_topk_start(list->hit, k);
    float score[BLOCK];
    for (int64_t first = 0; first < a->n_items; first += BLOCK) {
        const int32_t n = (int32_t)(a->n_items - first < BLOCK ? a->n_items - first : BLOCK);
        dg_scan(query, a->item_factor + first * a->n_cols, (size_t)a->n_cols, a->n_cols, n, score);
        for (int32_t j = 0; j < n; j++) score[j] += offset;
        while (skip.n > 0 && skip.at[0] < first) skip.at++, skip.n--;
        const dg_status st = dg_topk_push(&best, score, (int32_t)first, n, skip.at, skip.n, err);
        if (st != DG_OK) return st;
    }
    list->n = dg_topk_finish(&best);
    return DG_OK;
}

dg_status dg_ranker_recommend(const dg_ranker *r, int64_t user, int k, bool exclude_seen,
                              dg_list *list, dg_err *err)
{
    const items nothing = {NULL, 0}, skip = exclude_seen ? seen_by(r->a, user) : nothing;
    const bool known = user >= 0;
    list->source = DG_SOURCE_USER;
    list->reason = NULL;
    list->excludes_seen = exclude_seen;
    if (known && has_profile(r->a, user)) {
        const dg_status st = rank_for_user(r->a, user, skip, k, list, err);
        if (st != DG_OK) return st;
    } else {
        take_popular(r->a, skip, k, known ? "no_profile" : "unknown_user", list);
    }
    if (list->n == 0) { /* all seen: a shop shows known goods rather than an empty shelf */
        take_popular(r->a, nothing, k, "all_seen", list);
        list->excludes_seen = false;
    }
    return DG_OK;
}

dg_status dg_ranker_similar(const dg_ranker *r, int32_t item, int k, dg_list *list, dg_err *err)
{
    static const float no_neighbour = -2; /* below every cosine, so such goods end up last */
    const dg_artifact *a = r->a;
    const float *query = a->item_factor + (int64_t)item * a->n_cols;
    const float own = r->inverse_norm[item];
    dg_topk best = dg_topk_start(list->hit, own > 0 ? k : 0);
    float cosine[BLOCK];
    for (int64_t first = 0; own > 0 && first < a->n_items; first += BLOCK) {
        const int32_t n = (int32_t)(a->n_items - first < BLOCK ? a->n_items - first : BLOCK);
        dg_scan(query, a->item_factor + first * a->n_cols, (size_t)a->n_cols, a->similar_cols, n,
                cosine);
        for (int32_t j = 0; j < n; j++) {
            const float other = r->inverse_norm[first + j];
            cosine[j] = other > 0 ? cosine[j] * own * other : no_neighbour;
        }
        const dg_status st = dg_topk_push(&best, cosine, (int32_t)first, n, &item, 1, err);
        if (st != DG_OK) return st;
    }
    list->source = DG_SOURCE_ITEM;
    list->reason = NULL;
    list->excludes_seen = false;
    list->n = dg_topk_finish(&best);
    while (list->n > 0 && list->hit[list->n - 1].score == no_neighbour) list->n--;
    if (list->n == 0) take_popular(a, (items){&item, 1}, k, "no_vector", list);
    return DG_OK;
}
