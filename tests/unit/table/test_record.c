/* Bad records: each cause with its place and words; bounded memory; faults; mutations. */
#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "made_file.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns user, item, value, time, event, scene; the text stands in line 3 of 4. */
static void assert_reject(const char *line, size_t n, const char *expect)
{
    const dg_dialect d = dg_dialect_default();
    dg_text t = {0}, whole = {0};
    dg_text_add(&t, "u,i,v,t,e,s\na,b,1,2,c,d\n");
    dg_text_bytes(&t, line, n);
    dg_text_add(&t, "\ne,f,3,4,,\n");
    dg_text_add(&whole, "a,b,1,2,c,d @12\n! 3%s\ne,f,3,4 @%zu\n= 4", expect, 24 + n + 1);
    char *got = transcript_of(t.at, t.n, &d, "u i v t e s");
    ck_assert_str_eq(got, whole.at);
    dg_text_free(&t);
    dg_text_free(&whole);
    dg_free(got);
}

static void assert_line(const char *line, const char *expect)
{
    assert_reject(line, strlen(line), expect);
}

START_TEST(each_cause_has_its_place_and_words)
{
    assert_line("a,b,1", " 3 columns where 6 are expected");
    assert_line("a,b,1,2,c,d,e", " 7 columns where 6 are expected");
    assert_line(",b,1,2,c,d", ":1 the user is empty");
    assert_line("a,\"\",1,2,c,d", ":2 the item is empty");
    assert_line("a,b,abc,2,c,d", ":3 \"abc\" is not a number");
    assert_line("a,b,,2,c,d", ":3 \"\" is not a number");
    assert_line("a,b,nan,2,c,d", ":3 \"nan\" is not a number");
    assert_line("a,b,-inf,2,c,d", ":3 \"-inf\" is not a number");
    assert_line("a,b,0x1p3,2,c,d", ":3 \"0x1p3\" is not a number");
    assert_line("a,b,\"4,5\",2,c,d", ":3 \"4,5\" is not a number");
    assert_line("a,b, 5,2,c,d", ":3 \" 5\" is not a number");
    assert_line("a,b,1e39,2,c,d", ":3 \"1e39\" is too large");
    assert_line("a,b,1,2010-13-01,c,d", ":4 \"2010-13-01\" is not a time");
    assert_line("a,b,1,,c,d", ":4 \"\" is not a time");
    assert_line("a,b,1,2,\xff,d", ":5 \"\\xff\" is not UTF-8: byte 1 is 0xff");
    assert_line("a,b,1,2,c,导\xe8\xb4", ":6 \"导\\xe8\\xb4\" is not UTF-8: byte 4 is 0xe8");
    assert_line("a,\"b\"c,1,2,c,d", ":2 \"c,1,2,c,d\" follows a closing quote");
    assert_line("a,b,1,2,\"c,d", ":5 \"c,d\" has no closing quote");
    assert_reject("a,b\0,1,2,c,d", 12, ":2 \"b\\x00\" has a NUL byte");
    assert_reject("a,b,1,2,c,\0", 11, ":6 \"\\x00\" has a NUL byte");
}
END_TEST

START_TEST(ids_up_to_512_bytes)
{
    dg_text t = {0}, expect = {0};
    char x[600], head[100];
    memset(x, 'x', sizeof x);
    dg_text_add(&t, "%.513s,b,1,2,c,d", x);
    memset(head, 'x', 94);
    head[94] = '\0';
    dg_text_add(&expect, ":1 \"%s…\" is 513 bytes long, at most 512 are allowed", head);
    assert_line(t.at, expect.at);
    const char *const good[] = {"%.512s,b,1,2,c,d", "a,%.512s,1,2,c,d", "a,b,1,2,%.512s,d",
                                "a,b,1,2,c,%.512s"};
    for (int k = 0; k < 4; k++) {
        const dg_dialect d = dg_dialect_default();
        t.n = 0;
        dg_text_add(&t, "u,i,v,t,e,s\n");
        char line[600];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(line, sizeof line, good[k], x);
#pragma GCC diagnostic pop
        dg_text_add(&t, "%s\n", line);
        char *got = transcript_of(t.at, t.n, &d, "u i v t e s");
        ck_assert_msg(got[0] != '!', "%s", got);
        dg_free(got);
    }
    dg_text_free(&t);
    dg_text_free(&expect);
}
END_TEST

START_TEST(a_latin1_id_is_measured_in_utf8)
{
    dg_dialect d = dg_dialect_default();
    d.encoding = DG_ENCODING_LATIN1;
    dg_text t = {0};
    dg_text_add(&t, "u,i\n");
    for (int k = 0; k < 256; k++) dg_text_add(&t, "\xe9");
    dg_text_add(&t, ",1\n");
    for (int k = 0; k < 257; k++) dg_text_add(&t, "\xe9");
    dg_text_add(&t, ",2\n");
    char *got = transcript_of(t.at, t.n, &d, "u i");
    ck_assert_ptr_nonnull(strstr(got, "é,1,1,0 @4\n! 3:1 \"é"));
    ck_assert_ptr_nonnull(strstr(got, " is 514 bytes long, at most 512 are allowed\n= 3"));
    dg_free(got);
    dg_text_free(&t);
}
END_TEST

START_TEST(a_bad_item_of_a_list_leaves_the_others)
{
    dg_dialect d = dg_dialect_default();
    d.format = DG_FORMAT_LISTS;
    d.header = false;
    strcpy(d.separator, " ");
    char *got = transcript_of("7 1 \xff 3\n\xff 1 2\n8 4\n9 1 2\n9 3 4 5\0\n1 1\n", 37, &d, "- -");
    ck_assert_str_eq(got, "7,1,1,1 @1\n"
                          "! 1:3 \"\\xff\" is not UTF-8: byte 1 is 0xff\n"
                          "7,3,1,3 @3\n"
                          "! 2:1 \"\\xff\" is not UTF-8: byte 1 is 0xff\n"
                          "8,4,1,1 @15\n"
                          "9,1,1,1 @19\n"
                          "9,2,1,2 @20\n"
                          "! 5:4 \"5\\x00\" has a NUL byte\n"
                          "1,1,1,1 @34\n"
                          "= 6");
    dg_free(got);
}
END_TEST

START_TEST(a_reject_becomes_an_error_with_file_and_line)
{
    dg_reject r = {
        .cause = DG_REJECT_NUMBER, .line = 4, .column = 3, .reason = "\"abc\" is not a number"};
    dg_err err;
    ck_assert_int_eq(dg_reject_fail(&r, "data/x.csv", 1200, &err), DG_ERR_DATA);
    ck_assert_str_eq(err.text, "data/x.csv:1204: column 3: \"abc\" is not a number");
    ck_assert_str_eq(dg_reject_text(DG_REJECT_NUL), "NUL byte");
}
END_TEST

/* ---- bounded memory ---- */

/* Append to the file, or to its compressed form as one more member. */
static void append_content(made_file *f, const char *bytes, size_t n)
{
    dg_text packed = {0};
    if (f->source.codec == DG_CODEC_PLAIN)
        append_file(f, bytes, n);
    else
        compress_to(&packed, f->source.codec, bytes, n);
    if (packed.n > 0) append_file(f, packed.at, packed.n);
    dg_text_free(&packed);
}

/* A line of `megabytes` times 10^6 bytes between two good ones costs a reject, and no memory. */
static void assert_bounded(const char *unit, int megabytes, dg_codec codec, const char *reason)
{
    static char block[1000000];
    const size_t n = strlen(unit);
    for (size_t k = 0; k < sizeof block; k++) block[k] = unit[k % n];
    made_file f;
    dg_text got = {0}, expect = {0};
    dg_dialect d = dg_dialect_default();
    const dg_layout layout = {.n_fields = 2, .column = {0, 1, -1, -1, -1, -1}};
    d.header = false;
    make_file(&f, "", 0, codec);
    append_content(&f, "1,2\n", 4);
    for (int k = 0; k < megabytes; k++) append_content(&f, block, sizeof block);
    append_content(&f, "\n3,4\n", 5);

    const size_t before = dg_peak_rss();
    ck_assert_int_eq(transcribe(&f.source, &d, &layout, 0, f.source.size, 0, &got), 3);
    ck_assert_uint_lt(dg_peak_rss() - before, 8 << 20);
    dg_text_add(&expect, "1,2,1,0 @0\n! 2 %s\n3,4,1,0 @%lld\n", reason, megabytes * 1000000LL + 5);
    ck_assert_str_eq(got.at, expect.at);
    dg_text_free(&got);
    dg_text_free(&expect);
    drop_file(&f);
}

START_TEST(ten_million_columns_are_one_reject)
{
    assert_bounded(
        "1,", 20, DG_CODEC_PLAIN,
        "\"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
        "1,1,1,1,1,1,…\" begins a record longer than 1048576 bytes");
}
END_TEST

START_TEST(a_line_of_100_megabytes_is_one_reject)
{
    static const dg_codec codecs[] = {DG_CODEC_PLAIN, DG_CODEC_GZIP, DG_CODEC_ZSTD};
    for (int k = 0; k < 3; k++)
        assert_bounded("abcdefghij", 100, codecs[k],
                       "\"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
                       "abcdefghijabcdefghijabcd…\" begins a record longer than 1048576 bytes");
}
END_TEST

START_TEST(half_a_million_columns_are_a_ragged_row)
{
    const dg_dialect d = dg_dialect_default();
    dg_text t = {0};
    dg_text_add(&t, "u,i\n");
    for (int k = 0; k < 500000; k++) dg_text_bytes(&t, "1,", 2);
    char *got = transcript_of(t.at, t.n, &d, "u i");
    ck_assert_str_eq(got, "! 2 500001 columns where 2 are expected\n= 2");
    dg_free(got);
    dg_text_free(&t);
}
END_TEST

/* ---- faults and mutations ---- */

START_TEST(every_failing_allocation_or_read_leaves_nothing)
{
    static const char *const sites[] = {"alloc", "read"};
    const char *const columns[DG_N_ROLES] = {"u", "i"};
    const dg_dialect d = {DG_FORMAT_CSV, DG_ENCODING_LATIN1, true, '"', ","};
    for (int k = 0; k < 2; k++) {
        int failed = 0;
        for (int nth = 1;; nth++) {
            made_file f;
            dg_layout layout;
            dg_records *r = NULL;
            dg_record x;
            dg_err err = {0};
            char spec[32];
            make_file(&f, "u,i\n1,a\n", 8, DG_CODEC_PLAIN);
            snprintf(spec, sizeof spec, "%s:0:%d", sites[k], nth);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            dg_status st = dg_layout_read(&f.source, &d, columns, NULL, &layout, &err);
            if (st == DG_OK)
                st = dg_records_open(&f.source, &d, &layout, NULL, (dg_bytes){0, 8, 0}, &r, &err);
            if (st == DG_OK) st = dg_records_next(r, &x, &err);
            dg_records_close(&r);
            dg_records_close(&r);
            drop_file(&f);
            ck_assert_uint_eq(dg_alloc_live(), 0);
            if (st == DG_OK) break;
            ck_assert_msg(st == (k == 0 ? DG_ERR_NOMEM : DG_ERR_IO), "%s: %s", spec, err.text);
            failed++;
        }
        ck_assert_int_gt(failed, 1);
    }
}
END_TEST

static void mutate(dg_text *t, dg_rng *r)
{
    static const char letters[] = "\",\n\r \t:;|0123456789.eE+-naN\xff\xc3\xa9";
    for (uint32_t n = dg_rng_below(r, 6); n > 0 && t->n > 1; n--) {
        const size_t at = dg_rng_below(r, (uint32_t)t->n);
        const size_t some = dg_rng_below(r, 10);
        switch (dg_rng_below(r, 4)) {
        case 0: t->at[at] = letters[dg_rng_below(r, sizeof letters)]; break; /* a NUL among them */
        case 1: t->at[at] ^= (char)(1 << dg_rng_below(r, 8)); break;
        case 2: /* take some out */
            if (at + some < t->n) {
                memmove(t->at + at, t->at + at + some, t->n - at - some);
                t->n -= some;
            }
            break;
        default: t->n = at + 1; break; /* cut off */
        }
    }
}

static void assert_sane(const dg_record *x, int64_t *position, int64_t size)
{
    bool sane = x->position > *position && x->position < size;
    const dg_slice text[] = {x->user, x->item, x->event, x->scene};
    for (int k = 0; k < 4; k++)
        sane = sane && text[k].n <= DG_ID_MAX && (k > 1 || text[k].n > 0) &&
               dg_utf8_valid(text[k].at, text[k].n) &&
               (text[k].n == 0 || memchr(text[k].at, '\0', text[k].n) == NULL);
    if (!sane || !isfinite(x->value)) ck_abort_msg("record at %lld", (long long)x->position);
    *position = x->position;
}

static void assert_printable(const dg_reject *r)
{
    bool sane =
        r->cause < DG_N_REJECT_CAUSES && r->line > 0 && dg_utf8_valid(r->reason, strlen(r->reason));
    for (const char *c = r->reason; *c != '\0'; c++) sane = sane && ((unsigned char)*c >= 0x20);
    if (!sane) ck_abort_msg("line %lld: %s", (long long)r->line, r->reason);
}

static void read_mutant(const dg_text *t, const dg_dialect *d, const char *const *columns)
{
    made_file f;
    dg_layout layout;
    dg_records *r = NULL;
    dg_record x;
    dg_err err;
    make_file(&f, t->at, t->n, DG_CODEC_PLAIN);
    int64_t position = -1, lines = 1;
    for (size_t k = 0; k + 1 < t->n; k++) lines += t->at[k] == '\n';
    dg_status st = dg_layout_read(&f.source, d, columns, NULL, &layout, &err);
    if (st == DG_OK) {
        ck_assert_int_eq(
            dg_records_open(&f.source, d, &layout, NULL, (dg_bytes){0, f.source.size, 0}, &r, &err),
            DG_OK);
        while ((st = dg_records_next(r, &x, &err)) == DG_OK && x.outcome != DG_OUTCOME_END)
            if (x.outcome == DG_OUTCOME_RECORD)
                assert_sane(&x, &position, f.source.size);
            else
                assert_printable(x.reject);
        ck_assert_int_eq(st, DG_OK);
        ck_assert_int_eq(dg_records_lines(r), lines);
        dg_records_close(&r);
    } else {
        ck_assert(st == DG_ERR_DATA || st == DG_ERR_CONFIG);
    }
    drop_file(&f);
}

START_TEST(mutants_give_sane_records_or_printable_rejects)
{
    static const char *const seeds[] = {
        "user,item,value,time,event,scene\n7,\"a,b\",4.5,100,view,home\n"
        "8,\"c \"\"d\"\"\",-1e2,2010-12-01 08:26:00,\"buy\",\r\nJosé,导购,.5,-7,,\n",
        "1\t2\t3\t881250949\tx\ty\n\n4\t5\t6\t7\t\t\n\"q\"\t\"r\n s\"\t1\t1\te\ts\n",
        "1 10 20 30\n2 40\n3 10 10 10 10 10\n"};
    static const char *const separators[] = {",", "\t", " "};
    const char *const columns[DG_N_ROLES] = {"1", "2", "3", "4", "5", "6"};
    dg_rng r = dg_rng_at(5, DG_RNG_TEST, 0);
    for (uint64_t round = 0; round < 9000; round++) {
        const size_t k = round % 3;
        dg_dialect d = dg_dialect_default();
        dg_text t = {0};
        strcpy(d.separator, separators[k]);
        d.header = k == 0;
        d.format = k == 2 ? DG_FORMAT_LISTS : DG_FORMAT_CSV;
        d.encoding = dg_rng_below(&r, 3) == 0 ? DG_ENCODING_LATIN1 : DG_ENCODING_UTF8;
        dg_text_add(&t, "%s", seeds[k]);
        mutate(&t, &r);
        read_mutant(&t, &d, columns);
        dg_text_free(&t);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(cut_anywhere_a_text_file_still_reads)
{
    static const char file[] =
        "user,item,value,time\r\n7,\"a,b\",4.5,100\r\n\xc3\xa9,\"c\"\"\",-1e2,7\r\n";
    const char *const columns[DG_N_ROLES] = {"1", "2"};
    const dg_dialect d = dg_dialect_default();
    for (size_t n = 1; n < sizeof file; n++) {
        dg_text t = {0};
        dg_text_bytes(&t, file, n);
        read_mutant(&t, &d, columns);
        dg_text_free(&t);
    }
}
END_TEST

UNIT_MAIN("record", each_cause_has_its_place_and_words, ids_up_to_512_bytes,
          a_latin1_id_is_measured_in_utf8, a_bad_item_of_a_list_leaves_the_others,
          a_reject_becomes_an_error_with_file_and_line, ten_million_columns_are_one_reject,
          a_line_of_100_megabytes_is_one_reject, half_a_million_columns_are_a_ragged_row,
          every_failing_allocation_or_read_leaves_nothing,
          mutants_give_sane_records_or_printable_rejects, cut_anywhere_a_text_file_still_reads)
