/* A report as table, CSV and JSON. */
#include "bench/report.h"
#include "unit_main.h"

#include <string.h>

static const dg_report_column columns[] = {
    {.key = "what", .head = "what"},
    {.key = "rate", .head = "GB/s", .unit = 1e9, .digits = 1},
    {.key = "share", .head = "of µ", .unit = 0.01, .mark = "%"},
    {.key = "seconds", .head = NULL},
    {.key = "never", .head = "never"},
};
enum { N = sizeof columns / sizeof *columns };

static dg_err err;

static dg_report made(void)
{
    dg_report r;
    ck_assert_int_eq(dg_report_start("test", columns, N, &r, &err), DG_OK);
    json_object_set_new(r.facts, "ranks", json_integer(2));
    json_array_append_new(r.rows, json_pack("{s:s, s:f, s:f, s:f}", "what", "a", "rate", 12.34e9,
                                            "share", 0.704, "seconds", 0.25));
    json_array_append_new(r.rows, json_pack("{s:s, s:i}", "what", "say \"x, y\"", "rate", 7));
    return r;
}

START_TEST(the_table_aligns_columns_and_leaves_out_empty_ones)
{
    dg_report r = made();
    dg_text t = {0};
    dg_report_table(&r, &t);
    ck_assert_str_eq(t.at, "  what        GB/s  of µ\n"
                           "  a           12.3   70%\n"
                           "  say \"x, y\"   0.0\n");
    dg_text_free(&t);
    dg_report_free(&r);
}
END_TEST

START_TEST(csv_has_every_column_in_plain_units_and_quotes_what_needs_it)
{
    dg_report r = made();
    dg_text t = {0};
    dg_report_csv(&r, &t);
    ck_assert_str_eq(t.at, "what,rate,share,seconds,never\n"
                           "a,12340000000,0.704,0.25,\n"
                           "\"say \"\"x, y\"\"\",7,,,\n");
    dg_text_free(&t);
    dg_report_free(&r);
}
END_TEST

START_TEST(json_has_facts_and_rows)
{
    dg_report r = made();
    json_t *all = dg_report_json(&r);
    dg_report_free(&r); /* the document stands on its own */
    ck_assert_str_eq(json_string_value(json_object_get(all, "bench")), "test");
    ck_assert_int_eq(json_integer_value(json_object_get(all, "ranks")), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "rows")), 2);
    json_decref(all);
}
END_TEST

START_TEST(a_report_without_rows_is_its_heads)
{
    dg_report r;
    dg_text t = {0};
    ck_assert_int_eq(dg_report_start("test", columns, N, &r, &err), DG_OK);
    dg_report_csv(&r, &t);
    ck_assert_str_eq(t.at, "what,rate,share,seconds,never\n");
    dg_text_free(&t);
    dg_report_table(&r, &t);
    ck_assert_str_eq(t.at, "\n");
    dg_text_free(&t);
    dg_report_free(&r);
    dg_report_free(&r);
}
END_TEST

UNIT_MAIN("report", the_table_aligns_columns_and_leaves_out_empty_ones,
          csv_has_every_column_in_plain_units_and_quotes_what_needs_it, json_has_facts_and_rows,
          a_report_without_rows_is_its_heads)
