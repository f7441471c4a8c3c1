/* Lines written by many threads arrive whole; rotation by renaming loses none. */
#include "base/file.h"
#include "scratch.h"
#include "serve/measure/journal.h"
#include "unit_main.h"

#include <pthread.h>
#include <sys/stat.h>

static dg_err err;

static int64_t lines_of(const char *path, const char *line)
{
    dg_text text = {0};
    int64_t n = 0;
    ck_assert_msg(dg_file_read(path, 1 << 26, &text, &err) == DG_OK, "%s", err.text);
    const size_t length = strlen(line);
    for (const char *at = text.at; text.n > 0 && *at != '\0'; at += length + 1, n++)
        ck_assert_msg(strncmp(at, line, length) == 0 && at[length] == '\n', "%.40s", at);
    dg_text_free(&text);
    return n;
}

static void *write_often(void *journal)
{
    for (int k = 0; k < 5000; k++) dg_journal_line(journal, "a line of some length", 21);
    return NULL;
}

START_TEST(lines_of_many_threads_arrive_whole)
{
    const char *path = scratch(getpid(), "log");
    pthread_t thread[4];
    dg_journal *j;
    ck_assert_msg(dg_journal_open(path, &j, &err) == DG_OK, "%s", err.text);
    for (int k = 0; k < 4; k++) pthread_create(&thread[k], NULL, write_often, j);
    for (int k = 0; k < 4; k++) pthread_join(thread[k], NULL);
    const int64_t dropped = (int64_t)dg_journal_dropped(j);
    dg_journal_close(&j);
    dg_journal_close(&j);
    ck_assert_int_eq(lines_of(path, "a line of some length") + dropped, 20000);
    scratch_remove();
}
END_TEST

START_TEST(rotation_by_renaming_loses_no_line)
{
    const char *path = scratch(getpid(), "log"), *before = scratch(getpid(), "log.1");
    dg_journal *j;
    ck_assert_msg(dg_journal_open(path, &j, &err) == DG_OK, "%s", err.text);
    for (int k = 0; k < 100; k++) dg_journal_line(j, "x", 1);
    ck_assert_int_eq(rename(path, before), 0);
    for (int k = 0; k < 50; k++) dg_journal_line(j, "x", 1);
    ck_assert_int_eq(dg_journal_reopen(j, &err), DG_OK);
    ck_assert_int_eq(lines_of(before, "x"), 150);
    for (int k = 0; k < 7; k++) dg_journal_line(j, "x", 1);
    dg_journal_close(&j);
    ck_assert_int_eq(lines_of(path, "x"), 7);
    scratch_remove();
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_again_is_gone_on_with)
{
    const char *path = scratch(getpid(), "log"), *before = scratch(getpid(), "log.1");
    dg_journal *j;
    ck_assert_int_eq(dg_journal_open(path, &j, &err), DG_OK);
    ck_assert_int_eq(rename(path, before), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* no file can have the name now */
    ck_assert_int_ne(dg_journal_reopen(j, &err), DG_OK);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    dg_journal_line(j, "x", 1);
    dg_journal_close(&j);
    ck_assert_int_eq(lines_of(before, "x"), 1);
    scratch_remove();
}
END_TEST

START_TEST(a_full_disk_drops_lines_and_counts_them)
{
    dg_journal *j;
    if (access("/dev/full", W_OK) != 0) return;
    ck_assert_int_eq(dg_journal_open("/dev/full", &j, &err), DG_OK);
    for (int k = 0; k < 10; k++) dg_journal_line(j, "x", 1);
    ck_assert_int_eq(dg_journal_reopen(j, &err), DG_OK); /* written out by now, or dropped */
    ck_assert_uint_eq(dg_journal_dropped(j), 10);
    dg_journal_close(&j);
    ck_assert_uint_eq(dg_journal_dropped(NULL), 0);
}
END_TEST

START_TEST(a_file_nobody_may_make_is_an_error)
{
    dg_journal *j;
    ck_assert_int_ne(dg_journal_open(scratch(getpid(), "no/such/folder/log"), &j, &err), DG_OK);
    ck_assert_ptr_null(j);
    ck_assert_ptr_nonnull(strstr(err.text, "no/such/folder/log: cannot open"));
    scratch_remove();
}
END_TEST

UNIT_MAIN("journal", lines_of_many_threads_arrive_whole, rotation_by_renaming_loses_no_line,
          a_file_that_cannot_be_opened_again_is_gone_on_with,
          a_full_disk_drops_lines_and_counts_them, a_file_nobody_may_make_is_an_error)
