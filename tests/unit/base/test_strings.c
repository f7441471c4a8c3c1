#include "base/strings.h"

#include "base/fault.h"
#include "base/memory.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

static dg_err err;

START_TEST(strings_come_back_as_they_went_in)
{
    dg_strings s = {0};
    char text[40];
    for (int k = 0; k < 5000; k++) {
        const int n = snprintf(text, sizeof text, "%.*s%d", k % 7, "goods-x", k);
        ck_assert(dg_strings_add(&s, text, k % 11 == 0 ? 0 : (size_t)n, &err) == DG_OK);
    }
    ck_assert_int_eq(s.n, 5000);
    for (int k = 0; k < 5000; k++) {
        size_t n;
        const char *at = dg_strings_at(&s, k, &n);
        const int len = snprintf(text, sizeof text, "%.*s%d", k % 7, "goods-x", k);
        ck_assert_uint_eq(n, k % 11 == 0 ? 0 : (size_t)len);
        ck_assert(memcmp(at, text, n) == 0);
    }
    dg_strings_free(&s);
    dg_strings_free(&s);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(bytes_may_be_anything)
{
    dg_strings s = {0};
    size_t n;
    ck_assert(dg_strings_add(&s, NULL, 0, &err) == DG_OK);
    ck_assert(dg_strings_add(&s, "a\0b", 3, &err) == DG_OK);
    dg_strings_at(&s, 0, &n);
    ck_assert_uint_eq(n, 0);
    ck_assert(memcmp(dg_strings_at(&s, 1, &n), "a\0b", 3) == 0 && n == 3);
    dg_strings_free(&s);
}
END_TEST

START_TEST(running_out_of_memory_keeps_what_is_there)
{
    for (int nth = 1; nth <= 4; nth++) {
        dg_strings s = {0};
        char spec[32];
        size_t n;
        int added = 0;
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        while (dg_strings_add(&s, "0123456789", 10, &err) == DG_OK) added++;
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_int_eq(s.n, added);
        ck_assert(dg_strings_add(&s, "last", 4, &err) == DG_OK);
        for (int k = 0; k < added; k++)
            ck_assert(memcmp(dg_strings_at(&s, k, &n), "0123456789", 10) == 0 && n == 10);
        ck_assert(memcmp(dg_strings_at(&s, added, &n), "last", 4) == 0 && n == 4);
        dg_strings_free(&s);
        ck_assert_uint_eq(dg_alloc_live(), 0);
    }
}
END_TEST

UNIT_MAIN("strings", strings_come_back_as_they_went_in, bytes_may_be_anything,
          running_out_of_memory_keeps_what_is_there)
