#include "ingest/order.h"

#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <stdlib.h>

enum { MOST = 3000 };

static dg_err err;
static const dg_event *all;

static int by_pair(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (all[x].user != all[y].user) return all[x].user < all[y].user ? -1 : 1;
    if (all[x].item != all[y].item) return all[x].item < all[y].item ? -1 : 1;
    return (x > y) - (x < y);
}

/* Sorted as a library sorts it, and every row where it begins. */
static void assert_order(dg_order *o, const dg_event *event, int64_t n, dg_range rows)
{
    static uint32_t expected[MOST];
    int64_t at = 0, longest = 0, wrong = 0;
    for (int64_t k = 0; k < n; k++) expected[k] = (uint32_t)k;
    all = event;
    qsort(expected, (size_t)n, sizeof *expected, by_pair);
    ck_assert_int_eq(dg_order_sort(o, event, n, rows, &err), DG_OK);
    if (n > 0) ck_assert_mem_eq(o->at, expected, (size_t)n * sizeof *expected);
    for (int64_t r = rows.begin; r < rows.end; r++) {
        const int64_t begin = at;
        wrong += o->start[r - rows.begin] != begin;
        while (at < n && event[expected[at]].user == r) at++;
        if (at - begin > longest) longest = at - begin;
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(o->start[rows.end - rows.begin], n);
    ck_assert_int_eq(o->longest, longest);
}

START_TEST(events_come_by_user_then_item_then_input)
{
    static dg_event event[MOST];
    dg_order o = {0};
    for (uint64_t round = 0; round < 200; round++) {
        dg_rng r = dg_rng_at(5, DG_RNG_TEST, round);
        const uint32_t users = 1 + dg_rng_below(&r, round % 3 == 0 ? 1 : 700);
        const uint32_t items = 1 + dg_rng_below(&r, round % 2 == 0 ? 9 : INT32_MAX);
        const int64_t n = dg_rng_below(&r, MOST), first = dg_rng_below(&r, 1000000);
        for (int64_t k = 0; k < n; k++)
            event[k] = (dg_event){.user = (int32_t)(first + dg_rng_below(&r, users)),
                                  .item = (int32_t)dg_rng_below(&r, items)};
        assert_order(&o, event, n, (dg_range){first, first + users});
    }
    dg_order_free(&o);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* 23 bits of users, 31 of items and 12 of places do not fit into one number. */
START_TEST(pairs_wider_than_a_word_are_sorted_too)
{
    static dg_event event[MOST];
    const int64_t n = MOST;
    dg_rng r = dg_rng_at(6, DG_RNG_TEST, 0);
    dg_order o = {0};
    for (int64_t k = 0; k < n; k++)
        event[k] = (dg_event){.user = (int32_t)dg_rng_below(&r, 1 << 23),
                              .item = (int32_t)dg_rng_below(&r, INT32_MAX)};
    event[7] = event[3];
    assert_order(&o, event, n, (dg_range){0, 1 << 23});
    dg_order_free(&o);
}
END_TEST

UNIT_MAIN("order", events_come_by_user_then_item_then_input, pairs_wider_than_a_word_are_sorted_too)
