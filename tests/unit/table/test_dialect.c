/* What each dialect reads: every file is small enough to check by eye. */
#include "table/dialect.h"

#include "base/memory.h"
#include "made_file.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

static dg_dialect csv(const char *separator, bool header)
{
    dg_err err;
    dg_dialect d = dg_dialect_default();
    ck_assert_int_eq(dg_dialect_separate(&d, separator, &err), DG_OK);
    d.header = header;
    return d;
}

static void assert_reads_bytes(dg_dialect d, const char *columns, const char *bytes, size_t n,
                               const char *expect)
{
    char *got = transcript_of(bytes, n, &d, columns);
    ck_assert_str_eq(got, expect);
    dg_free(got);
}

static void assert_reads(dg_dialect d, const char *columns, const char *bytes, const char *expect)
{
    assert_reads_bytes(d, columns, bytes, strlen(bytes), expect);
}

START_TEST(any_short_string_separates)
{
    static const char *const separators[] = {
        ",", ";", "|", " ", "::", "\t", "|||", "<->", "§", "abcdefg"};
    for (size_t k = 0; k < sizeof separators / sizeof *separators; k++) {
        const char *s = separators[k];
        char file[200], expect[200];
        snprintf(file, sizeof file, "u%si%sv%st\nx%s\"y%sz\"%s4.5%s-7\n", s, s, s, s, s, s, s);
        snprintf(expect, sizeof expect, "x,y%sz,4.5,-7 @%zu\n= 2", s, 5 + 3 * strlen(s));
        assert_reads(csv(s, true), "u i v t", file, expect);
    }
    assert_reads(csv("\\t", false), "1 2", "a b\tc\n", "a b,c,1,0 @0\n= 1");
}
END_TEST

START_TEST(a_part_of_a_long_separator_is_text)
{
    assert_reads(csv("::", false), "1 2 3", "a:b::c:d::1\na::b:::2\n",
                 "a:b,c:d,1,0 @0\n! 2:3 \":2\" is not a number\n= 2");
    assert_reads(csv("||", false), "1 2", "a||b|\n|||c\n",
                 "a,b|,1,0 @0\n! 2:1 the user is empty\n= 2");
}
END_TEST

START_TEST(separators_that_could_not_work_are_refused)
{
    static const char *const bad[] = {"", "12345678", "\n", "a\r", "\"", ",\","};
    dg_dialect d = dg_dialect_default();
    dg_err err;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_int_eq(dg_dialect_separate(&d, bad[k], &err), DG_ERR_CONFIG);
    ck_assert_str_eq(d.separator, ",");
    d.quote = '\0';
    ck_assert_int_eq(dg_dialect_separate(&d, "\"", &err), DG_OK);
    d = csv("§", false);
    d.encoding = DG_ENCODING_LATIN1;
    assert_reads(d, "1 2",
                 "a\xa7"
                 "b\n",
                 ": a latin1 file needs an ASCII separator");
}
END_TEST

START_TEST(quotes_hold_separators_quotes_and_line_breaks)
{
    const dg_dialect d = csv(",", false);
    assert_reads(d, "1 2 3", "\"a,b\",\"c\"\"d\"\"\",\"5\"\n", "a,b,c\"d\",5,0 @0\n= 1");
    assert_reads(d, "1 2", "\"a\nb\",\"\r\n\"\r\nc,d\n", "a\nb,\r\n,1,0 @0\nc,d,1,0 @12\n= 4");
    assert_reads(d, "1 2", "a\"b,c\"\"d\n", "a\"b,c\"\"d,1,0 @0\n= 1"); /* inside: just text */
    assert_reads(d, "1 2", "\"\"\"\",\"x\"", "\",x,1,0 @0\n= 1");
    assert_reads(d, "1 2 3", "a,b,\"\"\n", "! 1:3 \"\" is not a number\n= 1");
}
END_TEST

START_TEST(quotes_can_be_turned_off_or_changed)
{
    dg_dialect d = csv("\t", false);
    d.quote = '\0';
    assert_reads(d, "1 2", "\"a\tb\"\n", "\"a,b\",1,0 @0\n= 1");
    d.quote = '\'';
    assert_reads(d, "1 2", "'a\tb'\t\"c\n", "a\tb,\"c,1,0 @0\n= 1");
}
END_TEST

START_TEST(lines_end_in_lf_or_crlf_or_the_file)
{
    const dg_dialect d = csv(",", false);
    const char *const expect = "a,b,1,0 @0\nc,d,2,0 @7\n= 2";
    assert_reads(d, "1 2 3", "a,b,1\r\nc,d,2\r\n", expect);
    assert_reads(d, "1 2 3", "a,b,1\r\nc,d,2", expect);
    assert_reads(d, "1 2 3", "a,b,1\r\nc,d,2\r", expect);
    assert_reads(d, "1 2 3", "a,b,1\r\n\"c\",d,\"2\"\r", "a,b,1,0 @0\nc,d,2,0 @7\n= 2");
    assert_reads(d, "1 2 3", "a,b,01\nc,d,2", "a,b,1,0 @0\nc,d,2,0 @7\n= 2");
    assert_reads(d, "1 2", "a,b\rc\n", "a,b\rc,1,0 @0\n= 1"); /* a lone CR is text */
}
END_TEST

START_TEST(blank_lines_count_and_say_nothing)
{
    assert_reads(csv(",", true), "u i", "\n\r\nu,i\n\n\na,b\n\r\nc,d\n\n",
                 "a,b,1,0 @9\nc,d,1,0 @15\n= 9");
}
END_TEST

START_TEST(byte_order_mark_is_passed_over)
{
    assert_reads(csv(",", true), "u i", "\xef\xbb\xbfu,i\na,b\n", "a,b,1,0 @7\n= 2");
    assert_reads(csv(",", false), "1 2",
                 "\xef\xbb\xbf"
                 "a,b\n",
                 "a,b,1,0 @3\n= 1");
    assert_reads(csv(",", false), "1 2", "\xef\xbb\xbf\"a\",b\n", "a,b,1,0 @3\n= 1");
    assert_reads_bytes(csv(",", false), "1 2",
                       "\xff\xfe"
                       "a\0,\0b\0\n\0",
                       10, ": UTF-16, not UTF-8");
    assert_reads_bytes(csv(",", false), "1 2", "\xfe\xff\0a\0,\0b\0\n", 10, ": UTF-16, not UTF-8");
}
END_TEST

START_TEST(latin1_becomes_utf8)
{
    dg_dialect d = csv(",", true);
    d.encoding = DG_ENCODING_LATIN1;
    assert_reads(d, "ünser it", "\xfcnser,it\nJos\xe9,\"\xff\xa0\"\"\"\nx,y\n",
                 "José,ÿ\u00a0\",1,0 @9\nx,y,1,0 @21\n= 3");
    d.encoding = DG_ENCODING_UTF8;
    assert_reads(d, "user item", "user,item\nJos\xe9,1\nJosé,2\n",
                 "! 2:1 \"Jos\\xe9\" is not UTF-8: byte 4 is 0xe9\nJosé,2,1,0 @17\n= 3");
}
END_TEST

START_TEST(all_roles_are_found_by_name_or_number)
{
    const char *const file = "t,s,i,v,u,e\n100,home,B,2,A,view\n2010-12-01 08:26:00,,B,3,A,\n";
    const char *const expect = "A,B,2,100,view,home @12\nA,B,3,1291191960 @32\n= 3";
    assert_reads(csv(",", true), "u i v t e s", file, expect);
    assert_reads(csv(",", true), "5 3 4 1 6 2", file, expect);
    assert_reads(csv(",", true), "u i - - e", file, "A,B,1,0,view @12\nA,B,1,0 @32\n= 3");
    /* A name that looks like a number is a name first. */
    assert_reads(csv(",", true), "2 1 0", ",0,1,2\n0,5,4076,993\n", "993,4076,5,0 @7\n= 2");
}
END_TEST

START_TEST(lists_are_events_in_order)
{
    dg_dialect d = csv(" ", false);
    d.format = DG_FORMAT_LISTS;
    assert_reads(d, "- -", "7 10 20 10\n8\n\n9  30 \n 5 \"6 \n",
                 "7,10,1,1 @1\n7,20,1,2 @2\n7,10,1,3 @3\n9,30,1,1 @15\n5,\"6,1,1 @22\n= 5");
    assert_reads(d, "- -", "   \n1 2", "1,2,1,1 @5\n= 2");
    d.header = true;
    assert_reads(d, "- -", "user items\r\n1 2 3\r\n", "1,2,1,1 @13\n1,3,1,2 @14\n= 2");
}
END_TEST

UNIT_MAIN("dialect", any_short_string_separates, a_part_of_a_long_separator_is_text,
          separators_that_could_not_work_are_refused, quotes_hold_separators_quotes_and_line_breaks,
          quotes_can_be_turned_off_or_changed, lines_end_in_lf_or_crlf_or_the_file,
          blank_lines_count_and_say_nothing, byte_order_mark_is_passed_over, latin1_becomes_utf8,
          all_roles_are_found_by_name_or_number, lists_are_events_in_order)
