#include "ingest/events.h"

#include "base/fault.h"
#include "base/memory.h"
#include "unit_main.h"

#include <stdio.h>

static dg_err err;

enum { USERS = 97, ITEMS = 31, MANY = 3 * DG_CHUNK + 5 };

static dg_rating rating(int64_t k)
{
    return (dg_rating){(int32_t)(k % USERS), (int32_t)(k * 7 % ITEMS), (float)(k % 1000), -k};
}

static bool same(dg_rating a, dg_rating b)
{
    return a.user == b.user && a.item == b.item && a.value == b.value && a.time == b.time;
}

static dg_events filled(bool timed)
{
    dg_events e = {.timed = timed};
    for (int64_t k = 0; k < MANY; k++) ck_assert_int_eq(dg_events_add(&e, rating(k), &err), DG_OK);
    return e;
}

START_TEST(events_come_back_in_input_order)
{
    dg_events e = filled(true);
    ck_assert_int_eq(e.n, MANY);
    for (int64_t k = 0; k < MANY; k++) ck_assert(same(dg_events_at(&e, k), rating(k)));
    dg_events_free(&e);
    dg_events_free(&e);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(without_times_time_is_zero)
{
    dg_events e = filled(false);
    ck_assert_int_eq(dg_events_at(&e, MANY - 1).time, 0);
    dg_events_free(&e);
}
END_TEST

START_TEST(dropping_keeps_the_order_of_the_rest_and_frees_memory)
{
    uint8_t user_stays[USERS], item_stays[ITEMS];
    int64_t at = 0;
    dg_events e = filled(true);
    for (int u = 0; u < USERS; u++) user_stays[u] = u % 4 == 0;
    for (int i = 0; i < ITEMS; i++) item_stays[i] = i % 3 != 0;
    dg_events_keep(&e, user_stays, item_stays);
    for (int64_t k = 0; k < MANY; k++) {
        const dg_rating r = rating(k);
        if (user_stays[r.user] && item_stays[r.item]) ck_assert(same(dg_events_at(&e, at++), r));
    }
    ck_assert_int_eq(e.n, at);
    ck_assert_uint_eq(e.n_chunks, ((size_t)at + DG_CHUNK - 1) / DG_CHUNK);
    ck_assert_int_eq(dg_events_add(&e, rating(1), &err), DG_OK); /* still growable */
    ck_assert(same(dg_events_at(&e, at), rating(1)));
    for (int u = 0; u < USERS; u++) user_stays[u] = 0;
    dg_events_keep(&e, user_stays, item_stays);
    ck_assert(e.n == 0 && e.n_chunks == 0);
    dg_events_free(&e);
}
END_TEST

START_TEST(picking_keeps_the_order_of_the_rest_and_frees_memory)
{
    static int64_t stays[MANY];
    dg_events e = filled(true);
    int64_t n = 0;
    for (int64_t k = 0; k < MANY; k++) stays[k] = k % 3 == 1 || k == MANY - 1;
    const size_t chunks = e.n_chunks;
    dg_events_pick(&e, stays);
    for (int64_t k = 0; k < MANY; k++)
        if (stays[k]) ck_assert(same(dg_events_at(&e, n++), rating(k)));
    ck_assert_int_eq(e.n, n);
    ck_assert_uint_lt(e.n_chunks, chunks);
    memset(stays, 0, sizeof stays);
    dg_events_pick(&e, stays);
    ck_assert(e.n == 0 && e.n_chunks == 0);
    dg_events_free(&e);
}
END_TEST

START_TEST(dealing_keeps_the_order_within_heaps_and_frees_the_rest)
{
    int32_t heap_of[USERS];
    int64_t row[ITEMS], at[3] = {0};
    dg_events e = filled(true), heap[3] = {0};
    for (int u = 0; u < USERS; u++) heap_of[u] = u % 4 - 1;
    for (int i = 0; i < ITEMS; i++) row[i] = i % 5 == 0 ? -1 : i;
    ck_assert_int_eq(dg_events_deal(&e, heap_of, row, heap, 3, &err), DG_OK);
    ck_assert(e.n == 0 && e.chunk == NULL);
    for (int64_t k = 0; k < MANY; k++) {
        const dg_rating r = rating(k);
        const int32_t h = heap_of[r.user];
        if (h >= 0 && row[r.item] >= 0) ck_assert(same(dg_events_at(&heap[h], at[h]++), r));
    }
    for (int h = 0; h < 3; h++) {
        ck_assert_int_eq(heap[h].n, at[h]);
        dg_events_free(&heap[h]);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(counts_are_per_user_and_item)
{
    int64_t per_user[USERS] = {0}, per_item[ITEMS] = {0}, total = 0;
    dg_events e = filled(false);
    dg_events_count(&e, per_user, per_item);
    for (int u = 0; u < USERS; u++) total += per_user[u];
    ck_assert_int_eq(total, MANY);
    for (int i = 0; i < ITEMS; i++)
        ck_assert(per_item[i] == MANY / ITEMS || per_item[i] == MANY / ITEMS + 1);
    dg_events_free(&e);
}
END_TEST

START_TEST(a_failed_allocation_is_reported_and_nothing_leaks)
{
    for (int nth = 1; nth <= 2; nth++) { /* list of chunks, chunk */
        char spec[32];
        dg_events e = {.timed = true};
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        ck_assert_int_eq(dg_events_add(&e, rating(0), &err), DG_ERR_NOMEM);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_int_eq(dg_events_add(&e, rating(0), &err), DG_OK);
        dg_events_free(&e);
        ck_assert_uint_eq(dg_alloc_live(), 0);
    }
}
END_TEST

UNIT_MAIN("events", events_come_back_in_input_order, without_times_time_is_zero,
          dropping_keeps_the_order_of_the_rest_and_frees_memory,
          picking_keeps_the_order_of_the_rest_and_frees_memory,
          dealing_keeps_the_order_within_heaps_and_frees_the_rest, counts_are_per_user_and_item,
          a_failed_allocation_is_reported_and_nothing_leaks)
