#include "sparse/csr.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <stdio.h>

static dg_err err;

/* Rows 100 to 103: {3, 7}, {}, {0, 3, 9}. */
static dg_csr small(void)
{
    dg_csr m;
    ck_assert(dg_csr_create(100, 103, 5, &m, &err) == DG_OK);
    const int64_t ptr[] = {0, 2, 2, 5};
    const int32_t index[] = {3, 7, 0, 3, 9};
    for (int k = 0; k < 4; k++) m.ptr[k] = ptr[k];
    for (int k = 0; k < 5; k++) m.index[k] = index[k], m.value[k] = (float)(10 * k);
    return m;
}

START_TEST(rows_are_found_by_global_number)
{
    dg_csr m = small();
    const dg_row a = dg_csr_row(&m, 100), b = dg_csr_row(&m, 101), c = dg_csr_row(&m, 102);
    ck_assert_int_eq(dg_csr_count(&m), 5);
    ck_assert(a.n == 2 && a.index[0] == 3 && a.index[1] == 7 && a.value[1] == 10);
    ck_assert_int_eq(b.n, 0);
    ck_assert(c.n == 3 && c.index[2] == 9 && c.value[2] == 40);
    dg_csr_free(&m);
    ck_assert_int_eq(dg_csr_count(&m), 0);
    dg_csr_free(&m);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(membership_equals_a_linear_search)
{
    dg_rng r = dg_rng_at(31, DG_RNG_TEST, 0);
    for (int round = 0; round < 300; round++) {
        int32_t index[64];
        int64_t n = 0;
        bool in[70] = {false};
        for (int32_t c = 0; c < 64; c++)
            if (dg_rng_below(&r, 3) == 0) in[c] = true, index[n++] = c;
        for (int32_t c = -2; c < 70; c++) {
            const dg_row row = {.index = index, .n = n};
            int64_t before = 0;
            for (int64_t k = 0; k < n; k++) before += index[k] < c;
            ck_assert_int_eq(dg_row_has(row, c), c >= 0 && in[c]);
            ck_assert_int_eq(dg_row_before(row, c), before);
        }
    }
    ck_assert(!dg_row_has((dg_row){0}, 0));
}
END_TEST

START_TEST(no_rows_and_no_entries_are_fine)
{
    dg_csr m;
    ck_assert(dg_csr_create(5, 5, 0, &m, &err) == DG_OK);
    ck_assert_int_eq(dg_csr_count(&m), 0);
    dg_csr_free(&m);
}
END_TEST

START_TEST(each_failing_allocation_leaves_nothing)
{
    for (int nth = 1; nth <= 3; nth++) {
        dg_csr m;
        char spec[32];
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        ck_assert(dg_csr_create(0, 10, 20, &m, &err) == DG_ERR_NOMEM);
        ck_assert(m.ptr == NULL && m.index == NULL && m.value == NULL);
        ck_assert_uint_eq(dg_alloc_live(), 0);
    }
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
}
END_TEST

UNIT_MAIN("csr", rows_are_found_by_global_number, membership_equals_a_linear_search,
          no_rows_and_no_entries_are_fine, each_failing_allocation_leaves_nothing)
