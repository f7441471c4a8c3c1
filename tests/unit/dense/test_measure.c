/* Rates are measured, not asserted: they exist and are finite. */
#include "dense/measure.h"
#include "unit_main.h"

START_TEST(the_machine_has_peaks_no_median_above_the_best)
{
    dg_peaks p;
    dg_err err = {.text = ""};
    ck_assert_int_eq(dg_measure_peaks_roughly(&p, &err), DG_OK);
    ck_assert(p.flops >= p.flops_median && p.flops_median > 1e7);
    ck_assert(p.bytes >= p.bytes_median && p.bytes_median > 1e6);
}
END_TEST

static void count(void *with) { ++*(long *)with; }

START_TEST(a_call_is_repeated_until_the_clock_sees_it)
{
    long calls = 0;
    const dg_timing t = dg_measure_call(count, &calls, 3, 1e-4);
    ck_assert(t.best > 0 && t.best <= t.median);
    ck_assert_int_gt(calls, 1000); /* no call takes 100 ns */
}
END_TEST

UNIT_MAIN("measure", the_machine_has_peaks_no_median_above_the_best,
          a_call_is_repeated_until_the_clock_sees_it)
