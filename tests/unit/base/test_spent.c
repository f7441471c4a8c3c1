/* Laps of a thread exclude each other, add up over threads, and cost nothing while nobody counts.
 */
#include "base/clock.h"
#include "base/spent.h"
#include "unit_main.h"

#include <pthread.h>
#include <string.h>

static void busy(double seconds)
{
    for (const double until = dg_now() + seconds; dg_now() < until;) {
    }
}

START_TEST(laps_add_up_to_the_time_between_marks)
{
    dg_spent got[DG_N_PHASES];
    dg_spent_start();
    const double started = dg_now();
    dg_spent_mark();
    busy(0.002);
    dg_spent_lap(DG_PHASE_GATHER, 3, 0, 300);
    busy(0.004);
    dg_spent_lap(DG_PHASE_CG, 1, 50, 0);
    dg_spent_lap(DG_PHASE_GATHER, 2, 0, 200);
    const double spent = dg_now() - started;
    dg_spent_flush();
    dg_spent_read(got);
    ck_assert_int_eq(got[DG_PHASE_GATHER].rows, 5);
    ck_assert_int_eq(got[DG_PHASE_GATHER].bytes, 500);
    ck_assert_int_eq(got[DG_PHASE_CG].flops, 50);
    int64_t all = 0;
    for (int k = 0; k < DG_N_PHASES; k++) all += got[k].nanoseconds;
    ck_assert_int_ge(got[DG_PHASE_GATHER].nanoseconds, 2000000);
    ck_assert_int_ge(got[DG_PHASE_CG].nanoseconds, 4000000);
    ck_assert_int_le(all, (int64_t)(spent * 1e9) + 1);
}
END_TEST

START_TEST(nothing_is_counted_before_start_and_after_stop)
{
    dg_spent got[DG_N_PHASES], zero[DG_N_PHASES] = {0};
    dg_spent_mark();
    dg_spent_lap(DG_PHASE_GRAM, 1, 1, 1);
    dg_spent_flush();
    dg_spent_start();
    dg_spent_stop();
    dg_spent_lap(DG_PHASE_GRAM, 1, 1, 1);
    dg_spent_flush();
    dg_spent_read(got);
    ck_assert_mem_eq(got, zero, sizeof zero);
}
END_TEST

static void *count(void *nothing)
{
    dg_spent_mark();
    for (int k = 0; k < 1000; k++) dg_spent_lap(DG_PHASE_DUAL, 1, 7, 0);
    dg_spent_flush();
    return nothing;
}

START_TEST(counts_of_threads_add_up_and_a_start_forgets_them)
{
    pthread_t thread[4];
    dg_spent got[DG_N_PHASES];
    for (int round = 0; round < 2; round++) {
        dg_spent_start();
        for (int k = 0; k < 4; k++) pthread_create(&thread[k], NULL, count, NULL);
        for (int k = 0; k < 4; k++) pthread_join(thread[k], NULL);
        dg_spent_read(got);
        ck_assert_int_eq(got[DG_PHASE_DUAL].rows, 4000);
        ck_assert_int_eq(got[DG_PHASE_DUAL].flops, 28000);
    }
}
END_TEST

START_TEST(every_phase_has_a_name_of_its_own)
{
    for (int a = 0; a < DG_N_PHASES; a++)
        for (int b = 0; b < a; b++)
            ck_assert_str_ne(dg_phase_name((dg_phase)a), dg_phase_name((dg_phase)b));
}
END_TEST

UNIT_MAIN("spent", laps_add_up_to_the_time_between_marks,
          nothing_is_counted_before_start_and_after_stop,
          counts_of_threads_add_up_and_a_start_forgets_them, every_phase_has_a_name_of_its_own)
