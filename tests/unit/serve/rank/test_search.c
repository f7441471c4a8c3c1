/* The search against a pass over all factors: the same lists, to the bit, whatever the factors. */
#include "base/memory.h"
#include "base/rng.h"
#include "serve/rank/by_factors.h"
#include "serve/rank/search.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ITEMS = 2500, MOST_COLS = 520, USERS = 6 };

static float item[MOST_ITEMS * MOST_COLS], user[USERS * MOST_COLS];
static dg_artifact a;
static dg_by_factors *b;
static dg_err err;

/* Kinds of goods that are hard on bounds or on ties. */
typedef enum kind {
    GAUSS,    /* norms nearly equal: nothing ends early */
    SKEWED,   /* norms over many orders of magnitude */
    TIES,     /* few different rows, so equal scores abound */
    EQUAL,    /* one row, all scores equal */
    SPIKES,   /* one large number in a row: the others round to nothing */
    ZEROS,    /* every third row is 0 */
    OPPOSITE, /* scores are differences of large numbers */
    MINUTE,   /* numbers near the smallest that floats hold */
    LARGE,    /* norms of 1e17: scores of 1e34 */
    LOST,     /* of a taste all but the first column rounds to 0, and of goods that one is 0 */
    DRIFT,    /* equal but for what sums round on their way up and down again */
    KINDS
} kind;

static float drift(int i, int c) { return c == 0 ? 127 : (float)(i * 7919 * (c + 1) % 120); }

static float number(dg_rng *rng, kind k, int i, int c)
{
    const float x = (float)dg_rng_normal(rng);
    switch (k) {
    case SKEWED: return x * powf(10, (float)(i % 12) - 6);
    case TIES: return (float)((i % 7 + c) % 5) - 2;
    case EQUAL: return 0.3f;
    case SPIKES: return c == i % 5 ? 1000 * x : 0.01f * x;
    case ZEROS: return i % 3 == 0 ? 0 : x;
    case OPPOSITE: return c % 2 == 0 ? 1000 + 0.001f * x : -1000 + 0.001f * x;
    case MINUTE: return x * 1e-39f;
    case LARGE: return x * 1e17f;
    case LOST: return c == 0 ? 0 : c == 1 ? 127 : (float)dg_rng_below(rng, 255) - 127;
    case DRIFT: return c < 32 ? drift(i, c) : c < 64 ? -drift(i, c - 32) : 0;
    default: return x;
    }
}

static float wish(dg_rng *rng, kind k, int u, int c)
{
    if (k == LOST) return c == 0 ? 1000 : c == 1 ? 0 : (float)dg_rng_normal(rng);
    if (k == DRIFT) return (float)(1 + u) / 3;
    return number(rng, k, u, c);
}

static void make(kind k, int n_items, int n_cols, uint64_t seed)
{
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, (uint64_t)k);
    for (int i = 0; i < n_items; i++)
        for (int c = 0; c < n_cols; c++) item[i * n_cols + c] = number(&rng, k, i, c);
    for (int u = 0; u < USERS; u++)
        for (int c = 0; c < n_cols; c++) user[u * n_cols + c] = wish(&rng, k, u, c);
    for (int c = 0; c < n_cols; c++) user[c] = c == n_cols - 1 ? 1 : 0; /* a taste of one column */
    a = (dg_artifact){.path = "made",
                      .n_items = n_items,
                      .n_users = USERS,
                      .n_cols = n_cols,
                      .similar_cols = n_cols,
                      .offset = k == OPPOSITE ? -3
                                : k == DRIFT  ? 0.3
                                              : 0.25,
                      .item_factor = {.n_cols = n_cols, .at = item},
                      .user_factor = {.n_cols = n_cols, .at = user}};
    ck_assert_msg(dg_by_factors_create(&a, &b, &err) == DG_OK, "%s", err.text);
}

static void done(void)
{
    dg_by_factors_destroy(&b);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

static uint64_t bits[MOST_ITEMS / 64 + 1];
static int32_t skip[MOST_ITEMS];

/* 0 all; 1 half by bits; 2 few by bits; 3 some skipped; 4 bits and skipped; 5 none. */
static dg_allowed some(int which, dg_rng *rng)
{
    dg_allowed out = {0};
    int64_t n = 0;
    memset(bits, 0, sizeof bits);
    for (int32_t i = 0; i < a.n_items; i++) {
        const uint32_t one_in = which == 2 ? 60 : 2;
        if (which != 5 && dg_rng_below(rng, one_in) == 0) bits[i / 64] |= UINT64_C(1) << i % 64;
        if (dg_rng_below(rng, 4) == 0) skip[n++] = i;
    }
    if (which == 1 || which == 2 || which >= 4) out.bits = bits;
    if (which == 3 || which == 4) out.skip = skip, out.n_skip = n;
    return out;
}

static dg_hit want[MOST_ITEMS], got[64][MOST_ITEMS];

static int pass(const float *taste, const dg_allowed *allowed, int k)
{
    dg_topk best = dg_topk_start(want, k);
    ck_assert_msg(dg_by_factors_pass(b, taste, allowed, &best, &err) == DG_OK, "%s", err.text);
    return dg_topk_finish(&best);
}

static void same(kind kind_of, int k, const dg_hit *list, int n, int n_want)
{
    ck_assert_msg(n == n_want, "kind %d, k %d: %d hits instead of %d", (int)kind_of, k, n, n_want);
    for (int p = 0; p < n; p++)
        ck_assert_msg(memcmp(list + p, want + p, sizeof *want) == 0,
                      "kind %d, k %d: place %d is item %d, %.9g instead of %d, %.9g", (int)kind_of,
                      k, p, list[p].index, (double)list[p].score, want[p].index,
                      (double)want[p].score);
}

static void compare(kind k, uint64_t seed)
{
    static const int ks[] = {1, 10, 33, 400};
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, 99);
    for (int u = 0; u < USERS; u++)
        for (size_t j = 0; j < sizeof ks / sizeof *ks; j++) {
            const dg_allowed allowed = some((int)dg_rng_below(&rng, 6), &rng);
            const float *taste = user + u * a.n_cols;
            dg_topk best = dg_topk_start(got[0], ks[j]);
            const int n = pass(taste, &allowed, ks[j]);
            ck_assert_int_eq(dg_by_factors_top(b, 1, &taste, &allowed, &best, &err), DG_OK);
            same(k, ks[j], got[0], dg_topk_finish(&best), n);
        }
}

START_TEST(lists_are_those_of_a_pass_over_all_factors)
{
    static const int sizes[][2] = {{1, 3}, {15, 8}, {16, 64}, {17, 9}, {700, 64}, {1500, 33}};
    for (kind k = 0; k < KINDS; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            make(k, sizes[s][0], sizes[s][1], s);
            compare(k, s);
            done();
        }
    make(GAUSS, 200, MOST_COLS, 7); /* fewer rows at a time */
    compare(GAUSS, 7);
    done();
}
END_TEST

static void compare_near(kind k, uint64_t seed)
{
    static const int ks[] = {1, 10, 33, 400};
    dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, 98);
    for (int u = 0; u < 6; u++)
        for (size_t j = 0; j < sizeof ks / sizeof *ks; j++) {
            const dg_allowed allowed = some((int)dg_rng_below(&rng, 6), &rng);
            const int32_t of = (int32_t)dg_rng_below(&rng, (uint32_t)a.n_items);
            dg_topk whole = dg_topk_start(want, ks[j]), best = dg_topk_start(got[0], ks[j]);
            ck_assert_int_eq(dg_by_factors_near_pass(b, of, &allowed, &whole, &err), DG_OK);
            ck_assert_int_eq(dg_by_factors_similar(b, of, &allowed, &best, &err), DG_OK);
            same(k, ks[j], got[0], dg_topk_finish(&best), dg_topk_finish(&whole));
            for (int p = 0; p < best.n; p++) ck_assert_int_ne(got[0][p].index, of);
        }
}

START_TEST(the_closest_goods_are_those_of_a_pass_over_all_factors)
{
    static const int sizes[][2] = {{1, 3}, {16, 64}, {17, 9}, {700, 64}, {1500, 33}};
    for (kind k = 0; k < KINDS; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int other = 0; other <= 2; other++) { /* columns that are no taste */
                make(k, sizes[s][0], sizes[s][1], s);
                dg_by_factors_destroy(&b);
                a.similar_cols = a.n_cols - other;
                ck_assert_int_eq(dg_by_factors_create(&a, &b, &err), DG_OK);
                compare_near(k, s);
                done();
            }
}
END_TEST

START_TEST(many_tastes_at_once_get_the_lists_they_get_alone)
{
    static dg_topk best[64];
    const float *taste[64];
    static dg_allowed allowed[64];
    dg_rng rng = dg_rng_at(5, DG_RNG_TEST, 0);
    for (kind k = 0; k < KINDS; k++) {
        make(k, 1500, 40, 11);
        const dg_allowed half = some(4, &rng);
        for (int i = 0; i < 64; i++) {
            taste[i] = user + i % USERS * a.n_cols;
            allowed[i] = i % 3 == 0 ? half : (dg_allowed){0};
            best[i] = dg_topk_start(got[i], 1 + i);
        }
        ck_assert_int_eq(dg_by_factors_top(b, 64, taste, allowed, best, &err), DG_OK);
        for (int i = 0; i < 64; i++) {
            const int n = pass(taste[i], allowed + i, 1 + i);
            same(k, 1 + i, got[i], dg_topk_finish(best + i), n);
        }
        done();
    }
}
END_TEST

START_TEST(every_instruction_set_finds_the_same)
{
    static const char *const names[] = {"portable", "avx2", "avx512"};
    static dg_hit first[10];
    for (int v = 0; v < 3; v++) {
        setenv("DAOGOU_KERNELS", names[v], 1);
        make(SKEWED, 1500, 64, 13);
        const float *taste = user + 3 * 64;
        const dg_allowed all = {0};
        dg_topk best = dg_topk_start(got[0], 10);
        const int n = pass(taste, &all, 10);
        ck_assert_int_eq(dg_by_factors_top(b, 1, &taste, &all, &best, &err), DG_OK);
        same(SKEWED, 10, got[0], dg_topk_finish(&best), n);
        for (int p = 0; p < 10; p++) {
            if (v == 0) first[p] = got[0][p];
            ck_assert_int_eq(first[p].index, got[0][p].index);
        }
        done();
    }
    unsetenv("DAOGOU_KERNELS");
}
END_TEST

START_TEST(what_is_not_finite_is_an_error_that_names_the_good)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    const dg_allowed all = {0};
    for (int k = 0; k < 4; k++) {
        make(GAUSS, 300, 12, 17);
        item[280 * 12 + 5] = 3e38f; /* finite itself, but not times 3e38 */
        dg_by_factors_destroy(&b);
        ck_assert_int_eq(dg_by_factors_create(&a, &b, &err), DG_OK);
        user[2 * 12 + 5] = bad[k];
        const float *taste = user + 2 * 12;
        dg_topk best = dg_topk_start(got[0], 5);
        ck_assert_int_eq(dg_by_factors_top(b, 1, &taste, &all, &best, &err), DG_ERR_NUMERIC);
        ck_assert_ptr_nonnull(strstr(err.text, "the score of item"));
        const float *two[] = {user + 3 * 12, taste};
        const dg_allowed both[2] = {{0}, {0}};
        dg_topk bests[] = {dg_topk_start(got[0], 5), dg_topk_start(got[1], 5)};
        ck_assert_int_eq(dg_by_factors_top(b, 2, two, both, bests, &err), DG_ERR_NUMERIC);
        done();
    }
}
END_TEST

/* The search is only of use if it leaves most goods alone: here by far the most, counted. */
START_TEST(most_goods_are_left_alone_where_norms_differ)
{
    make(SKEWED, 2500, 64, 19);
    dg_scan scan;
    ck_assert_int_eq(dg_scan_make(&a.item_factor, a.n_items, &scan, &err), DG_OK);
    const dg_search_in in = {&scan, scan.scale, &a.item_factor, dg_panel(), dg_nibbles(),
                             0.25f, NULL};
    const dg_allowed all = {0};
    int looked_at = 0;
    for (int u = 1; u < USERS; u++) {
        dg_search s;
        dg_topk best = dg_topk_start(got[0], 10);
        ck_assert(dg_search_start(&in, user + u * 64, &all, NULL, &best, &s));
        for (int64_t g = 0; g < dg_scan_groups(2500) && !s.over; g++, looked_at++)
            dg_search_groups(&in, &s, g, g + 1);
        dg_search_end(&in, &s);
        const int n = pass(user + u * 64, &all, 10);
        same(SKEWED, 10, got[0], dg_topk_finish(&best), n);
    }
    ck_assert_int_lt(looked_at, (int)dg_scan_groups(2500) * (USERS - 1) / 4);
    dg_scan_free(&scan);
    done();
}
END_TEST

UNIT_MAIN("search", lists_are_those_of_a_pass_over_all_factors,
          the_closest_goods_are_those_of_a_pass_over_all_factors,
          many_tastes_at_once_get_the_lists_they_get_alone, every_instruction_set_finds_the_same,
          what_is_not_finite_is_an_error_that_names_the_good,
          most_goods_are_left_alone_where_norms_differ)
