#include "evaluate/rank.h"

#include "base/memory.h"
#include "dense/panel.h"
#include "evaluate/auc.h"

#include <stdio.h>

struct dg_tile_ranker {
    const dg_scorer *scorer;
    const dg_panel_kernels *kernels;
    int k;
    dg_hit *room;                 /* (DG_SCORER_TILE, k) */
    dg_topk best[DG_SCORER_TILE]; /* of each user of the tile, in its row of room */
    float *score;                 /* (DG_SCORER_TILE, DG_SCORE_BLOCK), or (n_items,) of a row */
    uint16_t *mark;               /* (DG_SCORER_TILE, words of a block) scores that may enter */
    int32_t *skip;                /* items not to list, ascending, one user after another */
    size_t n_skip, skip_capacity;
    size_t first[DG_SCORER_TILE]; /* of each user, its part of skip */
    size_t begin[DG_SCORER_TILE]; /* what is left of it from the block on */
    size_t end[DG_SCORER_TILE];
    const dg_csr *watched; /* targets; NULL: nobody asks for auc */
    dg_auc auc;
};

dg_status dg_tile_ranker_create(const dg_scorer *scorer, int k, dg_tile_ranker **out, dg_err *err)
{
    dg_tile_ranker *r = *out = dg_alloc(1, sizeof *r);
    if (r == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for ranking");
    r->scorer = scorer;
    r->kernels = dg_panel();
    r->k = k < scorer->n_items ? k : (int)scorer->n_items;
    r->room = dg_alloc((size_t)DG_SCORER_TILE * (size_t)r->k, sizeof *r->room);
    const size_t scores = scorer->score_row != NULL ? (size_t)scorer->n_items
                                                    : (size_t)DG_SCORER_TILE * DG_SCORE_BLOCK;
    r->score = dg_alloc(scores, sizeof *r->score);
    r->mark = dg_alloc(DG_SCORER_TILE * dg_mark_words(DG_SCORE_BLOCK), sizeof *r->mark);
    if (r->room != NULL && r->score != NULL && r->mark != NULL) return DG_OK;
    dg_tile_ranker_destroy(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for lists of %d items", k);
}

void dg_tile_ranker_destroy(dg_tile_ranker **r)
{
    if (*r == NULL) return;
    dg_free((*r)->room);
    dg_free((*r)->score);
    dg_free((*r)->mark);
    dg_free((*r)->skip);
    dg_auc_free(&(*r)->auc);
    dg_free(*r);
    *r = NULL;
}

/* Append the union of a user's rows, ascending: always the smallest item not yet taken. */
static dg_status add_seen(dg_tile_ranker *r, int64_t user, const dg_csr *const *seen, int n_seen,
                          dg_err *err)
{
    dg_row row[DG_TILE_SEEN];
    int64_t total = 0;
    for (int p = 0; p < n_seen; p++) total += (row[p] = dg_csr_row(seen[p], user)).n;
    int32_t *grown =
        dg_grow(r->skip, r->n_skip, r->n_skip + (size_t)total, &r->skip_capacity, sizeof *grown);
    if (grown == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "user row %lld: out of memory for %lld seen items",
                       (long long)user, (long long)total);
    r->skip = grown;
    for (;;) {
        int32_t next = INT32_MAX;
        for (int p = 0; p < n_seen; p++)
            if (row[p].n > 0 && row[p].index[0] < next) next = row[p].index[0];
        if (next == INT32_MAX) return DG_OK;
        r->skip[r->n_skip++] = next;
        for (int p = 0; p < n_seen; p++)
            if (row[p].n > 0 && row[p].index[0] == next) row[p].index++, row[p].n--;
    }
}

static dg_status start_tile(dg_tile_ranker *r, const int64_t *user, int n,
                            const dg_csr *const *seen, int n_seen, dg_err *err)
{
    r->n_skip = 0;
    for (int i = 0; i < n; i++) {
        r->best[i] = dg_topk_start(r->room + (size_t)i * (size_t)r->k, r->k);
        r->first[i] = r->begin[i] = r->n_skip;
        const dg_status st = add_seen(r, user[i], seen, n_seen, err);
        if (st != DG_OK) return st;
        r->end[i] = r->n_skip;
    }
    dg_status st = r->scorer->load(r->scorer->self, user, n, err);
    for (int i = 0; r->watched != NULL && st == DG_OK && i < n; i++)
        st = dg_auc_start(&r->auc, r->scorer, i, dg_csr_row(r->watched, user[i]),
                          r->skip + r->first[i], (int64_t)(r->end[i] - r->first[i]), err);
    return st;
}

static dg_status name_user(int64_t user, dg_status st, dg_err *err)
{
    char text[sizeof err->text];
    snprintf(text, sizeof text, "%s", err->text);
    return DG_FAIL(err, st, "user row %lld: %s", (long long)user, text);
}

/* Score one block of items and mark what may enter a user's list. */
static void score_block(dg_tile_ranker *r, int n, int64_t begin, int64_t end)
{
    const dg_scorer *s = r->scorer;
    const size_t length = (size_t)(end - begin);
    float threshold[DG_SCORER_TILE];
    for (int i = 0; i < n; i++) threshold[i] = r->best[i].threshold;
    if (s->score_marked != NULL) {
        s->score_marked(s->self, begin, end, threshold, r->score, r->mark);
        return;
    }
    s->score(s->self, begin, end, r->score);
    for (int i = 0; i < n; i++)
        r->kernels->mark((int)length, r->score + (size_t)i * length, threshold[i],
                         r->mark + (size_t)i * dg_mark_words(length));
}

/* Offer a block of items, scored and marked, to user number i of the tile. */
static dg_status offer(dg_tile_ranker *r, int64_t user, int i, const float *score,
                       const uint16_t *mark, int64_t begin, int64_t end, dg_err *err)
{
    const dg_status st =
        dg_topk_push_marked(&r->best[i], score, mark, (int32_t)begin, (int32_t)(end - begin),
                            r->skip + r->begin[i], (int64_t)(r->end[i] - r->begin[i]), err);
    if (st != DG_OK) return name_user(user, st, err);
    while (r->begin[i] < r->end[i] && r->skip[r->begin[i]] < end) r->begin[i]++;
    if (r->watched != NULL) dg_auc_block(&r->auc, i, score, begin, end);
    return DG_OK;
}

static int64_t block_end(const dg_tile_ranker *r, int64_t begin)
{
    const int64_t end = begin + dg_score_block(begin);
    return end < r->scorer->n_items ? end : r->scorer->n_items;
}

/* Block after block of items, all users of the tile at a time. */
static dg_status rank_blocks(dg_tile_ranker *r, const int64_t *user, int n, dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t begin = 0, end; st == DG_OK && begin < r->scorer->n_items; begin = end) {
        end = block_end(r, begin);
        const size_t length = (size_t)(end - begin);
        score_block(r, n, begin, end);
        for (int i = 0; i < n && st == DG_OK; i++)
            st = offer(r, user[i], i, r->score + (size_t)i * length,
                       r->mark + (size_t)i * dg_mark_words(length), begin, end, err);
    }
    return st;
}

/* User after user, all items at a time; marked in blocks, so that thresholds rise meanwhile. */
static dg_status rank_rows(dg_tile_ranker *r, const int64_t *user, int n, dg_err *err)
{
    dg_status st = DG_OK;
    for (int i = 0; i < n && st == DG_OK; i++) {
        r->scorer->score_row(r->scorer->self, i, r->score);
        for (int64_t begin = 0, end; st == DG_OK && begin < r->scorer->n_items; begin = end) {
            end = block_end(r, begin);
            const float *score = r->score + begin;
            r->kernels->mark((int)(end - begin), score, r->best[i].threshold, r->mark);
            st = offer(r, user[i], i, score, r->mark, begin, end, err);
        }
    }
    return st;
}

dg_status dg_tile_ranker_rank(dg_tile_ranker *r, const int64_t *user, int n,
                              const dg_csr *const *seen, int n_seen, dg_err *err)
{
    dg_status st = start_tile(r, user, n, seen, n_seen, err);
    if (st == DG_OK)
        st = r->scorer->score_row != NULL ? rank_rows(r, user, n, err)
                                          : rank_blocks(r, user, n, err);
    for (int i = 0; st == DG_OK && i < n; i++) dg_topk_finish(&r->best[i]);
    return st;
}

const dg_hit *dg_tile_ranker_list(const dg_tile_ranker *r, int i, int *n)
{
    *n = r->best[i].n;
    return r->best[i].hit;
}

void dg_tile_ranker_watch(dg_tile_ranker *r, const dg_csr *targets) { r->watched = targets; }

bool dg_tile_ranker_auc(const dg_tile_ranker *r, int i, double *out)
{
    return dg_auc_value(&r->auc, i, out);
}

const int32_t *dg_tile_ranker_seen(const dg_tile_ranker *r, int i, int64_t *n)
{
    *n = (int64_t)(r->end[i] - r->first[i]);
    return r->skip + r->first[i];
}
