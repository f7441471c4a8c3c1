/* Which fields pass which tests, and which rows of a file are left. */
#include "table/filter.h"

#include "base/memory.h"
#include "base/rng.h"
#include "made_file.h"
#include "table/record.h"
#include "unit_main.h"

#include <string.h>

static dg_err err;

static bool passes(const char *test, const char *field)
{
    return dg_filter_passes(test, (dg_slice){field, strlen(field)});
}

START_TEST(text_stands_for_itself_and_stars_for_any_run)
{
    ck_assert(passes("NA", "NA") && !passes("NA", "N") && !passes("NA", "NAN"));
    ck_assert(passes("C*", "C536365") && passes("C*", "C") && !passes("C*", "53C"));
    ck_assert(passes("*.co", "a.co") && !passes("*.co", "a.com"));
    ck_assert(passes("a*b*c", "aXbXbc") && !passes("a*b*c", "aXcXb"));
    ck_assert(passes("*", "") && passes("**", "x"));
    ck_assert(passes("", "") && !passes("", " ") && passes("NA | ", "") && passes("| NA", ""));
    ck_assert(passes("a | b|c", "c") && passes("a | b|c", "b") && !passes("a | b|c", "d"));
}
END_TEST

START_TEST(bounds_compare_numbers_and_nothing_else)
{
    ck_assert(passes("<= 0", "0") && passes("<=0", "-3") && !passes("<= 0", "0.5"));
    ck_assert(passes("< 0", "-1e3") && !passes("< 0", "0"));
    ck_assert(passes(">= 2.5", "2.5") && passes("> 2.5", "3") && !passes("> 2.5", "2.5"));
    ck_assert(passes("< 0 | > 9", "10") && !passes("< 0 | > 9", "5"));
    ck_assert(!passes("<= 0", "") && !passes("<= 0", "none") && !passes("<= 0", "nan"));
}
END_TEST

static dg_map map_of(const char *key, const char *value)
{
    dg_map m = {0};
    ck_assert_int_eq(dg_strings_add(&m.key, key, strlen(key), &err), DG_OK);
    ck_assert_int_eq(dg_strings_add(&m.value, value, strlen(value), &err), DG_OK);
    return m;
}

static void free_map(dg_map *m)
{
    dg_strings_free(&m->key);
    dg_strings_free(&m->value);
}

START_TEST(a_bound_that_is_no_number_is_refused_by_its_key)
{
    dg_filters f;
    dg_map drop = map_of("Quantity", "ok | <= none"), keep = {0};
    ck_assert_int_eq(dg_filters_read(&drop, &keep, &f, &err), DG_ERR_CONFIG);
    ck_assert_str_eq(err.text, "drop.Quantity: \"none\" is not a number");
    ck_assert(f.n == 0);
    free_map(&drop);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* A row passed over is no reject, whatever stands in it; a ragged one is. */
START_TEST(rows_are_passed_over_before_anything_else_is_wrong_with_them)
{
    static const char text[] = "user,item,value,land\n"
                               "NA,,broken,FR\nann,tea,3,FR\nbob,tea,-1,FR\ncid,tea,2,UK\nNA,tea\n";
    const char *const columns[DG_N_ROLES] = {"user", "item", "value"};
    const dg_dialect d = dg_dialect_default();
    dg_map drop = map_of("user", "NA"), keep = map_of("land", "FR");
    ck_assert_int_eq(dg_strings_add(&drop.key, "value", 5, &err), DG_OK);
    ck_assert_int_eq(dg_strings_add(&drop.value, "< 0", 3, &err), DG_OK);
    dg_filters f;
    dg_layout layout;
    dg_records *r = NULL;
    dg_record x;
    made_file file;
    make_file(&file, text, strlen(text), DG_CODEC_PLAIN);
    ck_assert_int_eq(dg_filters_read(&drop, &keep, &f, &err), DG_OK);
    ck_assert_int_eq(dg_layout_read(&file.source, &d, columns, &f, &layout, &err), DG_OK);
    ck_assert_int_eq(dg_records_open(&file.source, &d, &layout, &f,
                                     (dg_bytes){0, file.source.size, 0}, &r, &err),
                     DG_OK);
    ck_assert_int_eq(dg_records_next(r, &x, &err), DG_OK);
    ck_assert(x.outcome == DG_OUTCOME_RECORD && x.line == 3 && x.value == 3);
    ck_assert_int_eq(dg_records_next(r, &x, &err), DG_OK);
    ck_assert(x.outcome == DG_OUTCOME_REJECT && x.reject->cause == DG_REJECT_RAGGED);
    ck_assert_int_eq(dg_records_next(r, &x, &err), DG_OK);
    ck_assert(x.outcome == DG_OUTCOME_END);
    const int64_t *dropped = dg_records_dropped(r);
    ck_assert(dropped[0] == 1 && dropped[1] == 1 && dropped[2] == 1);
    dg_records_close(&r);
    dg_filters_free(&f);
    dg_filters_free(&f);
    drop_file(&file);
    free_map(&drop);
    free_map(&keep);
}
END_TEST

/* The matcher against one that tries every way; nothing is read beyond either end. */
static bool slow(const char *p, size_t np, const char *t, size_t nt)
{
    if (np == 0) return nt == 0;
    if (*p == '*') return slow(p + 1, np - 1, t, nt) || (nt > 0 && slow(p, np, t + 1, nt - 1));
    return nt > 0 && *p == *t && slow(p + 1, np - 1, t + 1, nt - 1);
}

START_TEST(random_patterns_match_as_the_reference_matches)
{
    for (uint64_t round = 0; round < 20000; round++) {
        dg_rng r = dg_rng_at(5, DG_RNG_TEST, round);
        char pattern[8] = "", text[10];
        const size_t np = dg_rng_below(&r, 7), nt = dg_rng_below(&r, 9);
        for (size_t k = 0; k < np; k++) pattern[k] = "ab*"[dg_rng_below(&r, 3)];
        for (size_t k = 0; k < nt; k++) text[k] = "ab"[dg_rng_below(&r, 2)];
        ck_assert_int_eq(dg_filter_passes(pattern, (dg_slice){text, nt}),
                         slow(pattern, np, text, nt));
    }
}
END_TEST

UNIT_MAIN("filter", text_stands_for_itself_and_stars_for_any_run,
          bounds_compare_numbers_and_nothing_else, a_bound_that_is_no_number_is_refused_by_its_key,
          rows_are_passed_over_before_anything_else_is_wrong_with_them,
          random_patterns_match_as_the_reference_matches)
