#include "table/header.h"

#include "base/memory.h"
#include "made_file.h"
#include "unit_main.h"

#include <string.h>

static dg_status layout_of(const char *bytes, const dg_dialect *d,
                           const char *const columns[DG_N_ROLES], dg_layout *out, dg_err *err)
{
    made_file f;
    make_file(&f, bytes, strlen(bytes), DG_CODEC_PLAIN);
    memset(err, 0, sizeof *err);
    const dg_status st = dg_layout_read(&f.source, d, columns, NULL, out, err);
    if (st != DG_OK) { /* which file is no news */
        ck_assert_int_eq(strncmp(err->text, f.path, strlen(f.path)), 0);
        memmove(err->text, err->text + strlen(f.path), strlen(err->text + strlen(f.path)) + 1);
    }
    drop_file(&f);
    ck_assert_uint_eq(dg_alloc_live(), 0);
    return st;
}

static void assert_fails(const char *bytes, bool header, const char *user, const char *item,
                         dg_status expect, const char *text, const char *hint)
{
    const char *const columns[DG_N_ROLES] = {user, item};
    dg_dialect d = dg_dialect_default();
    dg_layout layout;
    dg_err err;
    d.header = header;
    ck_assert_int_eq(layout_of(bytes, &d, columns, &layout, &err), expect);
    ck_assert_str_eq(err.text, text);
    ck_assert_str_eq(err.hint, hint);
}

START_TEST(a_layout_says_where_things_are)
{
    const char *const columns[DG_N_ROLES] = {"u", "i", NULL, "3"};
    dg_dialect d = dg_dialect_default();
    dg_layout l;
    dg_err err;
    ck_assert_int_eq(layout_of("\n\"i\",\"u\",\"t\nime\"\n1,2,3\n", &d, columns, &l, &err), DG_OK);
    ck_assert_int_eq(l.data_begin, 17);
    ck_assert_int_eq(l.header_lines, 3);
    ck_assert_int_eq(l.n_fields, 3);
    ck_assert(!l.empty);
    const int32_t expect[DG_N_ROLES] = {1, 0, -1, 2, -1, -1};
    ck_assert_mem_eq(l.column, expect, sizeof expect);
}
END_TEST

START_TEST(header_only_is_told_from_a_header_with_rows)
{
    const char *const columns[DG_N_ROLES] = {"u", "i"};
    const dg_dialect d = dg_dialect_default();
    dg_layout l;
    dg_err err;
    static const char *const empty[] = {"u,i", "u,i\n", "u,i\r\n\r\n\n", "\n\nu,i\n\n"};
    for (int k = 0; k < 4; k++) {
        ck_assert_int_eq(layout_of(empty[k], &d, columns, &l, &err), DG_OK);
        ck_assert_msg(l.empty, "%s", empty[k]);
    }
    ck_assert_int_eq(layout_of("u,i\n\n1", &d, columns, &l, &err), DG_OK);
    ck_assert(!l.empty);
    ck_assert_int_eq(layout_of("u,i\n\"", &d, columns, &l, &err), DG_OK);
    ck_assert(!l.empty); /* its one row is bad: that is for the reader to say */
}
END_TEST

START_TEST(a_missing_column_names_those_there_are)
{
    assert_fails("userId,movieId,rating\n1,2,3\n", true, "userid", "movieId", DG_ERR_CONFIG,
                 ": no column \"userid\"; there are \"userId\", \"movieId\", \"rating\"",
                 "did you mean \"userId\"?");
    assert_fails("a,b\n1,2\n", true, "a", "something", DG_ERR_CONFIG,
                 ": no column \"something\"; there are \"a\", \"b\"", "");
    assert_fails("a,b\n1,2\n", true, "a", "3", DG_ERR_CONFIG,
                 ": no column \"3\"; there are \"a\", \"b\"", "did you mean \"a\"?");
    assert_fails("a,b\n1,2\n", true, "0", "b", DG_ERR_CONFIG,
                 ": no column \"0\"; there are \"a\", \"b\"", "did you mean \"a\"?");
    assert_fails("1,2,3\n", false, "1", "4", DG_ERR_DATA,
                 ": no column \"4\"; there are 3, by number: there is no header", "");
    assert_fails("1,2,3\n", false, "user", "2", DG_ERR_CONFIG,
                 ": no column \"user\"; there are 3, by number: there is no header", "");
}
END_TEST

START_TEST(one_single_column_puts_the_separator_in_doubt)
{
    assert_fails("user;item\n1;2\n", true, "user", "item", DG_ERR_CONFIG,
                 ": no column \"user\"; there are \"user;item\"",
                 "the whole first line is one column: is \",\" the separator?");
    assert_fails("1::2\n", false, "1", "2", DG_ERR_DATA,
                 ": no column \"2\"; there are 1, by number: there is no header",
                 "the whole first line is one column: is \",\" the separator?");
}
END_TEST

START_TEST(a_name_must_be_one_column)
{
    assert_fails("a,b,a\n", true, "a", "b", DG_ERR_DATA, ": 2 columns are named \"a\"", "");
    assert_fails("a,b\n", true, "a", NULL, DG_ERR_CONFIG, ": which column is the item is not said",
                 "");
    dg_layout l;
    dg_err err;
    const dg_dialect d = dg_dialect_default();
    const char *const columns[DG_N_ROLES] = {"1", "b"};
    ck_assert_int_eq(layout_of("a,b,a\n1,2,3\n", &d, columns, &l, &err), DG_OK);
}
END_TEST

START_TEST(a_broken_header_is_bad_data)
{
    assert_fails("\n \"user\",\"it\"em\n", true, "user", "item", DG_ERR_DATA,
                 ":2: column 2: \"em\" follows a closing quote", "");
    assert_fails("user,\"item\n1,2\n", true, "user", "item", DG_ERR_DATA,
                 ":1: column 2: \"item\" has no closing quote", "");
    assert_fails("user,it\xe9m\n1,2\n", true, "user", "item", DG_ERR_DATA,
                 ":1: column 2: \"it\\xe9m\" is not UTF-8: byte 3 is 0xe9",
                 "is the file in another encoding, such as latin1?");
    assert_fails("\n\r\n\n", true, "user", "item", DG_ERR_DATA, ": nothing but blank lines", "");
    assert_fails("\n\r\n\n", false, "1", "2", DG_ERR_DATA, ": nothing but blank lines", "");
    assert_fails("user,item\r1,2\r3,4\r", true, "user", "item", DG_ERR_DATA,
                 ": its lines end in CR alone", "convert it: tr '\\r' '\\n'");
    assert_fails("\"1,2\n", false, "1", "2", DG_ERR_DATA,
                 ":1: column 1: \"1,2\" has no closing quote", "");
}
END_TEST

START_TEST(without_a_header_the_first_good_record_counts)
{
    dg_layout l;
    dg_err err;
    dg_dialect d = dg_dialect_default();
    const char *const columns[DG_N_ROLES] = {"1", "2"};
    d.header = false;
    ck_assert_int_eq(layout_of("\"a\"b,c\n1,2,3\n1,2\n", &d, columns, &l, &err), DG_OK);
    ck_assert_int_eq(l.n_fields, 3);
    ck_assert_int_eq(l.data_begin, 0);
    ck_assert_int_eq(l.header_lines, 0);
    ck_assert_int_eq(layout_of("\x81\x80\n1,2,3\n", &d, columns, &l, &err), DG_OK);
    ck_assert_int_eq(l.n_fields, 3);
    assert_fails("\x81\x80\n\x80,2\n", false, "1", "2", DG_ERR_DATA,
                 ":1: column 1: \"\\x81\\x80\" is not UTF-8: byte 1 is 0x81",
                 "is the file in another encoding, such as latin1?");
}
END_TEST

START_TEST(many_columns_are_listed_in_part)
{
    dg_text t = {0};
    for (int k = 0; k < 5000; k++) dg_text_add(&t, "%scolumn number %d", k == 0 ? "" : ",", k);
    dg_text_add(&t, "\n1\n");
    const char *const columns[DG_N_ROLES] = {"column number 4999", "colum number 4321"};
    made_file f;
    dg_layout l;
    dg_err err;
    const dg_dialect d = dg_dialect_default();
    make_file(&f, t.at, t.n, DG_CODEC_PLAIN);
    ck_assert_int_eq(dg_layout_read(&f.source, &d, columns, NULL, &l, &err), DG_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "\"column number 15\" and 4984 more"));
    ck_assert_str_eq(err.hint, "did you mean \"column number 4321\"?");
    dg_text_free(&t);
    drop_file(&f);
}
END_TEST

UNIT_MAIN("header", a_layout_says_where_things_are, header_only_is_told_from_a_header_with_rows,
          a_missing_column_names_those_there_are, one_single_column_puts_the_separator_in_doubt,
          a_name_must_be_one_column, a_broken_header_is_bad_data,
          without_a_header_the_first_good_record_counts, many_columns_are_listed_in_part)
