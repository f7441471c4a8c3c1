/* Full ranking against a reference that scores everything and sorts everything: kernels with marks
 * and selection together, for scorers with and without a kernel of their own. */
#include "base/memory.h"
#include "base/rng.h"
#include "dense/panel.h"
#include "evaluate/rank.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dg_err err;

typedef struct dg_toy { /* a model of factors: user and item rows (n, d) */
    const dg_panel_kernels *kernels;
    int d, n; /* columns, users loaded */
    int64_t n_users, n_items;
    float *user, *item, *loaded, *start;
    dg_csr seen;
} dg_toy;

static dg_status load(void *self, const int64_t *user, int n, dg_err *e)
{
    dg_toy *t = self;
    const size_t d = (size_t)t->d;
    (void)e;
    t->n = n;
    for (int i = 0; i < n; i++)
        memcpy(t->loaded + (size_t)i * d, t->user + (size_t)user[i] * d, d * sizeof(float));
    return DG_OK;
}

static void score_marked(void *self, int64_t begin, int64_t end, const float *threshold, float *out,
                         uint16_t *mark)
{
    const dg_toy *t = self;
    const size_t d = (size_t)t->d;
    const dg_queries q = {t->n, t->d, d, t->loaded, t->start, NULL};
    t->kernels->scores(&q, (int)(end - begin), t->item + (size_t)begin * d, d, threshold, out,
                       mark);
}

static void score(void *self, int64_t begin, int64_t end, float *out)
{
    score_marked(self, begin, end, NULL, out, NULL);
}

static dg_toy make(const dg_panel_kernels *v, int64_t n_users, int64_t n_items, int d, dg_rng *rng)
{
    dg_toy t = {.kernels = v, .d = d, .n_users = n_users, .n_items = n_items};
    t.user = dg_alloc((size_t)n_users * (size_t)d, sizeof *t.user);
    t.item = dg_alloc((size_t)n_items * (size_t)d, sizeof *t.item);
    t.loaded = dg_alloc((size_t)DG_SCORER_TILE * (size_t)d, sizeof *t.loaded);
    t.start = dg_alloc(DG_SCORER_TILE, sizeof *t.start);
    for (int64_t k = 0; k < n_users * d; k++) t.user[k] = (float)dg_rng_normal(rng);
    for (int64_t k = 0; k < n_items * d; k++) t.item[k] = (float)dg_rng_normal(rng);
    return t;
}

static void drop(dg_toy *t)
{
    float *const all[] = {t->user, t->item, t->loaded, t->start};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    dg_csr_free(&t->seen);
}

/* User u has seen each item with chance u / (n_users - 1): the first nothing, the last all. */
static void see(dg_toy *t, dg_rng *rng)
{
    int64_t n = 0;
    ck_assert(dg_csr_create(0, t->n_users, t->n_users * t->n_items, &t->seen, &err) == DG_OK);
    for (int64_t u = 0; u < t->n_users; u++) {
        for (int64_t i = 0; i < t->n_items; i++)
            if ((int64_t)dg_rng_below(rng, (uint32_t)t->n_users - 1) < u)
                t->seen.index[n++] = (int32_t)i;
        t->seen.ptr[u + 1] = n;
    }
}

static int best_first(const void *x, const void *y)
{
    const dg_hit *a = x, *b = y;
    return dg_hit_before(*a, *b) ? -1 : dg_hit_before(*b, *a);
}

/* All that user u has not seen, sorted. */
static int reference(const dg_toy *t, int64_t u, bool exclude, dg_hit *out)
{
    int n = 0;
    for (int64_t i = 0; i < t->n_items; i++) {
        if (exclude && dg_row_has(dg_csr_row(&t->seen, u), (int32_t)i)) continue;
        out[n++] = (dg_hit){t->kernels->score_one(t->d, t->user + u * t->d, t->item + i * t->d, 0),
                            (int32_t)i};
    }
    qsort(out, (size_t)n, sizeof *out, best_first);
    return n;
}

static void score_row(void *self, int i, float *out)
{
    const dg_toy *t = self;
    for (int64_t k = 0; k < t->n_items; k++)
        out[k] = t->kernels->score_one(t->d, t->loaded + i * t->d, t->item + k * t->d, 0);
}

/* Ways to get scores: blocks of many users, those with marks, all items of one user. */
typedef enum dg_way { BLOCKS, MARKED, ROWS, WAYS } dg_way;

static dg_scorer scorer_of(dg_toy *t, dg_way way)
{
    return (dg_scorer){.self = t,
                       .n_items = t->n_items,
                       .load = load,
                       .score = score,
                       .score_marked = way == MARKED ? score_marked : NULL,
                       .score_row = way == ROWS ? score_row : NULL};
}

/* All users in tiles of `tile`, lists of k. */
static void check_way(dg_toy *t, int tile, int k, dg_way way, bool exclude)
{
    const dg_scorer s = scorer_of(t, way);
    const dg_csr *const seen[] = {&t->seen};
    dg_tile_ranker *r;
    dg_hit *want = dg_alloc((size_t)t->n_items, sizeof *want);
    ck_assert(dg_tile_ranker_create(&s, k, &r, &err) == DG_OK);
    for (int64_t u = 0; u < t->n_users; u += tile) {
        int64_t user[DG_SCORER_TILE];
        const int n = (int)(t->n_users - u < tile ? t->n_users - u : tile);
        for (int i = 0; i < n; i++) user[i] = u + i;
        ck_assert(dg_tile_ranker_rank(r, user, n, seen, exclude, &err) == DG_OK);
        for (int i = 0; i < n; i++) {
            int n_list;
            const dg_hit *list = dg_tile_ranker_list(r, i, &n_list);
            const int all = reference(t, user[i], exclude, want);
            ck_assert_int_eq(n_list, all < k ? all : k);
            for (int p = 0; p < n_list; p++)
                ck_assert(list[p].index == want[p].index && list[p].score == want[p].score);
        }
    }
    dg_tile_ranker_destroy(&r);
    dg_free(want);
}

static void check(dg_toy *t, int tile, int k, bool exclude)
{
    for (dg_way way = 0; way < WAYS; way++) check_way(t, tile, k, way, exclude);
}

START_TEST(lists_are_the_sorted_scores)
{
    const int columns[] = {1, 7, 64, 100, 513}, items[] = {1, 95, 500, 300, 130};
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++)
        for (int c = 0; c < 5; c++) {
            dg_rng rng = dg_rng_at(41, DG_RNG_TEST, (uint64_t)c);
            dg_toy t = make(*v, 66, items[c], columns[c], &rng);
            see(&t, &rng);
            check(&t, 64, 10, true);
            check(&t, 1, 10, true);
            check(&t, 7, 400, false); /* more than there are */
            check(&t, 64, 1, true);
            check(&t, 64, 0, true);
            drop(&t);
        }
}
END_TEST

START_TEST(many_blocks_are_ranked_as_one)
{
    dg_rng rng = dg_rng_at(43, DG_RNG_TEST, 0);
    dg_toy t = make(dg_panel(), 3, 7000, 5, &rng);
    see(&t, &rng);
    check(&t, 3, 100, true);
    check(&t, 1, 100, false);
    check(&t, 2, 100, true);
    drop(&t);
}
END_TEST

START_TEST(equal_scores_are_listed_by_item)
{
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++) {
        dg_rng rng = dg_rng_at(42, DG_RNG_TEST, 0);
        dg_toy t = make(*v, 9, 2500, 3, &rng);
        see(&t, &rng);
        for (int64_t k = 0; k < 2500 * 3; k++) t.item[k] = k / 3 < 1250 ? 1 : -0.0f;
        check(&t, 9, 20, true);
        check(&t, 9, 2000, false);
        check(&t, 1, 20, true);
        drop(&t);
    }
}
END_TEST

/* Rank user 0 of a tile of `n`, item `bad` having this value in a column. */
static dg_status rank_spoiled(dg_toy *t, int n, int64_t bad, float value, dg_way way, bool exclude)
{
    const dg_scorer s = scorer_of(t, way);
    const dg_csr *const seen[] = {&t->seen};
    const int64_t user[2] = {0, 1};
    const float before = t->item[bad * t->d];
    dg_tile_ranker *r;
    ck_assert(dg_tile_ranker_create(&s, 5, &r, &err) == DG_OK);
    t->item[bad * t->d] = value;
    const dg_status st = dg_tile_ranker_rank(r, user, n, seen, exclude, &err);
    t->item[bad * t->d] = before;
    dg_tile_ranker_destroy(&r);
    return st;
}

START_TEST(what_is_not_finite_is_an_error_unless_it_was_seen)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (const dg_panel_kernels *const *v = dg_panel_variants(); *v != NULL; v++)
        for (int b = 0; b < 3; b++)
            for (int64_t i = 0; i < 2400; i += 487) {
                dg_rng rng = dg_rng_at(44, DG_RNG_TEST, 0);
                dg_toy t = make(*v, 2, 2400, 2, &rng);
                ck_assert(dg_csr_create(0, 2, 2, &t.seen, &err) == DG_OK);
                t.seen.index[0] = t.seen.index[1] = (int32_t)i;
                t.seen.ptr[1] = 1, t.seen.ptr[2] = 2;
                for (int form = 0; form < 2 * WAYS; form++) {
                    const int n = 1 + form % 2;
                    char text[64];
                    ck_assert(rank_spoiled(&t, n, i, bad[b], (dg_way)(form / 2), false) ==
                              DG_ERR_NUMERIC);
                    snprintf(text, sizeof text, "user row 0: the score of item %d is", (int)i);
                    ck_assert(strncmp(err.text, text, strlen(text)) == 0);
                    ck_assert(rank_spoiled(&t, n, i, bad[b], (dg_way)(form / 2), true) == DG_OK);
                }
                drop(&t);
            }
}
END_TEST

UNIT_MAIN("rank", lists_are_the_sorted_scores, many_blocks_are_ranked_as_one,
          equal_scores_are_listed_by_item, what_is_not_finite_is_an_error_unless_it_was_seen)
