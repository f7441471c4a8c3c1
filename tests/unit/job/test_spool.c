/* Checkpoints copied behind a run. */
#include "scratch.h"
#include "unit_main.h"

#include "base/fault.h"
#include "base/file.h"
#include "job/checkpoint.h"
#include "job/spool.h"

#include <sys/stat.h>

static char local[512], lasting[512];
static dg_spool *spool;

/* Five files, each of 3,000 times its number's digit, and two folders. */
static void set_up(const char *name)
{
    char path[600], bytes[3000];
    dg_err err;
    snprintf(local, sizeof local, "%s/local-%s", scratch(getpid(), "."), name);
    snprintf(lasting, sizeof lasting, "%s/lasting-%s", scratch(getpid(), "."), name);
    ck_assert_int_eq(dg_folder_make(local, &err), DG_OK);
    ck_assert_int_eq(dg_folder_make(lasting, &err), DG_OK);
    for (int k = 1; k <= 5; k++) {
        memset(bytes, '0' + k, sizeof bytes);
        dg_checkpoint_path(local, k, path, sizeof path);
        ck_assert_int_eq(dg_file_replace(path, bytes, sizeof bytes, &err), DG_OK);
    }
    ck_assert_int_eq(dg_spool_create(local, lasting, 2, &spool, &err), DG_OK);
}

static bool is_copied(int64_t sweep)
{
    char path[600];
    dg_text text = {0};
    dg_err err;
    const dg_status st =
        dg_file_read(dg_checkpoint_path(lasting, sweep, path, sizeof path), 9999, &text, &err);
    const bool good = st == DG_OK && text.n == 3000 && text.at[2999] == '0' + sweep;
    dg_text_free(&text);
    return good;
}

START_TEST(copies_appear_whole_and_the_newest_stay)
{
    int64_t sweep[DG_MAX_SAVED];
    dg_err err;
    set_up("keep");
    for (int k = 1; k <= 5; k++) ck_assert_int_eq(dg_spool_start(spool, k, &err), DG_OK);
    ck_assert_int_eq(dg_spool_wait(spool, &err), DG_OK);
    ck_assert_int_eq(dg_spool_wait(spool, &err), DG_OK);
    ck_assert(dg_spool_takes(spool) > 0);
    ck_assert_int_eq(dg_checkpoint_list(lasting, sweep), 2);
    ck_assert(is_copied(5) && is_copied(4));
    dg_spool_destroy(&spool);
}
END_TEST

START_TEST(a_copy_that_fails_is_told_and_leaves_the_one_before)
{
    static const char *const specs[] = {"write:0:1", "fsync:0:1"};
    char path[700];
    dg_err err;
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        set_up(specs[k]);
        ck_assert_int_eq(dg_spool_start(spool, 1, &err), DG_OK);
        ck_assert_int_eq(dg_spool_wait(spool, &err), DG_OK);
        setenv("DAOGOU_FAULT", specs[k], 1);
        dg_fault_reload();
        ck_assert_int_eq(dg_spool_start(spool, 2, &err), DG_OK);
        ck_assert_int_eq(dg_spool_start(spool, 3, &err), DG_ERR_IO);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_ptr_nonnull(strstr(err.text, "ckpt-000002.h5"));
        snprintf(path, sizeof path, "%s/ckpt-000002.h5", lasting);
        ck_assert(is_copied(1) && access(path, F_OK) != 0);
        snprintf(path, sizeof path, "%s/ckpt-000002.h5.tmp", lasting);
        ck_assert(access(path, F_OK) != 0);
        ck_assert_int_eq(dg_spool_start(spool, 3, &err), DG_OK);
        dg_spool_destroy(&spool);
        ck_assert(is_copied(3));
    }
}
END_TEST

START_TEST(what_a_killed_copy_left_is_no_hindrance)
{
    char path[700];
    dg_err err;
    set_up("left");
    snprintf(path, sizeof path, "%s/ckpt-000002.h5.tmp", lasting);
    ck_assert_int_eq(dg_file_replace(path, "half", 4, &err), DG_OK);
    ck_assert_int_eq(dg_spool_start(spool, 2, &err), DG_OK);
    ck_assert_int_eq(dg_spool_wait(spool, &err), DG_OK);
    ck_assert(is_copied(2) && access(path, F_OK) != 0);
    ck_assert_int_eq(dg_spool_start(spool, 9, &err), DG_OK); /* there is no such one */
    ck_assert_int_eq(dg_spool_wait(spool, &err), DG_ERR_NOINPUT);
    dg_spool_destroy(&spool);
    dg_spool_destroy(&spool);
    scratch_remove();
}
END_TEST

UNIT_MAIN("spool", copies_appear_whole_and_the_newest_stay,
          a_copy_that_fails_is_told_and_leaves_the_one_before,
          what_a_killed_copy_left_is_no_hindrance)
