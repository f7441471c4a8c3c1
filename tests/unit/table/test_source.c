#include "table/source.h"

#include "base/memory.h"
#include "made_file.h"
#include "unit_main.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int remove_one(const char *path, const struct stat *at, int type, struct FTW *where)
{
    (void)at, (void)type, (void)where;
    return remove(path);
}

static void remove_folder(void) { nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

/* A folder of this test's process, gone at its exit, and the working folder from now on. */
static void enter_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/dg-source-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    atexit(remove_folder);
}

static void put(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static void put_text(const char *path) { put(path, "1,2\n", 4); }

/* Paths are given with spaces between them. */
static dg_status find(const char *paths, dg_sources *out, dg_err *err)
{
    dg_strings list = {0};
    char copy[200], *rest = copy;
    snprintf(copy, sizeof copy, "%s", paths);
    for (char *path; (path = strsep(&rest, " ")) != NULL;)
        ck_assert_int_eq(dg_strings_add(&list, path, strlen(path), err), DG_OK);
    const dg_status st = dg_sources_find(&list, out, err);
    dg_strings_free(&list);
    return st;
}

static void assert_finds(const char *paths, const char *expect)
{
    dg_sources s;
    dg_err err = {0};
    dg_text got = {0};
    ck_assert_msg(find(paths, &s, &err) == DG_OK, "%s", err.text);
    for (int64_t k = 0; k < s.n; k++) dg_text_add(&got, "%s%s", k == 0 ? "" : " ", s.at[k].path);
    ck_assert_str_eq(got.at, expect);
    dg_text_free(&got);
    dg_sources_free(&s);
    dg_sources_free(&s);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

static void assert_fails(const char *paths, dg_status expect, const char *text)
{
    dg_sources s;
    dg_err err = {0};
    ck_assert_int_eq(find(paths, &s, &err), expect);
    ck_assert_str_eq(err.text, text);
    ck_assert(s.n == 0 && s.at == NULL);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

START_TEST(globs_expand_in_byte_order_and_entries_in_theirs)
{
    enter_folder();
    ck_assert_int_eq(mkdir("part", 0755), 0);
    put_text("part/b.csv");
    put_text("part/a.csv");
    put_text("part/B.csv");
    put_text("part/a10.csv");
    put_text("part/a9.csv");
    put_text("last.csv");
    put_text("first.csv");
    assert_finds("part/*.csv", "part/B.csv part/a.csv part/a10.csv part/a9.csv part/b.csv");
    assert_finds("last.csv part/?.csv first.csv",
                 "last.csv part/B.csv part/a.csv part/b.csv first.csv");
    assert_finds("part/[ab].csv", "part/a.csv part/b.csv");
}
END_TEST

START_TEST(a_file_met_twice_is_kept_once)
{
    enter_folder();
    put_text("a.csv");
    put_text("b.csv");
    assert_finds("b.csv *.csv a.csv b.csv", "b.csv a.csv");
}
END_TEST

START_TEST(glob_characters_in_a_name_are_just_a_name)
{
    enter_folder();
    put_text("x[1].csv");
    put_text("x1.csv");
    assert_finds("x[1].csv", "x[1].csv");
}
END_TEST

START_TEST(codec_follows_the_first_bytes)
{
    enter_folder();
    dg_text gz = {0}, zst = {0};
    compress_to(&gz, DG_CODEC_GZIP, "1,2\n", 4);
    compress_to(&zst, DG_CODEC_ZSTD, "1,2\n", 4);
    put_text("a.csv");
    put("b.csv.gz", gz.at, gz.n);
    put("c.csv.zst", zst.at, zst.n);
    put("d.csv", gz.at, gz.n);
    put("e.csv", zst.at, zst.n);
    put("f.zst", "\x5a\x2a\x4d\x18\x00\x00\x00\x00", 8); /* a skippable frame */
    char hdf5[4096 + 8] = "", signature[] = "\x89HDF\r\n\x1a\n";
    memcpy(hdf5 + 4096, signature, 8);
    put("g.h5", signature, 8);
    put("h.h5", hdf5, sizeof hdf5);
    put("i", hdf5, sizeof hdf5 - 1); /* not all of it */
    put("j", hdf5 + 1096, 3008);     /* at byte 3000 it says nothing */
    dg_sources s;
    dg_err err;
    ck_assert_int_eq(find("*", &s, &err), DG_OK);
    const dg_codec expect[] = {DG_CODEC_PLAIN, DG_CODEC_GZIP, DG_CODEC_ZSTD, DG_CODEC_GZIP,
                               DG_CODEC_ZSTD,  DG_CODEC_ZSTD, DG_CODEC_HDF5, DG_CODEC_HDF5,
                               DG_CODEC_PLAIN, DG_CODEC_PLAIN};
    ck_assert_int_eq(s.n, 10);
    for (int64_t k = 0; k < s.n; k++) ck_assert_int_eq(s.at[k].codec, expect[k]);
    ck_assert_int_eq(s.at[0].size, 4);
    ck_assert_int_eq(s.at[1].size, (int64_t)gz.n);
    dg_sources_free(&s);
    dg_text_free(&gz);
    dg_text_free(&zst);
}
END_TEST

START_TEST(what_cannot_be_read_is_said)
{
    enter_folder();
    put_text("a.csv");
    put("empty.csv", "", 0);
    put_text("text.csv.gz");
    put_text("text.csv.zst");
    put("short.csv.gz", "\x1f", 1);
    ck_assert_int_eq(mkdir("folder", 0755), 0);
    ck_assert_int_eq(mkfifo("pipe.csv", 0644), 0);
    ck_assert_int_eq(symlink("gone.csv", "dangling.csv"), 0);
    assert_fails("a.csv b.csv", DG_ERR_NOINPUT, "b.csv: no such file");
    assert_fails("a.csv/b.csv", DG_ERR_NOINPUT, "a.csv/b.csv: no such file");
    assert_fails("dangling.csv", DG_ERR_NOINPUT, "dangling.csv: no such file");
    assert_fails("*.tsv", DG_ERR_NOINPUT, "*.tsv: no file matches");
    assert_fails("gone/*.csv", DG_ERR_NOINPUT, "gone/*.csv: no file matches");
    assert_fails("folder", DG_ERR_NOINPUT, "folder: a folder, not a file");
    assert_fails("fold*", DG_ERR_NOINPUT, "folder: a folder, not a file");
    assert_fails("empty.csv", DG_ERR_DATA, "empty.csv: empty file");
    assert_fails("pipe.csv", DG_ERR_DATA, "pipe.csv: not a plain file");
    assert_fails("text.csv.gz", DG_ERR_DATA, "text.csv.gz: named .gz, but not gzip data");
    assert_fails("short.csv.gz", DG_ERR_DATA, "short.csv.gz: named .gz, but not gzip data");
    assert_fails("text.csv.zst", DG_ERR_DATA, "text.csv.zst: named .zst, but not zstd data");
    dg_sources s;
    dg_err err;
    const dg_strings none = {0};
    ck_assert_int_eq(dg_sources_find(&none, &s, &err), DG_ERR_CONFIG);
    ck_assert_str_eq(err.text, "no input file is named");
}
END_TEST

START_TEST(unreadable_is_not_permitted)
{
    enter_folder();
    put_text("a.csv");
    ck_assert_int_eq(chmod("a.csv", 0), 0);
    ck_assert_int_eq(mkdir("closed", 0), 0);
    if (geteuid() == 0) ck_assert_int_eq(seteuid(65534), 0); /* root may read anything */
    assert_fails("a.csv", DG_ERR_PERM, "a.csv: cannot open: Permission denied");
    assert_fails("closed/*.csv", DG_ERR_PERM,
                 "closed/*.csv: cannot look into a folder: Permission denied");
    if (getuid() == 0) ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

UNIT_MAIN("source", globs_expand_in_byte_order_and_entries_in_theirs, a_file_met_twice_is_kept_once,
          glob_characters_in_a_name_are_just_a_name, codec_follows_the_first_bytes,
          what_cannot_be_read_is_said, unreadable_is_not_permitted)
