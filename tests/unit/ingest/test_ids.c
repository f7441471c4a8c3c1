#include "ingest/ids.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

static dg_err err;

static int32_t code_of(dg_ids *d, const char *id, size_t n)
{
    int32_t code = -7;
    ck_assert_int_eq(dg_ids_code(d, id, n, &code, &err), DG_OK);
    return code;
}

START_TEST(codes_follow_first_arrival_and_repeat)
{
    dg_ids d = {0};
    ck_assert_int_eq(dg_ids_find(&d, "a", 1), -1);
    ck_assert_int_eq(code_of(&d, "a", 1), 0);
    ck_assert_int_eq(code_of(&d, "b\0c", 3), 1);
    ck_assert_int_eq(code_of(&d, "b", 1), 2);
    ck_assert_int_eq(code_of(&d, "18446744073709551615", 20), 3);
    ck_assert_int_eq(code_of(&d, "b\0c", 3), 1);
    ck_assert_int_eq(code_of(&d, "a", 1), 0);
    ck_assert_int_eq(dg_ids_find(&d, "b", 1), 2);
    ck_assert_int_eq(dg_ids_find(&d, "c", 1), -1);
    ck_assert_int_eq(d.text.n, 4);
    dg_ids_free(&d);
    dg_ids_free(&d);
}
END_TEST

START_TEST(many_ids_all_come_back)
{
    dg_ids d = {0};
    char id[32];
    for (int k = 0; k < 50000; k++)
        ck_assert_int_eq(code_of(&d, id, (size_t)snprintf(id, sizeof id, "%d", k * 7919)), k);
    for (int k = 0; k < 50000; k++) {
        const size_t n = (size_t)snprintf(id, sizeof id, "%d", k * 7919);
        size_t known;
        ck_assert_int_eq(dg_ids_find(&d, id, n), k);
        const char *text = dg_strings_at(&d.text, k, &known);
        ck_assert(known == n && memcmp(text, id, n) == 0);
        ck_assert(d.hash[k] == dg_id_hash(id, n));
    }
    dg_ids_free(&d);
}
END_TEST

START_TEST(sorted_codes_ascend_by_hash)
{
    dg_ids d = {0};
    int32_t *sorted;
    for (uint64_t k = 0; k < 1000; k++) code_of(&d, (const char *)&k, sizeof k);
    ck_assert_int_eq(dg_ids_sorted(&d, &sorted, &err), DG_OK);
    for (int k = 1; k < 1000; k++) ck_assert(d.hash[sorted[k - 1]] <= d.hash[sorted[k]]);
    dg_free(sorted);
    dg_ids_free(&d);
}
END_TEST

/* Equal hashes cannot be made to order, so they are written in. */
START_TEST(equal_hashes_are_ordered_by_bytes)
{
    dg_ids d = {0};
    code_of(&d, "b", 1);
    code_of(&d, "a", 1);
    code_of(&d, "ab", 2);
    d.hash[0] = d.hash[1] = d.hash[2] = 5;
    ck_assert_int_gt(dg_ids_compare(&d, 0, 1), 0);
    ck_assert_int_lt(dg_ids_compare(&d, 1, 2), 0);
    ck_assert_int_lt(dg_ids_compare(&d, 2, 0), 0);
    ck_assert_int_eq(dg_ids_compare(&d, 2, 2), 0);
    dg_ids_free(&d);
}
END_TEST

START_TEST(a_failed_allocation_is_reported_and_nothing_leaks)
{
    const size_t live = dg_alloc_live();
    bool failed = true;
    for (int nth = 1; failed; nth++) {
        char spec[32];
        dg_ids d = {0};
        dg_status st = DG_OK;
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        for (int32_t k = 0, code; k < 200 && st == DG_OK; k++)
            st = dg_ids_code(&d, (const char *)&k, sizeof k, &code, &err);
        failed = st != DG_OK;
        if (failed) ck_assert_int_eq(st, DG_ERR_NOMEM);
        dg_ids_free(&d);
        ck_assert_uint_eq(dg_alloc_live(), live);
        ck_assert_int_lt(nth, 100);
    }
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
}
END_TEST

UNIT_MAIN("ids", codes_follow_first_arrival_and_repeat, many_ids_all_come_back,
          sorted_codes_ascend_by_hash, equal_hashes_are_ordered_by_bytes,
          a_failed_allocation_is_reported_and_nothing_leaks)
