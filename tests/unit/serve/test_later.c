/* Threads that wait in place of others: all that is put is done, once, also at the end. */
#include "base/memory.h"
#include "serve/later.h"
#include "unit_main.h"

#include <stdatomic.h>
#include <time.h>

enum { MOST = 64 };

static atomic_int done[1000], sum;
static dg_err err;

static void work(void *context, void *of)
{
    const struct timespec moment = {.tv_nsec = 200000};
    ck_assert_ptr_eq(context, &sum);
    nanosleep(&moment, NULL);
    atomic_fetch_add((atomic_int *)of, 1);
    atomic_fetch_add(&sum, 1);
}

START_TEST(all_that_is_put_is_done_once)
{
    dg_later *l;
    int refused = 0;
    ck_assert_int_eq(dg_later_start(3, MOST, work, &sum, &l, &err), DG_OK);
    for (int k = 0; k < 1000; k++)
        while (!dg_later_put(l, &done[k])) refused++;
    dg_later_stop(l);
    ck_assert(!dg_later_put(l, &done[0]));
    ck_assert_int_eq(atomic_load(&sum), 1000);
    for (int k = 0; k < 1000; k++) ck_assert_int_eq(atomic_load(&done[k]), 1);
    ck_assert_int_gt(refused, 0); /* no more wait than may */
    dg_later_destroy(&l);
    dg_later_destroy(&l);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

UNIT_MAIN("later", all_that_is_put_is_done_once)
