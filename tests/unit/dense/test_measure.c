/* Rates are measured, not asserted: they exist, are finite, and cover what row solves use. */
#include "dense/measure.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

START_TEST(every_kernel_has_a_rate_at_every_size)
{
    dg_kernel_rate rate[DG_KERNEL_RATES];
    dg_err err = {.text = ""};
    int n = 0, grams = 0, choleskys = 0;
    ck_assert_int_eq(dg_measure_kernels(rate, &n, &err), DG_OK);
    for (int k = 0; k < n; k++) {
        ck_assert_msg(isfinite(rate[k].flops) && rate[k].flops > 0, "%s", rate[k].kernel);
        grams += strcmp(rate[k].kernel, "gram") == 0;
        choleskys += strcmp(rate[k].kernel, "cholesky") == 0;
        /* Only what gathers moves bytes from the table. */
        ck_assert_int_eq(rate[k].bytes > 0, strcmp(rate[k].kernel, "gather + pass") == 0);
    }
    ck_assert_int_eq(grams, 8); /* four numbers of factors, two lengths */
    ck_assert_int_eq(choleskys, 4);
    ck_assert_int_le(n, DG_KERNEL_RATES);
}
END_TEST

START_TEST(the_machine_has_peaks)
{
    dg_peaks peaks;
    dg_err err = {.text = ""};
    ck_assert_int_eq(dg_measure_peaks(&peaks, &err), DG_OK);
    ck_assert(peaks.flops > 1e8 && peaks.bytes > 1e7);
}
END_TEST

UNIT_MAIN("measure", every_kernel_has_a_rate_at_every_size, the_machine_has_peaks)
