#include "base/fault.h"
#include "base/memory.h"
#include "base/option.h"
#include "base/rng.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct box {
    bool flag;
    int64_t count, any;
    double share, positive, wait;
    char *name;
    int color;
    dg_strings list;
    dg_map map;
} box;

static const char *const colors[] = {"red", "green", "blue", NULL};
static const char *const count_aliases[] = {"n", "rank", NULL};

static const dg_option rows[] = {
    {.key = "box.flag", .type = DG_OPT_BOOL, .offset = offsetof(box, flag), .fallback = "true"},
    {.key = "box.count",
     .type = DG_OPT_INT,
     .offset = offsetof(box, count),
     .fallback = "3",
     .min = 1,
     .max = 8192,
     .aliases = count_aliases},
    {.key = "box.any", .type = DG_OPT_INT, .offset = offsetof(box, any)},
    {.key = "box.share",
     .type = DG_OPT_REAL,
     .offset = offsetof(box, share),
     .fallback = "0.2",
     .min = 0,
     .max = 1},
    {.key = "box.positive",
     .type = DG_OPT_REAL,
     .offset = offsetof(box, positive),
     .fallback = "1e-3",
     .min = 0,
     .max = INFINITY},
    {.key = "box.wait", .type = DG_OPT_DURATION, .offset = offsetof(box, wait), .fallback = "15m"},
    {.key = "box.name", .type = DG_OPT_TEXT, .offset = offsetof(box, name)},
    {.key = "box.color",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(box, color),
     .fallback = "green",
     .choices = colors},
    {.key = "box.list", .type = DG_OPT_LIST, .offset = offsetof(box, list), .fallback = "a,b"},
    {.key = "box.map", .type = DG_OPT_MAP, .offset = offsetof(box, map), .fallback = "k=v,l=w"},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static const dg_option *row(const char *last)
{
    char key[64];
    snprintf(key, sizeof key, "box.%s", last);
    const dg_option *o = dg_options_find(rows, N_ROWS, key);
    ck_assert_ptr_nonnull(o);
    return o;
}

static box defaults(void)
{
    box b = {0};
    dg_err err;
    ck_assert_int_eq(dg_options_default(rows, N_ROWS, &b, &err), DG_OK);
    return b;
}

static void expect_refusal(const char *last, const char *text, const char *message)
{
    box b = defaults();
    dg_err err;
    char *before, *after;
    ck_assert_int_eq(dg_option_show(row(last), &b, &before, &err), DG_OK);
    ck_assert_int_eq(dg_option_set(row(last), &b, text, &err), DG_ERR_CONFIG);
    ck_assert_str_eq(err.text, message);
    ck_assert_int_eq(dg_option_show(row(last), &b, &after, &err), DG_OK);
    ck_assert_str_eq(before, after);
    dg_free(before);
    dg_free(after);
    dg_options_free(rows, N_ROWS, &b);
}

static void expect_shown(const char *last, const char *text, const char *shown)
{
    box b = defaults();
    dg_err err;
    char *out;
    ck_assert_int_eq(dg_option_set(row(last), &b, text, &err), DG_OK);
    ck_assert_int_eq(dg_option_show(row(last), &b, &out, &err), DG_OK);
    ck_assert_str_eq(out, shown);
    dg_free(out);
    dg_options_free(rows, N_ROWS, &b);
}

START_TEST(defaults_are_what_the_table_says)
{
    box b = defaults();
    size_t n;
    ck_assert(b.flag);
    ck_assert_int_eq(b.count, 3);
    ck_assert_int_eq(b.any, 0);
    ck_assert_double_eq(b.share, 0.2);
    ck_assert_double_eq(b.wait, 900);
    ck_assert_str_eq(b.name, "");
    ck_assert_int_eq(b.color, 1);
    ck_assert_int_eq(b.list.n, 2);
    ck_assert_int_eq(b.map.key.n, 2);
    ck_assert(memcmp(dg_map_get(&b.map, "l", &n), "w", 1) == 0 && n == 1);
    ck_assert_ptr_null(dg_map_get(&b.map, "z", &n));
    dg_options_free(rows, N_ROWS, &b);
    dg_options_free(rows, N_ROWS, &b);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(a_default_its_own_row_refuses_names_the_row)
{
    const dg_option bad = {
        .key = "box.count", .type = DG_OPT_INT, .fallback = "0", .min = 1, .max = 2};
    int64_t field = 0;
    dg_err err;
    ck_assert_int_eq(dg_options_default(&bad, 1, &field, &err), DG_ERR_INTERNAL);
    ck_assert_str_eq(err.text,
                     "default of box.count: expected a whole number from 1 to 2, found \"0\"");
}
END_TEST

START_TEST(wrong_text_is_refused_and_says_what_was_wanted)
{
    expect_refusal("flag", "yes", "expected true or false, found \"yes\"");
    expect_refusal("flag", "", "expected true or false, found \"\"");
    expect_refusal("count", "many", "expected a whole number from 1 to 8192, found \"many\"");
    expect_refusal("count", "0", "expected a whole number from 1 to 8192, found \"0\"");
    expect_refusal("count", "8193", "expected a whole number from 1 to 8192, found \"8193\"");
    expect_refusal("count", "1.5", "expected a whole number from 1 to 8192, found \"1.5\"");
    expect_refusal("any", "99999999999999999999",
                   "expected a whole number, found \"99999999999999999999\"");
    expect_refusal("share", "nan", "expected a number from 0 to 1, found \"nan\"");
    expect_refusal("share", "1.01", "expected a number from 0 to 1, found \"1.01\"");
    expect_refusal("positive", "-1", "expected a number of at least 0, found \"-1\"");
    expect_refusal("positive", "inf", "expected a number of at least 0, found \"inf\"");
    expect_refusal("wait", "-3d",
                   "expected a duration such as 90d, 12h, 15m or 30s, found \"-3d\"");
    expect_refusal("wait", "3 y",
                   "expected a duration such as 90d, 12h, 15m or 30s, found \"3 y\"");
    expect_refusal("color", "gren", "expected one of red, green, blue, found \"gren\"");
    expect_refusal("list", "a,,b", "expected a list without empty places");
    expect_refusal("map", "a=1,b", "expected key: value, found \"b\" without a key");
    expect_refusal("map", "a=1,a=2", "key \"a\" stands here twice");
}
END_TEST

START_TEST(a_near_choice_is_hinted_at)
{
    box b = defaults();
    dg_err err;
    ck_assert_int_eq(dg_option_set(row("color"), &b, "gren", &err), DG_ERR_CONFIG);
    ck_assert_str_eq(err.hint, "did you mean \"green\"?");
    dg_options_free(rows, N_ROWS, &b);
}
END_TEST

START_TEST(long_text_is_quoted_short_and_whole_characters)
{
    char text[200] = "";
    for (int k = 0; k < 40; k++) strcat(text, "导");
    box b = defaults();
    dg_err err;
    ck_assert_int_eq(dg_option_set(row("any"), &b, text, &err), DG_ERR_CONFIG);
    text[60] = '\0';
    char expected[256];
    snprintf(expected, sizeof expected, "expected a whole number, found \"%s…\"", text);
    ck_assert_str_eq(err.text, expected);
    dg_options_free(rows, N_ROWS, &b);
}
END_TEST

START_TEST(shown_text_is_canonical)
{
    expect_shown("flag", "false", "false");
    expect_shown("count", "0064", "64");
    expect_shown("any", "-9223372036854775808", "-9223372036854775808");
    expect_shown("share", "0.1", "0.1");
    expect_shown("share", "3e-1", "0.3");
    expect_shown("positive", "0.1000000000000000055", "0.1");
    expect_shown("positive", "1e300", "1e+300");
    expect_shown("wait", "7776000", "90d");
    expect_shown("wait", "2w", "14d");
    expect_shown("wait", "36h", "36h");
    expect_shown("wait", "5400", "90m");
    expect_shown("wait", "90s", "90s");
    expect_shown("wait", "0", "0s");
    expect_shown("wait", "0.5s", "0.5s");
    expect_shown("color", "blue", "blue");
    expect_shown("list", "", "");
    expect_shown("list", "x\\,y,z=1,\\\\", "x\\,y,z=1,\\\\");
    expect_shown("map", "a\\=b=c=d,e=", "a\\=b=c=d,e=");
}
END_TEST

START_TEST(a_repeated_set_replaces_and_an_add_appends)
{
    box b = defaults();
    dg_err err;
    char *out;
    ck_assert_int_eq(dg_option_set(row("list"), &b, "one", &err), DG_OK);
    ck_assert_int_eq(dg_option_add(row("list"), &b, NULL, "two, still two", &err), DG_OK);
    ck_assert_int_eq(b.list.n, 2);
    ck_assert_int_eq(dg_option_show(row("list"), &b, &out, &err), DG_OK);
    ck_assert_str_eq(out, "one,two\\, still two");
    dg_free(out);
    ck_assert_int_eq(dg_option_add(row("list"), &b, NULL, "", &err), DG_ERR_CONFIG);
    ck_assert_int_eq(dg_option_add(row("map"), &b, "k", "x", &err), DG_ERR_CONFIG);
    ck_assert_int_eq(dg_option_add(row("map"), &b, "m", "x", &err), DG_OK);
    ck_assert_int_eq(b.map.key.n, 3);
    ck_assert_int_eq(dg_option_add(row("count"), &b, NULL, "1", &err), DG_ERR_INTERNAL);
    dg_options_free(rows, N_ROWS, &b);
}
END_TEST

START_TEST(keys_are_found_by_name_and_by_the_names_peers_use)
{
    ck_assert_ptr_eq(dg_options_find(rows, N_ROWS, "box.count"), &rows[1]);
    ck_assert_ptr_eq(dg_options_find(rows, N_ROWS, "box.rank"), &rows[1]);
    ck_assert_ptr_null(dg_options_find(rows, N_ROWS, "rank"));
    ck_assert_ptr_null(dg_options_find(rows, N_ROWS, "bax.rank"));
    ck_assert_ptr_null(dg_options_find(rows, N_ROWS, "box."));
}
END_TEST

/* Any text either is refused, or shows as text that reads back to the same shown text. */
START_TEST(whatever_is_accepted_shows_and_reads_back)
{
    static const char alphabet[] = "ab0123456789.,=\\-+e dhmsw:\"";
    dg_err err;
    for (uint64_t round = 0; round < 20000; round++) {
        char text[12];
        dg_rng r = dg_rng_at(7, DG_RNG_TEST, round);
        const size_t n = dg_rng_below(&r, sizeof text);
        for (size_t k = 0; k < n; k++) text[k] = alphabet[dg_rng_below(&r, sizeof alphabet - 1)];
        text[n] = '\0';
        const dg_option *o = &rows[dg_rng_below(&r, N_ROWS)];
        box b = defaults();
        if (dg_option_set(o, &b, text, &err) == DG_OK) {
            char *once, *twice;
            ck_assert_int_eq(dg_option_show(o, &b, &once, &err), DG_OK);
            ck_assert_int_eq(dg_option_set(o, &b, once, &err), DG_OK);
            ck_assert_int_eq(dg_option_show(o, &b, &twice, &err), DG_OK);
            ck_assert_str_eq(once, twice);
            dg_free(once);
            dg_free(twice);
        }
        dg_options_free(rows, N_ROWS, &b);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(every_failing_allocation_is_reported_and_leaks_nothing)
{
    for (int nth = 1;; nth++) {
        char spec[32];
        box b = {0};
        dg_err err;
        char *out = NULL;
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        dg_status st = dg_options_default(rows, N_ROWS, &b, &err);
        if (st == DG_OK) st = dg_option_set(row("list"), &b, "p,q", &err);
        if (st == DG_OK) st = dg_option_set(row("map"), &b, "p=q", &err);
        if (st == DG_OK) st = dg_option_show(row("map"), &b, &out, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        dg_free(out);
        dg_options_free(rows, N_ROWS, &b);
        ck_assert_uint_eq(dg_alloc_live(), 0);
        if (st == DG_OK) {
            ck_assert_int_gt(nth, 10);
            break;
        }
        ck_assert_int_eq(st, DG_ERR_NOMEM);
    }
}
END_TEST

UNIT_MAIN("option", defaults_are_what_the_table_says, a_default_its_own_row_refuses_names_the_row,
          wrong_text_is_refused_and_says_what_was_wanted, a_near_choice_is_hinted_at,
          long_text_is_quoted_short_and_whole_characters, shown_text_is_canonical,
          a_repeated_set_replaces_and_an_add_appends,
          keys_are_found_by_name_and_by_the_names_peers_use,
          whatever_is_accepted_shows_and_reads_back,
          every_failing_allocation_is_reported_and_leaks_nothing)
