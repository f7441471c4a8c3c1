#include "base/status.h"

#include "unit_main.h"

#include <errno.h>
#include <string.h>

static dg_err err;

/* The numbers are the contract of docs/operations.md; scripts test for them. */
START_TEST(exit_codes_are_the_documented_ones)
{
    const struct {
        dg_status status;
        int exit;
    } expect[] = {{DG_OK, 0},
                  {DG_ERR_USAGE, 64},
                  {DG_ERR_DATA, 65},
                  {DG_ERR_NOINPUT, 66},
                  {DG_ERR_UNAVAILABLE, 69},
                  {DG_ERR_RANGE, 70},
                  {DG_ERR_DIFFER, 70},
                  {DG_ERR_INTERNAL, 70},
                  {DG_ERR_NOMEM, 71},
                  {DG_ERR_CANTCREATE, 73},
                  {DG_ERR_IO, 74},
                  {DG_ERR_AGAIN, 75},
                  {DG_ERR_NUMERIC, 76},
                  {DG_ERR_PERM, 77},
                  {DG_ERR_CONFIG, 78},
                  {DG_ERR_GATE, 79}};
    const size_t n = sizeof expect / sizeof *expect;
    ck_assert_uint_eq(n, DG_ERR_INTERNAL + 1); /* every status is in the table */
    for (size_t k = 0; k < n; k++) {
        ck_assert_int_eq(dg_status_exit(expect[k].status), expect[k].exit);
        ck_assert(strlen(dg_status_text(expect[k].status)) > 0);
    }
}
END_TEST

START_TEST(failing_records_text_and_place_and_forgets_an_old_hint)
{
    ck_assert(dg_err_hint(&err, DG_ERR_IO, "old") == DG_ERR_IO);
    err.rank = 9;
    ck_assert(DG_FAIL(&err, DG_ERR_DATA, "line %d", 12) == DG_ERR_DATA);
    const int line = __LINE__ - 1;
    ck_assert_str_eq(err.text, "line 12");
    ck_assert_str_eq(err.hint, "");
    ck_assert_int_eq(err.rank, -1);
    ck_assert_int_eq(err.line, line);
    ck_assert(strstr(err.file, "test_status.c") != NULL);
    ck_assert(dg_err_hint(&err, DG_ERR_DATA, "remove %s", "it") == DG_ERR_DATA);
    ck_assert_str_eq(err.text, "line 12");
    ck_assert_str_eq(err.hint, "remove it");
}
END_TEST

START_TEST(long_texts_are_cut_not_overrun)
{
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    DG_FAIL(&err, DG_ERR_IO, "%s", text);
    dg_err_hint(&err, DG_ERR_IO, "%s", text);
    ck_assert_uint_eq(strlen(err.text), sizeof err.text - 1);
    ck_assert_uint_eq(strlen(err.hint), sizeof err.hint - 1);
}
END_TEST

START_TEST(errno_decides_the_status)
{
    const struct {
        int number;
        dg_status status;
    } expect[] = {
        {ENOENT, DG_ERR_NOINPUT}, {EACCES, DG_ERR_PERM},        {EPERM, DG_ERR_PERM},
        {ENOMEM, DG_ERR_NOMEM},   {EROFS, DG_ERR_CANTCREATE},   {EEXIST, DG_ERR_CANTCREATE},
        {EIO, DG_ERR_IO},         {ENOTDIR, DG_ERR_CANTCREATE}, {ENOSPC, DG_ERR_IO}};
    for (size_t k = 0; k < sizeof expect / sizeof *expect; k++) {
        errno = expect[k].number;
        ck_assert_int_eq(dg_err_errno(&err, "data/x.csv", "cannot open"), expect[k].status);
    }
    errno = ENOENT;
    dg_err_errno(&err, "data/x.csv", "cannot open");
    ck_assert_str_eq(err.text, "data/x.csv: cannot open: No such file or directory");
}
END_TEST

UNIT_MAIN("status", exit_codes_are_the_documented_ones,
          failing_records_text_and_place_and_forgets_an_old_hint, long_texts_are_cut_not_overrun,
          errno_decides_the_status)
