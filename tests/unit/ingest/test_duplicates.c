#include "ingest/duplicates.h"

#include "base/rng.h"
#include "ref_ingest.h"
#include "unit_main.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static dg_err err;

/* One item met four times: out of time order in the input, two at the same second. */
static float merged(dg_duplicates policy, dg_event *left)
{
    dg_event row[] = {{.item = 3, .value = 4, .order = 0, .time = 20},
                      {.item = 3, .value = 9, .order = 1, .time = 10},
                      {.item = 3, .value = 1, .order = 2, .time = 20},
                      {.item = 3, .value = 2, .order = 3, .time = 15}};
    int64_t n = 4;
    ck_assert_int_eq(dg_merge_duplicates(row, &n, policy, &err), DG_OK);
    ck_assert_int_eq(n, 1);
    *left = row[0];
    return row[0].value;
}

START_TEST(every_policy_gives_its_value_and_keeps_the_newest_time)
{
    dg_event left;
    ck_assert(merged(DG_DUPLICATES_SUM, &left) == 16 && left.time == 20 && left.order == 2);
    ck_assert(merged(DG_DUPLICATES_MAX, &left) == 9 && left.time == 20 && left.order == 2);
    ck_assert(merged(DG_DUPLICATES_LAST, &left) == 1 && left.time == 20 && left.order == 2);
    ck_assert(merged(DG_DUPLICATES_FIRST, &left) == 9 && left.time == 10 && left.order == 1);
    ck_assert(merged(DG_DUPLICATES_COUNT, &left) == 4 && left.time == 20 && left.order == 2);
}
END_TEST

/* In single precision, or newest first, the small ones would be lost. */
START_TEST(sums_go_from_old_to_new_in_double_precision)
{
    dg_event row[] = {{.item = 1, .value = 1e8F, .time = 3},
                      {.item = 1, .value = 3, .time = 2},
                      {.item = 1, .value = 3, .time = 1},
                      {.item = 1, .value = -1e8F, .time = 4}};
    int64_t n = 4;
    ck_assert_int_eq(dg_merge_duplicates(row, &n, DG_DUPLICATES_SUM, &err), DG_OK);
    ck_assert(row[0].value == 6);
}
END_TEST

START_TEST(a_sum_beyond_a_float_is_refused)
{
    dg_event row[] = {{.item = 1, .value = FLT_MAX, .order = 0},
                      {.item = 1, .value = FLT_MAX, .order = 1}};
    int64_t n = 2;
    ck_assert_int_eq(dg_merge_duplicates(row, &n, DG_DUPLICATES_SUM, &err), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "2 events about one item add up"));
}
END_TEST

static int by_item(const void *a, const void *b)
{
    const dg_event *x = a, *y = b;
    if (x->item != y->item) return x->item < y->item ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

START_TEST(random_rows_merge_as_the_reference_merges)
{
    for (uint64_t round = 0; round < 2000; round++) {
        dg_rng r = dg_rng_at(7, DG_RNG_TEST, round);
        const dg_duplicates policy = (dg_duplicates)(round % 5);
        dg_event row[24], expected[24];
        int64_t n = dg_rng_below(&r, 24);
        for (int64_t k = 0; k < n; k++)
            row[k] = (dg_event){.item = (int32_t)dg_rng_below(&r, 6),
                                .value = (float)dg_rng_normal(&r),
                                .order = (uint32_t)k,
                                .time = (int64_t)dg_rng_below(&r, 5) - 2};
        const int kept = ref_merge(row, (int)n, policy, expected);
        qsort(row, (size_t)n, sizeof *row, by_item);
        ck_assert_int_eq(dg_merge_duplicates(row, &n, policy, &err), DG_OK);
        ck_assert_int_eq(n, kept);
        ck_assert_mem_eq(row, expected, (size_t)n * sizeof *row);
    }
}
END_TEST

UNIT_MAIN("duplicates", every_policy_gives_its_value_and_keeps_the_newest_time,
          sums_go_from_old_to_new_in_double_precision, a_sum_beyond_a_float_is_refused,
          random_rows_merge_as_the_reference_merges)
