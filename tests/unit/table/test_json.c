#include "table/json.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "made_file.h"
#include "unit_main.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static dg_err err;
static const char *wrong;
static size_t where;

static dg_json_paths paths_of(const char *const *path, int n)
{
    dg_json_paths p = {0};
    for (int k = 0; k < n; k++) ck_assert_int_eq(dg_json_paths_add(&p, path[k], &err), DG_OK);
    return p;
}

/* The values of three paths with a bar between them, or what is wrong. */
static const char *read_text(const char *text)
{
    static const char *const path[] = {"u", "e.i", "e.x.t"};
    static char out[256];
    char copy[512];
    const dg_json_paths p = paths_of(path, 3);
    dg_slice v[3];
    snprintf(copy, sizeof copy, "%s", text);
    if (!dg_json_read(&p, copy, strlen(copy), v, &wrong, &where)) return wrong;
    snprintf(out, sizeof out, "%.*s|%.*s|%.*s", (int)v[0].n, v[0].at, (int)v[1].n, v[1].at,
             (int)v[2].n, v[2].at);
    return out;
}

START_TEST(values_are_found_at_their_paths)
{
    ck_assert_str_eq(read_text("{\"u\":\"a\",\"e\":{\"i\":7,\"x\":{\"t\":1.5e3}}}"), "a|7|1.5e3");
    ck_assert_str_eq(read_text(" { \"e\" : { \"u\":1, \"x\" : [1,{\"t\":2}], \"i\" : true } } "),
                     "|true|");
    ck_assert_str_eq(read_text("{\"u\":null,\"e\":5,\"i\":3}"), "||");
    ck_assert_str_eq(read_text("{}"), "||");
    ck_assert_str_eq(read_text("{\"u\":\"\\u5bfc\\u8d2d \\ud83d\\ude00 \\\"\\\\\\/\\n\"}"),
                     "导购 😀 \"\\/\n||");
    ck_assert_str_eq(read_text("{\"\\u0075\":-0.0}"), "-0.0||");
    ck_assert_str_eq(read_text("{\"other\":[[],{},[1,[2]],\"]\"],\"u\":\"\"}"), "||");
}
END_TEST

START_TEST(what_is_no_object_is_refused_with_a_reason)
{
    static const char *const bad[][2] = {
        {"", "no object"},
        {"[1]", "no object"},
        {"7", "no object"},
        {"{\"u\":1} x", "more behind the object"},
        {"{\"u\":1", "neither , nor } in an object"},
        {"{\"u\":1,}", "no key where one is expected"},
        {"{u:1}", "no key where one is expected"},
        {"{\"u\" 1}", "no : behind a key"},
        {"{\"u\":}", "no value where one is expected"},
        {"{\"u\":nul}", "no value where one is expected"},
        {"{\"u\":NaN}", "no value where one is expected"},
        {"{\"u\":01}", "a number that begins with 0"},
        {"{\"u\":1.}", "a number that is none"},
        {"{\"u\":-}", "a number that is none"},
        {"{\"u\":1e}", "a number that is none"},
        {"{\"u\":\"a}", "a string without an end"},
        {"{\"u\":\"a\tb\"}", "a control character in a string"},
        {"{\"u\":\"\\x\"}", "an escape that is none"},
        {"{\"u\":\"\\u12\"}", "an escape that is none"},
        {"{\"u\":\"\\ud800\"}", "half a surrogate pair"},
        {"{\"u\":\"\\ud800\\u0041\"}", "half a surrogate pair"},
        {"{\"u\":\"\\udc00\"}", "half a surrogate pair"},
        {"{\"u\":\"\\u0000\"}", "a NUL in a string"},
        {"{\"u\":1,\"u\":2}", "a key twice in one object"},
        {"{\"u\":{\"v\":2}}", "an object or array where a value is wanted"},
        {"{\"e\":{\"i\":[]}}", "an object or array where a value is wanted"},
        {"{\"z\":[1 2]}", "neither , nor ] in an array"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_str_eq(read_text(bad[k][0]), bad[k][1]);
}
END_TEST

START_TEST(depth_is_limited)
{
    char text[600] = "{\"z\":";
    for (int deep = 10; deep < 100; deep += 53) { /* 63 in the object, then more */
        size_t n = 5;
        for (int k = 0; k < deep; k++) text[n++] = '[';
        for (int k = 0; k < deep; k++) text[n++] = ']';
        memcpy(text + n, "}", 2);
        ck_assert_str_eq(read_text(text),
                         deep < DG_JSON_DEPTH ? "||" : "objects and arrays too deep in each other");
    }
}
END_TEST

START_TEST(paths_that_are_none_are_refused)
{
    dg_json_paths p = {0};
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_int_eq(dg_json_paths_add(&p, bad[k], &err), DG_ERR_CONFIG);
    for (int k = 0; k < DG_JSON_PATHS; k++)
        ck_assert_int_eq(dg_json_paths_add(&p, "a", &err), DG_OK);
    ck_assert_int_eq(dg_json_paths_add(&p, "a", &err), DG_ERR_CONFIG);
}
END_TEST

/* What a library of its own says of the same text; it refuses numbers beyond its types too. */
static void compare(const char *text, size_t n)
{
    static const char *const path[] = {"u", "e.i"};
    const dg_json_paths p = paths_of(path, 2);
    char copy[256];
    dg_slice v[2];
    json_error_t why;
    memcpy(copy, text, n);
    const bool ours = dg_json_read(&p, copy, n, v, &wrong, &where);
    json_t *theirs = json_loadb(text, n, 0, &why);
    const bool object = json_is_object(theirs);
    if (ours && dg_utf8_valid(text, n) && !object)
        ck_assert_msg(json_error_code(&why) == json_error_numeric_overflow, "%.*s: %s", (int)n,
                      text, why.text);
    if (object && !ours)
        ck_assert_msg(strstr(wrong, "twice") || strstr(wrong, "wanted"), "%.*s: %s", (int)n, text,
                      wrong);
    const char *user = ours && object ? json_string_value(json_object_get(theirs, "u")) : NULL;
    if (user != NULL && v[0].n > 0) ck_assert(memcmp(user, v[0].at, v[0].n) == 0);
    json_decref(theirs);
}

START_TEST(mangled_and_truncated_texts_are_judged_as_by_jansson)
{
    static const char *const made[] = {
        "{\"u\":\"a\\u00e9\\\"b\",\"e\":{\"i\":-7.5e+2,\"z\":[true,null,{}]},\"w\":false}",
        "{ \"e\" : {\"i\" : \"x\"}, \"u\" : \"\\ud83d\\ude00\", \"n\" : [0, 1.0, \"\"] }",
    };
    static const char mean[] = "{}[]\",:\\u0e1.-+tfn d8";
    for (uint64_t round = 0; round < 6000; round++) {
        char text[128];
        dg_rng r = dg_rng_at(9, DG_RNG_TEST, round);
        size_t n = strlen(made[round % 2]);
        memcpy(text, made[round % 2], n);
        for (uint32_t k = dg_rng_below(&r, 4); k > 0; k--)
            text[dg_rng_below(&r, (uint32_t)n)] = dg_rng_below(&r, 4) == 0
                                                      ? (char)dg_rng_u32(&r)
                                                      : mean[dg_rng_below(&r, sizeof mean - 1)];
        if (round % 3 == 0) n = dg_rng_below(&r, (uint32_t)n + 1);
        compare(text, n);
    }
}
END_TEST

static void assert_reads(const char *text, const char *columns, const char *expected)
{
    dg_dialect d = dg_dialect_default();
    d.format = DG_FORMAT_JSONL;
    d.header = false;
    char *found = transcript_of(text, strlen(text), &d, columns);
    ck_assert_str_eq(found, expected);
    dg_free(found);
}

START_TEST(lines_are_records_and_bad_ones_are_named_by_key)
{
    assert_reads("{\"who\":{\"id\":1},\"what\":\"a\",\"stars\":4.5,\"at\":\"2020-01-01\"}\n\n"
                 "{\"what\":\"b\",\"who\":{\"id\":\"z\"},\"at\":7}\r\n"
                 "{\"what\":\"b\",\"at\":7}\n"
                 "{\"who\":{\"id\":1},\"what\":\"a\",\"at\":\"soon\"}\n"
                 "oops\n",
                 "who.id what stars at",
                 "1,a,4.5,1577836800 @0\nz,b,1,7 @59\n! 4 who.id: the user is empty\n"
                 "! 5 at: \"soon\" is not a time\n! 6 no JSON object: no object at byte 1\n= 6");
    assert_reads("{\"u\":1,\"i\":2}", "u .i", ": \".i\" is no path of keys, as in event.user.id");
}
END_TEST

UNIT_MAIN("json", values_are_found_at_their_paths, what_is_no_object_is_refused_with_a_reason,
          depth_is_limited, paths_that_are_none_are_refused,
          mangled_and_truncated_texts_are_judged_as_by_jansson,
          lines_are_records_and_bad_ones_are_named_by_key)
