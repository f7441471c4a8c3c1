#include "generate/lines.h"

#include "unit_main.h"

#include <stdio.h>

static dg_err err;
static dg_lines lines;

static const char *as_text(void)
{
    ck_assert_int_eq(dg_lines_room(&lines, 1, &err), DG_OK);
    lines.at[lines.n] = '\0';
    return lines.at;
}

START_TEST(numbers_are_those_of_printf)
{
    static const int64_t values[] = {0, 1, 9, 10, 99, 100, 12345, 1000000000, INT64_MAX};
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
        char expected[32];
        snprintf(expected, sizeof expected, "%lld;", (long long)values[k]);
        lines.n = 0;
        ck_assert_int_eq(dg_lines_room(&lines, DG_LINES_NUMBER, &err), DG_OK);
        dg_lines_number(&lines, values[k], ';');
        ck_assert_uint_le(lines.n, DG_LINES_NUMBER);
        ck_assert_str_eq(as_text(), expected);
    }
    dg_lines_free(&lines);
}
END_TEST

START_TEST(quotes_inside_a_field_are_doubled)
{
    static const char field[] = "a \"27\"\" screen\", 轻便\n";
    ck_assert_int_eq(dg_lines_room(&lines, 2 * sizeof field + 3, &err), DG_OK);
    dg_lines_quoted(&lines, field, sizeof field - 1, ',');
    dg_lines_quoted(&lines, "", 0, '\n');
    ck_assert_str_eq(as_text(), "\"a \"\"27\"\"\"\" screen\"\", 轻便\n\",\"\"\n");
    dg_lines_free(&lines);
}
END_TEST

START_TEST(growing_keeps_what_was_written)
{
    for (int64_t k = 0; k < 10000; k++) {
        ck_assert_int_eq(dg_lines_room(&lines, DG_LINES_NUMBER, &err), DG_OK);
        dg_lines_number(&lines, k, '\n');
    }
    const char *at = as_text();
    for (long k = 0; k < 10000; k++) {
        char *end;
        ck_assert_int_eq(strtol(at, &end, 10), k);
        at = end + 1;
    }
    dg_lines_free(&lines);
    dg_lines_free(&lines);
}
END_TEST

START_TEST(more_room_than_there_is_memory_is_refused)
{
    ck_assert_int_eq(dg_lines_room(&lines, SIZE_MAX / 4, &err), DG_ERR_NOMEM);
    ck_assert_ptr_null(lines.at);
}
END_TEST

UNIT_MAIN("lines", numbers_are_those_of_printf, quotes_inside_a_field_are_doubled,
          growing_keeps_what_was_written, more_room_than_there_is_memory_is_refused)
