/* The writer: one file from any number of ranks, whole or not there at all. */
#include "mpi_main.h"
#include "scratch.h"

#include "artifact/seal.h"
#include "base/memory.h"
#include "store/noted.h"
#include "store/open.h"
#include "store/skeleton.h"
#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { SHARDS = 64, COLS = 3 };

static long shared_tag(void)
{
    long tag = getpid();
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    return tag;
}

/* Shard s has (s * 7) % 5 rows: some are empty. Element k of the array is k / 8. */
static int64_t rows_of(int s) { return s * 7 % 5; }

static dg_status write_sample(const dg_comm *c, const char *path, char content[DG_HEX_SIZE],
                              dg_err *err)
{
    const dg_run run = dg_shards_run(SHARDS, c->rank, c->size);
    int64_t rows[SHARDS], before = 0, n = 0;
    for (int s = 0; s < run.begin; s++) before += rows_of(s);
    for (int s = run.begin; s < run.end; s++) n += rows[s - run.begin] = rows_of(s);
    float *at = dg_alloc((size_t)n * COLS, sizeof *at);
    for (int64_t k = 0; k < n * COLS; k++) at[k] = (float)(before * COLS + k) / 8;
    dg_writer *w = NULL;
    dg_status st = dg_writer_create(c, path, "daogou-test", 3, &w, err);
    if (st == DG_OK) {
        dg_writer_text(w, "note", "grüße");
        dg_writer_int(w, "answer", 42);
        dg_writer_real(w, "half", 0.5);
        dg_writer_array(w, "deep/er/array", &(dg_piece){DG_F32, COLS, SHARDS, rows, at});
        dg_writer_small(w, "small", DG_I64, 3, 1, (const int64_t[]){7, 8, 9});
        st = dg_writer_commit(&w, content, err);
    }
    dg_free(at);
    return st;
}

static bool holds_sample(const char *path, dg_err *err)
{
    dg_container *f;
    float *at;
    int64_t *small, answer = 0, n = 0, n_small = 0;
    if (dg_container_open(path, "daogou-test", 3, &f, err) != DG_OK) return false;
    bool good = dg_container_int(f, "/meta", "answer", &answer, err) == DG_OK && answer == 42;
    good &= dg_container_read_all(f, "deep/er/array", DG_F32, (void **)&at, &n, err) == DG_OK;
    for (int64_t k = 0; good && k < n * COLS; k++) good = at[k] == (float)k / 8;
    good &= dg_container_read_all(f, "small", DG_I64, (void **)&small, &n_small, err) == DG_OK;
    good &= n_small == 3 && small[0] == 7 && small[2] == 9;
    good &= dg_container_verify(f, err) == DG_OK;
    dg_free(at);
    dg_free(small);
    dg_container_close(&f);
    return good;
}

START_TEST(any_ranks_write_the_same_content)
{
    const long tag = shared_tag();
    char name[64], together[DG_HEX_SIZE] = "", alone[DG_HEX_SIZE] = "-";
    dg_comm self;
    dg_err err = {.text = ""};
    const char *path = scratch(tag, "together.h5");
    ck_assert_all(write_sample(&world, path, together, &err) == DG_OK);
    ck_assert_all(holds_sample(path, &err));
    dg_comm_init(&self, MPI_COMM_SELF);
    snprintf(name, sizeof name, "alone-%d.h5", world.rank);
    path = scratch(tag, name);
    ck_assert_all(write_sample(&self, path, alone, &err) == DG_OK);
    ck_assert_all(strcmp(together, alone) == 0);
    dg_comm_free(&self);
}
END_TEST

START_TEST(mapped_array_equals_read_array)
{
    const char *path = scratch(shared_tag(), "map.h5");
    const void *at = NULL;
    dg_container *f;
    dg_err err = {.text = ""};
    ck_assert_all(write_sample(&world, path, NULL, &err) == DG_OK);
    ck_assert_all(dg_container_open(path, NULL, 3, &f, &err) == DG_OK);
    ck_assert_all(dg_container_map(f, "deep/er/array", DG_F32, &at, &err) == DG_OK);
    ck_assert_all(((const float *)at)[9] == 9.0f / 8);
    ck_assert_all((uintptr_t)at % 4 == 0);
    ck_assert_all(dg_container_map(f, "deep/er/array", DG_F64, &at, &err) == DG_ERR_DATA);
    dg_container_close(&f);
}
END_TEST

START_TEST(one_failing_rank_leaves_no_file)
{
    static const char *const sites[] = {"write", "fsync", "alloc", "read"};
    const long tag = shared_tag();
    for (size_t s = 0; s < sizeof sites / sizeof *sites; s++) {
        for (int rank = 0; rank < world.size; rank++) {
            char spec[64];
            const char *path = scratch(tag, "failed.h5"), *half = scratch(tag, "failed.h5.tmp");
            dg_err err = {.text = ""};
            if (strcmp(sites[s], "read") == 0 && rank < world.size - 1)
                continue; /* the last rank digests the only block */
            snprintf(spec, sizeof spec, "%s:%d:1", sites[s], rank);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            /* The first allocation of the test itself must not be the one that fails. */
            const dg_status want = strcmp(sites[s], "alloc") == 0 ? DG_ERR_NOMEM : DG_ERR_IO;
            dg_writer *w = NULL;
            dg_status st = dg_writer_create(&world, path, "daogou-test", 1, &w, &err);
            if (st == DG_OK) {
                dg_writer_small(w, "small", DG_I64, 3, 1, (const int64_t[]){7, 8, 9});
                st = dg_writer_commit(&w, NULL, &err);
            }
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            ck_assert_all(st == want);
            MPI_Barrier(world.comm);
            ck_assert_all(access(path, F_OK) != 0 && access(half, F_OK) != 0);
        }
    }
}
END_TEST

/* Rank 0 syncs its rows, the sealed file, and after the rename the folder. The file before is gone
 * by then, so the new one, whole as it is, stays. */
START_TEST(a_folder_that_cannot_be_synced_fails_and_keeps_the_whole_file)
{
    const char *path = scratch(shared_tag(), "kept.h5"),
               *half = scratch(shared_tag(), "kept.h5.tmp");
    dg_err err = {.text = ""};
    for (int before = 0; before < 2; before++) {
        setenv("DAOGOU_FAULT", "fsync:0:3", 1);
        dg_fault_reload();
        const dg_status st = write_sample(&world, path, NULL, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_ERR_IO && err.rank == 0);
        ck_assert_all(strstr(err.text, "cannot make durable") != NULL);
        ck_assert_all(access(half, F_OK) != 0 && holds_sample(path, &err));
        MPI_Barrier(world.comm);
    }
}
END_TEST

/* What a failure does to a file that was there before: nothing. */
START_TEST(the_file_before_survives_any_failed_write)
{
    static const char *const sites[] = {"write", "fsync", "alloc"};
    const long tag = shared_tag();
    const char *path = scratch(tag, "before.h5"), *half = scratch(tag, "before.h5.tmp");
    dg_err err = {.text = ""};
    ck_assert_all(write_sample(&world, path, NULL, &err) == DG_OK);
    for (size_t s = 0; s < sizeof sites / sizeof *sites; s++) {
        for (int rank = 0; rank < world.size; rank++) {
            char spec[64];
            snprintf(spec, sizeof spec, "%s:%d:1", sites[s], rank);
            dg_writer *w = NULL;
            dg_status st = dg_writer_create(&world, path, "daogou-test", 1, &w, &err);
            ck_assert_all(st == DG_OK);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            dg_writer_small(w, "small", DG_I64, 3, 1, (const int64_t[]){7, 8, 9});
            st = dg_writer_commit(&w, NULL, &err);
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            ck_assert_all(st == (s < 2 ? DG_ERR_IO : DG_ERR_NOMEM) && err.rank == rank);
            MPI_Barrier(world.comm);
            ck_assert_all(access(half, F_OK) != 0 && holds_sample(path, &err));
            MPI_Barrier(world.comm);
        }
    }
}
END_TEST

/* A limit on the length of files stands for a full disk: writes fail at some byte, on one rank. */
START_TEST(a_full_disk_on_one_rank_fails_all)
{
    const long tag = shared_tag();
    signal(SIGXFSZ, SIG_IGN);
    for (int rank = 0; rank < world.size; rank++) {
        const char *path = scratch(tag, "full.h5"), *half = scratch(tag, "full.h5.tmp");
        dg_err err = {.text = ""};
        struct rlimit old, low;
        getrlimit(RLIMIT_FSIZE, &old);
        low = (struct rlimit){.rlim_cur = 700, .rlim_max = old.rlim_max};
        if (world.rank == rank) setrlimit(RLIMIT_FSIZE, &low);
        const dg_status st = write_sample(&world, path, NULL, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        ck_assert_all(st == DG_ERR_IO && err.rank == rank);
        ck_assert_all(strstr(err.text, "full.h5: cannot write") != NULL);
        ck_assert_all(strstr(err.text, strerror(EFBIG)) != NULL);
        MPI_Barrier(world.comm);
        ck_assert_all(access(path, F_OK) != 0 && access(half, F_OK) != 0);
    }
}
END_TEST

/* Two arrays, the first so long that the second lies beyond 4 GiB; only its 9 bytes are written, so
 * the file is nearly all holes. */
static bool write_holes(const char *path, int64_t n_first, int64_t offset[2])
{
    const dg_array_info first = {DG_U8, n_first, 1, 1}, second = {DG_U8, 9, 1, 1};
    dg_skeleton *s = NULL;
    dg_err err;
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const bool good = fd >= 0 && dg_skeleton_create(&s, &err) == DG_OK &&
                      dg_skeleton_array(s, "first", &first, &offset[0], &err) == DG_OK &&
                      dg_skeleton_array(s, "second", &second, &offset[1], &err) == DG_OK &&
                      dg_skeleton_write(s, fd, path, &err) == DG_OK &&
                      dg_put_bytes(fd, "nine bytes", 9, offset[1]);
    dg_skeleton_destroy(&s);
    close(fd);
    return good;
}

static bool reads_second(const char *path, int64_t offset)
{
    char nine[9] = "";
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "second", H5P_DEFAULT);
    const bool good = H5Dread(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, nine) >= 0 &&
                      memcmp(nine, "nine bytes", 9) == 0 && (int64_t)H5Dget_offset(set) == offset;
    H5Dclose(set);
    H5Fclose(file);
    return good;
}

START_TEST(structure_beyond_four_gib_is_read_back)
{
    const int64_t big = (int64_t)6 << 30;
    const char *path = scratch(shared_tag(), "big.h5");
    int64_t offset[2] = {-1, -1};
    bool good = true;
    if (world.rank == 0) {
        good = write_holes(path, big, offset) && reads_second(path, offset[1]);
        good = good && offset[0] > 0 && offset[1] >= offset[0] + big && offset[1] % 64 == 0;
        unlink(path);
    }
    ck_assert_all(good);
}
END_TEST

START_TEST(unwritable_folder_is_cannot_create)
{
    dg_writer *w = NULL;
    dg_err err = {.text = ""};
    ck_assert_all(dg_writer_create(&world, "/proc/nowhere/x.h5", "daogou-test", 1, &w, &err) ==
                  DG_ERR_CANTCREATE);
    ck_assert_all(w == NULL && strstr(err.text, "/proc/nowhere/x.h5") != NULL);
}
END_TEST

/* Every byte of a small file, and every length: damage is always found, and never a crash. */
START_TEST(any_flipped_byte_and_any_truncation_is_refused)
{
    const char *path = scratch(shared_tag(), "whole.h5"), *copy;
    char name[64];
    struct stat info;
    dg_err err = {.text = ""};
    ck_assert_all(write_sample(&world, path, NULL, &err) == DG_OK);
    ck_assert_all(stat(path, &info) == 0);
    snprintf(name, sizeof name, "damaged-%d.h5", world.rank);
    copy = scratch(shared_tag(), name);
    char *bytes = dg_alloc((size_t)info.st_size, 1);
    FILE *in = fopen(path, "rb");
    ck_assert_all(in != NULL && fread(bytes, 1, (size_t)info.st_size, in) == (size_t)info.st_size);
    fclose(in);
    int undetected = 0;
    for (int64_t k = world.rank; k < info.st_size; k += 7) {
        FILE *out = fopen(copy, "wb");
        const bool cut = k % 2 == 0;
        bytes[k] ^= 0x20;
        fwrite(bytes, 1, (size_t)(cut ? k : info.st_size), out);
        fclose(out);
        bytes[k] ^= 0x20;
        dg_container *f = NULL;
        const dg_status st = dg_container_open(copy, NULL, 3, &f, &err);
        undetected += st != DG_ERR_DATA || strstr(err.text, copy) == NULL;
        dg_container_close(&f);
    }
    ck_assert_all(undetected == 0);
    dg_free(bytes);
}
END_TEST

START_TEST(shared_opening_finds_damage_on_every_rank)
{
    const char *path = scratch(shared_tag(), "shared.h5");
    dg_container *f = NULL;
    dg_err err = {.text = ""};
    ck_assert_all(write_sample(&world, path, NULL, &err) == DG_OK);
    ck_assert_all(dg_store_open(&world, path, "daogou-test", 3, &f, &err) == DG_OK);
    dg_container_close(&f);
    MPI_Barrier(world.comm);
    if (world.rank == 0) {
        const int fd = open(path, O_WRONLY);
        ck_assert(pwrite(fd, "x", 1, 3000) == 1);
        close(fd);
    }
    MPI_Barrier(world.comm);
    ck_assert_all(dg_store_open(&world, path, "daogou-test", 3, &f, &err) == DG_ERR_DATA);
    ck_assert_all(f == NULL && strstr(err.text, "damaged") != NULL);
    ck_assert_all(dg_store_open(&world, path, "daogou-model", 3, &f, &err) == DG_ERR_DATA);
}
END_TEST

START_TEST(newer_and_foreign_files_are_named_as_such)
{
    const char *path = scratch(shared_tag(), "newer.h5");
    dg_container *f = NULL;
    dg_err err = {.text = ""};
    ck_assert_all(write_sample(&world, path, NULL, &err) == DG_OK);
    ck_assert_all(dg_container_open(path, NULL, 2, &f, &err) == DG_ERR_DATA);
    ck_assert_all(strstr(err.text, "version 3") != NULL && f == NULL);
    ck_assert_all(dg_container_open(path, "daogou-model", 3, &f, &err) == DG_ERR_DATA);
    ck_assert_all(strstr(err.text, "daogou-test") != NULL);
    ck_assert_all(dg_container_open("/nowhere.h5", NULL, 3, &f, &err) == DG_ERR_NOINPUT);
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

MPI_MAIN("writer", any_ranks_write_the_same_content, mapped_array_equals_read_array,
         one_failing_rank_leaves_no_file,
         a_folder_that_cannot_be_synced_fails_and_keeps_the_whole_file,
         the_file_before_survives_any_failed_write, a_full_disk_on_one_rank_fails_all,
         structure_beyond_four_gib_is_read_back, unwritable_folder_is_cannot_create,
         any_flipped_byte_and_any_truncation_is_refused, shared_opening_finds_damage_on_every_rank,
         newer_and_foreign_files_are_named_as_such)
