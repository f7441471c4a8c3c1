#include "base/log.h"

#include "unit_main.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static dg_err err;
static char path[64];

static void open_log(int rank, dg_log_level threshold)
{
    snprintf(path, sizeof path, "test_log.%ld.jsonl", (long)getpid());
    unlink(path);
    dg_log_setup(rank, threshold);
    ck_assert(dg_log_open(path, &err) == DG_OK);
}

/* Every line must parse; the array of all of them, the file removed. */
static json_t *close_and_read(void)
{
    char line[8192];
    json_t *all = json_array();
    dg_log_close();
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        json_t *object = json_loads(line, 0, NULL);
        ck_assert_msg(object != NULL, "not JSON: %s", line);
        ck_assert(json_is_real(json_object_get(object, "t")));
        json_array_append_new(all, object);
    }
    if (f != NULL) fclose(f);
    unlink(path);
    return all;
}

static const char *field(json_t *all, size_t line, const char *key)
{
    return json_string_value(json_object_get(json_array_get(all, line), key));
}

START_TEST(lines_are_json_objects)
{
    open_log(0, DG_LOG_QUIET);
    dg_log(DG_LOG_INFO, "start", "%d users", 3);
    dg_log_fields(DG_LOG_WARN, "sweep", json_pack("{s:i,s:f}", "sweep", 2, "loss", 0.5), "two");
    dg_log(DG_LOG_DEBUG, "odd", "quote \" backslash \\ newline \n tab \t bell \a");
    json_t *all = close_and_read();
    ck_assert_uint_eq(json_array_size(all), 3);
    ck_assert_str_eq(field(all, 0, "level"), "info");
    ck_assert_str_eq(field(all, 0, "event"), "start");
    ck_assert_str_eq(field(all, 0, "text"), "3 users");
    json_t *second = json_array_get(all, 1);
    ck_assert_int_eq(json_integer_value(json_object_get(second, "sweep")), 2);
    ck_assert_double_eq(json_real_value(json_object_get(second, "loss")), 0.5);
    ck_assert_str_eq(field(all, 2, "text"), "quote \" backslash \\ newline \n tab \t bell \a");
    json_decref(all);
}
END_TEST

/* File names and quoted cells may be in any encoding, and long texts are cut anywhere. */
START_TEST(bytes_that_are_not_utf8_do_not_lose_the_line)
{
    const char *const bad[] = {"caf\xe9",          "\xff\xfe",  "\xc0\xaf",     "\xed\xa0\x80",
                               "\xf5\x80\x80\x80", "a\xe5\xaf", "\xf0\x9f\x9b", "ok \x80 ok"};
    char text[1100];
    const size_t n = sizeof bad / sizeof *bad;
    open_log(0, DG_LOG_QUIET);
    for (size_t k = 0; k < n; k++) dg_log(DG_LOG_WARN, "bad", "%s", bad[k]);
    for (int shift = 0; shift < 3; shift++) {
        memset(text, 'x', (size_t)shift);
        for (size_t at = (size_t)shift; at + 3 < sizeof text; at += 3) memcpy(text + at, "导", 4);
        dg_log(DG_LOG_WARN, "long", "%s", text);
    }
    dg_log(DG_LOG_WARN, "good", "导购 é 🛒");
    json_t *all = close_and_read();
    ck_assert_uint_eq(json_array_size(all), n + 4);
    ck_assert_str_eq(field(all, 0, "text"), "caf?");
    ck_assert_str_eq(field(all, 7, "text"), "ok ? ok");
    ck_assert_str_eq(field(all, n + 3, "text"), "导购 é 🛒");
    json_decref(all);
}
END_TEST

START_TEST(only_rank_0_writes)
{
    open_log(1, DG_LOG_DEBUG);
    dg_log(DG_LOG_WARN, "x", "never seen");
    dg_log_fields(DG_LOG_WARN, "x", json_object(), "never seen");
    json_t *all = close_and_read();
    ck_assert_uint_eq(json_array_size(all), 0);
    json_decref(all);
    dg_log_setup(0, DG_LOG_QUIET);
}
END_TEST

START_TEST(unwritable_log_is_an_error_with_its_path)
{
    dg_log_setup(0, DG_LOG_QUIET);
    ck_assert(dg_log_open("no/such/folder/log.jsonl", &err) == DG_ERR_NOINPUT);
    ck_assert(strstr(err.text, "no/such/folder/log.jsonl") != NULL);
}
END_TEST

UNIT_MAIN("log", lines_are_json_objects, bytes_that_are_not_utf8_do_not_lose_the_line,
          only_rank_0_writes, unwritable_log_is_an_error_with_its_path)
