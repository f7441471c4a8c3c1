#include "ranking/topk.h"

#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;

static bool in_list(const int32_t *skip, int64_t n_skip, int32_t index)
{
    for (int64_t s = 0; s < n_skip; s++)
        if (skip[s] == index) return true;
    return false;
}

/* Selection by scanning all scores once per place: slow and obvious. */
static int reference(const float *score, int32_t n, const int32_t *skip, int64_t n_skip, int k,
                     dg_hit *out)
{
    int found = 0;
    for (; found < k; found++) {
        int32_t best = -1;
        for (int32_t j = 0; j < n; j++) {
            bool taken = in_list(skip, n_skip, j);
            for (int f = 0; f < found; f++) taken |= out[f].index == j;
            if (!taken && (best < 0 || score[j] > score[best])) best = j;
        }
        if (best < 0) break;
        out[found] = (dg_hit){score[best], best};
    }
    return found;
}

static bool same(const dg_hit *a, const dg_hit *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i].index != b[i].index || a[i].score != b[i].score) return false;
    return true;
}

START_TEST(equal_scores_come_by_index)
{
    const float score[] = {1, 3, 2, 3, 2, 3};
    dg_hit room[4];
    dg_topk t = dg_topk_start(room, 4);
    ck_assert(dg_topk_push(&t, score, 0, 6, NULL, 0, &err) == DG_OK);
    ck_assert_int_eq(dg_topk_finish(&t), 4);
    ck_assert(same(room, (dg_hit[]){{3, 1}, {3, 3}, {3, 5}, {2, 2}}, 4));
}
END_TEST

START_TEST(order_of_blocks_does_not_matter)
{
    const float score[] = {0, -0.0f, 5, 0, 0, 5};
    dg_hit room[3];
    dg_topk t = dg_topk_start(room, 3);
    ck_assert(dg_topk_push(&t, score + 4, 4, 2, NULL, 0, &err) == DG_OK);
    ck_assert(dg_topk_push(&t, score + 2, 2, 2, NULL, 0, &err) == DG_OK);
    ck_assert(dg_topk_push(&t, score, 0, 2, NULL, 0, &err) == DG_OK);
    ck_assert_int_eq(dg_topk_finish(&t), 3);
    ck_assert(same(room, (dg_hit[]){{5, 2}, {5, 5}, {0, 0}}, 3));
}
END_TEST

START_TEST(fewer_candidates_than_places)
{
    const float score[] = {7, 8, 9};
    const int32_t skip[] = {-4, 1, 99};
    dg_hit room[5];
    dg_topk t = dg_topk_start(room, 5);
    ck_assert(dg_topk_push(&t, score, 0, 3, skip, 3, &err) == DG_OK);
    ck_assert_int_eq(dg_topk_finish(&t), 2);
    ck_assert(same(room, (dg_hit[]){{9, 2}, {7, 0}}, 2));
}
END_TEST

/* Push a block one way or the other, with a mark for each score that is not below `threshold`. */
static dg_status push(dg_topk *t, bool marked, float threshold, const float *score, int32_t first,
                      int32_t n, const int32_t *skip, int64_t n_skip)
{
    uint16_t mark[32] = {0};
    if (!marked) return dg_topk_push(t, score, first, n, skip, n_skip, &err);
    for (int32_t j = 0; j < n; j++)
        if (!(score[j] < threshold)) mark[j / 16] |= (uint16_t)(1 << j % 16);
    return dg_topk_push_marked(t, score, mark, first, n, skip, n_skip, &err);
}

START_TEST(random_blocks_equal_the_reference)
{
    dg_rng r = dg_rng_at(1, DG_RNG_TEST, 0);
    for (int round = 0; round < 300; round++) {
        float score[400];
        int32_t skip[400];
        int64_t n_skip = 0;
        dg_hit room[40], expect[40];
        const int32_t n = (int32_t)dg_rng_below(&r, 401);
        const int k = (int)dg_rng_below(&r, 41);
        const uint32_t levels = 1 + dg_rng_below(&r, 50), rare = 1 + dg_rng_below(&r, 8);
        for (int32_t j = 0; j < n; j++) {
            score[j] = (float)dg_rng_below(&r, levels) - 20;
            if (dg_rng_below(&r, rare) == 0) skip[n_skip++] = j;
        }
        dg_topk t = dg_topk_start(room, k);
        for (int32_t at = 0; at < n;) {
            int32_t length = 1 + (int32_t)dg_rng_below(&r, 150);
            if (length > n - at) length = n - at;
            /* marks may be of the present threshold or of an earlier one */
            const float threshold = round % 3 == 0 ? -INFINITY : t.threshold;
            ck_assert(push(&t, round % 2, threshold, score + at, at, length, skip, n_skip) ==
                      DG_OK);
            at += length;
        }
        const int found = reference(score, n, skip, n_skip, k, expect);
        ck_assert_int_eq(dg_topk_finish(&t), found);
        ck_assert(same(room, expect, found));
    }
}
END_TEST

START_TEST(scores_that_are_not_finite_are_errors)
{
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < 4; b++) {
        for (int32_t place = 0; place < 130; place += 43) { /* in first, middle and last chunk */
            float score[130] = {0};
            const int32_t skip[] = {place};
            dg_hit room[2];
            score[place] = bad[b];
            dg_topk t = dg_topk_start(room, 2);
            ck_assert(dg_topk_push(&t, score, 1000, 130, NULL, 0, &err) == DG_ERR_NUMERIC);
            char expect[64];
            snprintf(expect, sizeof expect, "the score of item %d is ", 1000 + place);
            ck_assert(strncmp(err.text, expect, strlen(expect)) == 0);
            t = dg_topk_start(room, 2);
            ck_assert(dg_topk_push(&t, score, 0, 130, skip, 1, &err) == DG_OK);
            ck_assert_int_eq(dg_topk_finish(&t), 2);
        }
    }
}
END_TEST

START_TEST(no_places_still_notice_bad_scores)
{
    const float score[] = {1, 2, NAN};
    dg_topk t = dg_topk_start(NULL, 0);
    ck_assert(dg_topk_push(&t, score, 0, 2, NULL, 0, &err) == DG_OK);
    ck_assert_int_eq(dg_topk_finish(&t), 0);
    ck_assert(dg_topk_push(&t, score, 0, 3, NULL, 0, &err) == DG_ERR_NUMERIC);
}
END_TEST

START_TEST(threshold_is_the_worst_hit_held)
{
    const float score[] = {4, 9, 6, 5};
    dg_hit room[3];
    dg_topk t = dg_topk_start(room, 3);
    ck_assert(dg_topk_push(&t, score, 0, 2, NULL, 0, &err) == DG_OK);
    ck_assert(t.threshold == -INFINITY);
    ck_assert(dg_topk_push(&t, score + 2, 2, 2, NULL, 0, &err) == DG_OK);
    ck_assert(t.threshold == 5);
}
END_TEST

START_TEST(merge_equals_one_selection_over_both_halves)
{
    dg_rng r = dg_rng_at(2, DG_RNG_TEST, 0);
    for (int round = 0; round < 200; round++) {
        float score[60];
        dg_hit left[10], right[10], both[10], expect[10];
        const int32_t cut = (int32_t)dg_rng_below(&r, 61);
        const int k = (int)dg_rng_below(&r, 11);
        for (int j = 0; j < 60; j++) score[j] = (float)dg_rng_below(&r, 6);
        dg_topk a = dg_topk_start(left, 10), b = dg_topk_start(right, 10);
        ck_assert(dg_topk_push(&a, score, 0, cut, NULL, 0, &err) == DG_OK);
        ck_assert(dg_topk_push(&b, score + cut, cut, 60 - cut, NULL, 0, &err) == DG_OK);
        const int n_a = dg_topk_finish(&a), n_b = dg_topk_finish(&b);
        ck_assert_int_eq(dg_topk_merge(left, n_a, right, n_b, both, k), k);
        reference(score, 60, NULL, 0, k, expect);
        ck_assert(same(both, expect, k));
    }
}
END_TEST

UNIT_MAIN("topk", equal_scores_come_by_index, order_of_blocks_does_not_matter,
          fewer_candidates_than_places, random_blocks_equal_the_reference,
          scores_that_are_not_finite_are_errors, no_places_still_notice_bad_scores,
          threshold_is_the_worst_hit_held, merge_equals_one_selection_over_both_halves)
