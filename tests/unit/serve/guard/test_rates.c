/* Token buckets on a clock of the test's own. */
#include "serve/guard/rates.h"
#include "unit_main.h"

static dg_rates *r;
static dg_err err;

static int admitted(uint64_t key, double now, int tries)
{
    double wait;
    int n = 0;
    for (int k = 0; k < tries; k++) n += dg_rates_admit(r, key, now, &wait);
    return n;
}

START_TEST(a_burst_then_the_rate)
{
    double wait = 0;
    ck_assert_int_eq(dg_rates_create(10, 5, &r, &err), DG_OK);
    ck_assert_int_eq(admitted(7, 100, 20), 5);
    ck_assert(!dg_rates_admit(r, 7, 100, &wait));
    ck_assert_double_eq_tol(wait, 0.1, 1e-6);
    ck_assert_int_eq(admitted(7, 100.1001, 20), 1);
    ck_assert_int_eq(admitted(7, 101.2, 20),
                     5); /* not more than the burst, however long it waits */
    int n = 0;
    for (int k = 0; k < 1000; k++) n += admitted(7, 200 + 0.01 * k, 1); /* ten seconds, 100 a s */
    ck_assert_int_ge(n, 100);
    ck_assert_int_le(n, 106);
    dg_rates_destroy(&r);
    dg_rates_destroy(&r);
}
END_TEST

START_TEST(clients_do_not_share_a_bucket)
{
    ck_assert_int_eq(dg_rates_create(1, 3, &r, &err), DG_OK);
    for (uint64_t key = 0; key < 500; key++) ck_assert_int_eq(admitted(key * 977, 50, 10), 3);
    for (uint64_t key = 1; key < 500; key++) ck_assert_int_eq(admitted(key * 977, 50, 10), 0);
    dg_rates_destroy(&r);
}
END_TEST

START_TEST(a_flood_of_clients_takes_no_memory_and_starves_nobody_new)
{
    ck_assert_int_eq(dg_rates_create(1, 2, &r, &err), DG_OK);
    for (uint64_t key = 1; key < 100000; key++)
        ck_assert_int_eq(admitted(key, 50, 1), 1); /* a new one is always admitted */
    dg_rates_destroy(&r);
}
END_TEST

UNIT_MAIN("rates", a_burst_then_the_rate, clients_do_not_share_a_bucket,
          a_flood_of_clients_takes_no_memory_and_starves_nobody_new)
