/* The bench of kernels measures what it promises; no rate is asserted. */
#include "bench/kernels.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

START_TEST(every_kernel_has_rates_and_the_gram_its_bar)
{
    dg_err err = {.text = ""};
    dg_report r;
    dg_text text = {0};
    size_t k;
    json_t *row;
    int grams = 0, bars = 0, gathers = 0;
    ck_assert_int_eq(dg_bench_kernels(true, &r, &err), DG_OK);
    const double peak = number(json_object_get(r.facts, "peaks"), "sgemm_flops");
    json_array_foreach(r.rows, k, row)
    {
        const char *name = json_string_value(json_object_get(row, "kernel"));
        const double d = number(row, "factors"), n = number(row, "entries");
        const double seconds = number(row, "seconds"), flops = number(row, "flops");
        ck_assert_msg(seconds > 0 && seconds <= number(row, "seconds_median"), "%s", name);
        ck_assert_msg(flops > 0 || number(row, "bytes") > 0, "%s has no rate", name);
        if (flops > 0) ck_assert(fabs(number(row, "flops_share") * peak / flops - 1) < 1e-9);
        if (strcmp(name, "gram") == 0) { /* useful flops: one triangle */
            grams++;
            ck_assert(fabs(flops * seconds / (n * d * (d + 1)) - 1) < 1e-9);
        }
        gathers += strcmp(name, "gather") == 0 && number(row, "table_bytes") > 0;
        if (json_object_get(row, "bar") == NULL) continue;
        bars++;
        ck_assert(strcmp(name, "gram") == 0 && n >= 144 && (d == 64 || d == 128));
    }
    ck_assert_int_eq(grams, 16);
    ck_assert_int_eq(bars, 4);
    ck_assert_int_eq(gathers, 9); /* rows of 64, 128, 256 from 7, 36, 256 MB */
    dg_bench_kernels_plot(&r, &text);
    ck_assert(!text.failed && strstr(text.at, "</svg>") != NULL);
    dg_text_free(&text);
    dg_report_free(&r);
}
END_TEST

UNIT_MAIN("kernels", every_kernel_has_rates_and_the_gram_its_bar)
