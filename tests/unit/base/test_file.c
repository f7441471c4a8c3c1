#include "base/file.h"

#include "base/fault.h"
#include "base/memory.h"
#include "scratch.h"
#include "unit_main.h"

#include <sys/stat.h>

static dg_err err;

static void arm(const char *fault)
{
    if (fault == NULL)
        unsetenv("DAOGOU_FAULT");
    else
        setenv("DAOGOU_FAULT", fault, 1);
    dg_fault_reload();
}

static void holds(const char *path, const char *text)
{
    dg_text t = {0};
    ck_assert_int_eq(dg_file_read(path, 1000, &t, &err), DG_OK);
    ck_assert_str_eq(t.at == NULL ? "" : t.at, text);
    dg_text_free(&t);
}

START_TEST(a_file_is_replaced_whole_or_not_at_all)
{
    const char *path = scratch(getpid(), "a");
    char temporary[600];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    ck_assert_int_eq(dg_file_replace(path, "one", 3, &err), DG_OK);
    holds(path, "one");
    arm("write:0:1");
    ck_assert_int_eq(dg_file_replace(path, "two", 3, &err), DG_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot write: No space left"));
    arm("fsync:0:1");
    ck_assert_int_eq(dg_file_replace(path, "two", 3, &err), DG_ERR_IO);
    arm(NULL);
    holds(path, "one");
    ck_assert_int_ne(access(temporary, F_OK), 0);
    ck_assert_int_eq(dg_file_replace(path, "", 0, &err), DG_OK);
    holds(path, "");
    scratch_remove();
}
END_TEST

START_TEST(reading_is_bounded)
{
    const char *path = scratch(getpid(), "a");
    dg_text t = {0};
    ck_assert_int_eq(dg_file_replace(path, "12345", 5, &err), DG_OK);
    ck_assert_int_eq(dg_file_read(path, 5, &t, &err), DG_OK);
    ck_assert_int_eq(dg_file_read(path, 4, &t, &err), DG_ERR_DATA);
    dg_text_free(&t);
    ck_assert_int_eq(dg_file_read(scratch(getpid(), "none"), 5, &t, &err), DG_ERR_NOINPUT);
    ck_assert_int_eq(dg_file_read(scratch_folder, 5, &t, &err), DG_ERR_IO);
    dg_text_free(&t);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(a_copy_is_whole_or_not_there)
{
    const char *from = scratch(getpid(), "from"), *to = scratch(getpid(), "to");
    enum { N = (3 << 20) + 5 };
    char *bytes = malloc(N);
    for (int k = 0; k < N; k++) bytes[k] = (char)(k % 251);
    ck_assert_int_eq(dg_file_replace(from, bytes, N, &err), DG_OK);
    for (int nth = 1; nth <= 4; nth++) {
        char fault[32];
        snprintf(fault, sizeof fault, "write:0:%d", nth);
        arm(fault);
        ck_assert_int_eq(dg_file_copy(from, to, &err), DG_ERR_IO);
        ck_assert_int_ne(access(to, F_OK), 0);
    }
    arm(NULL);
    ck_assert_int_eq(dg_file_copy(from, to, &err), DG_OK);
    dg_text t = {0};
    ck_assert_int_eq(dg_file_read(to, N, &t, &err), DG_OK);
    ck_assert(t.n == N && memcmp(t.at, bytes, N) == 0);
    dg_text_free(&t);
    ck_assert_int_eq(dg_file_copy(from, to, &err), DG_ERR_CANTCREATE); /* the name is taken */
    ck_assert_int_eq(dg_file_copy(scratch(getpid(), "none"), to, &err), DG_ERR_NOINPUT);
    free(bytes);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(folders_are_made_with_those_above_and_removed_with_their_files)
{
    const char *folder = scratch(getpid(), "a/b/c"), *file = scratch(getpid(), "a/b/c/d");
    ck_assert_int_eq(dg_folder_make(folder, &err), DG_OK);
    ck_assert_int_eq(dg_folder_make(folder, &err), DG_OK);
    ck_assert_int_eq(dg_file_replace(file, "x", 1, &err), DG_OK);
    ck_assert_int_eq(dg_folder_make(file, &err), DG_ERR_CANTCREATE);
    ck_assert_int_eq(dg_folder_make("", &err), DG_ERR_CANTCREATE);
    ck_assert_int_ne(dg_folder_remove(scratch(getpid(), "a/b"), &err), DG_OK); /* holds a folder */
    ck_assert_int_eq(dg_folder_remove(folder, &err), DG_OK);
    ck_assert_int_eq(dg_folder_remove(folder, &err), DG_OK);
    ck_assert_int_ne(access(folder, F_OK), 0);
    scratch_remove();
}
END_TEST

UNIT_MAIN("file", a_file_is_replaced_whole_or_not_at_all, reading_is_bounded,
          a_copy_is_whole_or_not_there,
          folders_are_made_with_those_above_and_removed_with_their_files)
