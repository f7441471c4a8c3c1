#include "table/rows.h"

#include "base/fault.h"
#include "base/memory.h"
#include "made_file.h"
#include "unit_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows as "LINE [field][field]", rejects as "! LINE:COLUMN reason", or the error behind the path.
 */
static char *transcript(const char *bytes, const dg_dialect *d, const char *const *wanted,
                        int32_t n_wanted)
{
    made_file f;
    dg_rows *r;
    dg_table_row row;
    dg_err err = {0};
    dg_text out = {0};
    make_file(&f, bytes, strlen(bytes), DG_CODEC_PLAIN);
    dg_status st = dg_rows_open(&f.source, d, wanted, n_wanted, &r, &err);
    while (st == DG_OK && (st = dg_rows_next(r, &row, &err)) == DG_OK &&
           row.outcome != DG_OUTCOME_END) {
        if (row.outcome == DG_OUTCOME_REJECT) {
            ck_assert_int_eq(row.line, row.reject->line);
            dg_reject_fail(row.reject, "! ", 0, &err);
            dg_text_add(&out, "%s\n", err.text);
            continue;
        }
        dg_text_add(&out, "%lld ", (long long)row.line);
        for (int32_t k = 0; k < n_wanted; k++)
            dg_text_add(&out, "[%.*s]", (int)row.field[k].n, row.field[k].at);
        dg_text_add(&out, "\n");
    }
    if (st != DG_OK) dg_text_add(&out, "%s", err.text + strlen(f.path));
    dg_rows_close(&r);
    dg_rows_close(&r);
    drop_file(&f);
    return out.at;
}

static void assert_rows(dg_dialect d, const char *bytes, const char *first, const char *second,
                        const char *expect)
{
    const char *const wanted[] = {first, second};
    char *got = transcript(bytes, &d, wanted, 2);
    ck_assert_str_eq(got, expect);
    dg_free(got);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

START_TEST(wanted_columns_come_in_the_order_asked_for)
{
    assert_rows(dg_dialect_default(),
                "id,title,price\n"
                "1,\"Lamp, \"\"Moon\"\"\n(new)\",5\n\n"
                "2,导购,\n",
                "title", "id", "2 [Lamp, \"Moon\"\n(new)][1]\n5 [导购][2]\n");
    dg_dialect d = dg_dialect_default();
    d.header = false;
    strcpy(d.separator, "|");
    assert_rows(d, "1|Toy Story|x\n2||y\n", "2", "1", "1 [Toy Story][1]\n2 [][2]\n");
}
END_TEST

START_TEST(latin1_titles_become_utf8)
{
    dg_dialect d = dg_dialect_default();
    d.encoding = DG_ENCODING_LATIN1;
    assert_rows(d, "id,title\n1,Mis\xe9rables\n2,plain\n", "title", "id",
                "2 [Misérables][1]\n3 [plain][2]\n");
}
END_TEST

START_TEST(bad_rows_are_rejects)
{
    assert_rows(dg_dialect_default(), "id,title\n1\n2,a,b\n3,\xe9\n4,\"x\ny\n5,good\n", "id",
                "title",
                "! :2: 1 columns where 2 are expected\n"
                "! :3: 3 columns where 2 are expected\n"
                "! :4: column 2: \"\\xe9\" is not UTF-8: byte 1 is 0xe9\n"
                "! :5: column 2: \"x\" has no closing quote\n"
                "! :6: 1 columns where 2 are expected\n"
                "7 [5][good]\n");
}
END_TEST

START_TEST(a_catalogue_without_rows_or_columns_is_an_error)
{
    const dg_dialect d = dg_dialect_default();
    assert_rows(d, "id,title\n\n", "id", "title", ": a header and no row");
    assert_rows(d, "id,title\n1,2\n", "id", "titel",
                ": no column \"titel\"; there are \"id\", \"title\"");
    assert_rows(d, "\n", "id", "title", ": nothing but blank lines");
}
END_TEST

START_TEST(every_failing_allocation_or_read_leaves_nothing)
{
    const char *const wanted[] = {"id", "title"};
    const dg_dialect d = dg_dialect_default();
    static const char *const sites[] = {"alloc", "read"};
    for (int k = 0; k < 2; k++) {
        int failed = 0;
        for (int nth = 1;; nth++) {
            made_file f;
            dg_rows *r;
            dg_table_row row = {0};
            dg_err err = {0};
            char spec[32];
            make_file(&f, "id,title\n1,a\n", 13, DG_CODEC_PLAIN);
            snprintf(spec, sizeof spec, "%s:0:%d", sites[k], nth);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            dg_status st = dg_rows_open(&f.source, &d, wanted, 2, &r, &err);
            if (st == DG_OK) st = dg_rows_next(r, &row, &err);
            dg_rows_close(&r);
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

UNIT_MAIN("rows", wanted_columns_come_in_the_order_asked_for, latin1_titles_become_utf8,
          bad_rows_are_rejects, a_catalogue_without_rows_or_columns_is_an_error,
          every_failing_allocation_or_read_leaves_nothing)
