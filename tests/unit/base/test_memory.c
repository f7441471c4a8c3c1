#include "base/memory.h"

#include "base/fault.h"
#include "unit_main.h"

#include <stdint.h>
#include <string.h>

static void arm(const char *spec)
{
    if (spec == NULL)
        unsetenv("DAOGOU_FAULT");
    else
        setenv("DAOGOU_FAULT", spec, 1);
    dg_fault_reload();
}

START_TEST(blocks_are_zeroed_and_aligned)
{
    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = dg_alloc(n, 1);
        ck_assert(p != NULL && (uintptr_t)p % DG_ALIGN == 0);
        for (size_t k = 0; k < n; k++) ck_assert(p[k] == 0);
        memset(p, 0xff, n); /* so that a reused block would show */
        dg_free(p);
    }
}
END_TEST

START_TEST(impossible_sizes_are_refused)
{
    ck_assert(dg_alloc(SIZE_MAX, 2) == NULL);
    ck_assert(dg_alloc(SIZE_MAX / 2 + 1, 2) == NULL);
    ck_assert(dg_alloc(SIZE_MAX, 1) == NULL);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(growing_keeps_contents_and_doubles)
{
    size_t capacity = 0, moves = 0;
    int64_t *v = NULL;
    for (size_t n = 0; n < 10000; n++) {
        int64_t *grown = dg_grow(v, n, n + 1, &capacity, sizeof *v);
        ck_assert(grown != NULL && capacity > n);
        moves += grown != v;
        v = grown;
        v[n] = (int64_t)n * 3;
    }
    for (size_t n = 0; n < 10000; n++) ck_assert_int_eq(v[n], (int64_t)n * 3);
    ck_assert_uint_le(moves, 11); /* 16, 32, … 16384 */
    dg_free(v);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(failed_growth_leaves_the_old_block)
{
    size_t capacity = 0;
    char *v = dg_grow(NULL, 0, 5, &capacity, 1);
    const size_t before = capacity;
    ck_assert(v != NULL);
    memcpy(v, "abcd", 5);
    ck_assert(dg_grow(v, 5, SIZE_MAX, &capacity, 1) == NULL);
    ck_assert(dg_grow(v, 5, SIZE_MAX / 4, &capacity, 64) == NULL);
    arm("alloc:0:1");
    ck_assert(dg_grow(v, 5, before + 1, &capacity, 1) == NULL);
    arm(NULL);
    ck_assert_uint_eq(capacity, before);
    ck_assert_str_eq(v, "abcd");
    dg_free(v);
}
END_TEST

START_TEST(the_nth_allocation_fails_once)
{
    void *p[4];
    arm("alloc:0:3");
    for (int k = 0; k < 4; k++) p[k] = dg_alloc(8, 1);
    ck_assert(p[0] != NULL && p[1] != NULL && p[2] == NULL && p[3] != NULL);
    for (int k = 0; k < 4; k++) dg_free(p[k]);
    arm(NULL);
}
END_TEST

START_TEST(faults_keep_to_their_site_and_rank)
{
    arm("write:0:1");
    ck_assert(!dg_fault("writes") && !dg_fault("alloc"));
    ck_assert(dg_fault("write") && !dg_fault("write"));
    arm("write:2:1");
    ck_assert(!dg_fault("write"));
    dg_fault_rank(2);
    ck_assert(dg_fault("write"));
    dg_fault_rank(0);
    arm("write"); /* rank 0, first visit */
    ck_assert(dg_fault("write"));
    arm("");
    ck_assert(!dg_fault(""));
    arm(NULL);
}
END_TEST

START_TEST(copies_and_frees_are_counted)
{
    char *copy = dg_strdup("导购");
    ck_assert_str_eq(copy, "导购");
    ck_assert_uint_eq(dg_alloc_live(), 1);
    dg_free(copy);
    dg_free(NULL);
    ck_assert_uint_eq(dg_alloc_live(), 0);
    ck_assert_uint_gt(dg_peak_rss(), 100000);
}
END_TEST

UNIT_MAIN("memory", blocks_are_zeroed_and_aligned, impossible_sizes_are_refused,
          growing_keeps_contents_and_doubles, failed_growth_leaves_the_old_block,
          the_nth_allocation_fails_once, faults_keep_to_their_site_and_rank,
          copies_and_frees_are_counted)
