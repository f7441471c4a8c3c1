/* Tables in HDF5 files: every way of writing one says what the same rows say as csv, and whatever
 * is wrong with a file is a sentence. */
#include "store/foreign.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "made_tables.h"
#include "table/record.h"
#include "table/rows.h"
#include "unit_main.h"

#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 200 };

static dg_err err;

static dg_dialect tables(void)
{
    dg_dialect d = dg_dialect_default();
    d.format = DG_FORMAT_HDF5;
    return d;
}

static dg_source source_of(const char *path)
{
    struct stat at;
    ck_assert_int_eq(stat(path, &at), 0);
    return (dg_source){.path = (char *)(uintptr_t)path,
                       .size = at.st_size,
                       .codec = DG_CODEC_HDF5,
                       .reader = dg_foreign_reader()};
}

/* Append what the records of a range say; the number of its lines, or -1 for an error. */
static int64_t read_range(const dg_source *s, const dg_dialect *d, const dg_layout *l,
                          int64_t begin, int64_t end, dg_text *out)
{
    dg_record x;
    dg_records *r;
    dg_status st = dg_records_open(s, d, l, NULL, (dg_bytes){begin, end, 0}, &r, &err);
    while (st == DG_OK && (st = dg_records_next(r, &x, &err)) == DG_OK &&
           x.outcome != DG_OUTCOME_END) {
        if (x.outcome == DG_OUTCOME_RECORD)
            dg_text_add(out, "%.*s|%.*s|%.9g|%lld\n", (int)x.user.n, x.user.at, (int)x.item.n,
                        x.item.at, (double)x.value, (long long)x.time);
        else
            dg_text_add(out, "! %lld: %s\n", (long long)x.line, x.reject->reason);
    }
    const int64_t lines = st == DG_OK ? dg_records_lines(r) : -1;
    if (st == DG_OK && d->format == DG_FORMAT_HDF5) {
        ck_assert_int_eq(dg_records_first(r), begin);
        ck_assert_int_eq(dg_records_end(r), end);
    }
    dg_records_close(&r);
    return lines;
}

static bool read_layout(const dg_source *s, const char *const column[4], dg_layout *l)
{
    const dg_dialect d = tables();
    const char *const columns[DG_N_ROLES] = {column[0], column[1], column[2], column[3]};
    return dg_layout_read(s, &d, columns, NULL, l, &err) == DG_OK;
}

static void columns_of(int way, const char *column[4])
{
    column[0] = made_ways[way].user;
    column[1] = made_ways[way].item;
    column[2] = made_ways[way].value;
    column[3] = made_ways[way].time;
}

static char *said_as_csv(int rows)
{
    static const char *const columns[DG_N_ROLES] = {"user", "item", "value", "time"};
    const dg_dialect d = dg_dialect_default();
    dg_text csv = {0}, out = {0};
    dg_layout l;
    char path[40];
    made_table_csv(rows, &csv);
    const int fd = memfd_create("csv", MFD_CLOEXEC);
    ck_assert_int_eq(write(fd, csv.at, csv.n), (ssize_t)csv.n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const dg_source s = {.path = path, .size = (int64_t)csv.n};
    ck_assert_int_eq(dg_layout_read(&s, &d, columns, NULL, &l, &err), DG_OK);
    ck_assert_int_ge(read_range(&s, &d, &l, 0, s.size, &out), rows);
    close(fd);
    dg_text_free(&csv);
    return out.at;
}

START_TEST(every_way_of_writing_says_what_csv_says)
{
    const dg_dialect d = tables();
    char *expected = said_as_csv(ROWS), path[] = "/tmp/foreign-XXXXXX";
    const int fd = mkstemp(path);
    close(fd);
    for (int way = 0; way < MADE_WAYS; way++) {
        const char *column[4];
        dg_layout l;
        dg_text out = {0};
        made_table_hdf5(path, way, ROWS);
        const dg_source s = source_of(path);
        columns_of(way, column);
        ck_assert_msg(read_layout(&s, column, &l), "%s", err.text);
        ck_assert_int_ge(read_range(&s, &d, &l, 0, s.size, &out), ROWS);
        ck_assert_str_eq(out.at, expected);
        dg_text_free(&out);
    }
    unlink(path);
    dg_free(expected);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* Ranges of bytes are ranges of rows: each row is in one of them, in order. */
START_TEST(adjoining_ranges_hold_what_the_whole_holds)
{
    const dg_dialect d = tables();
    char *expected = said_as_csv(ROWS), path[] = "/tmp/foreign-XXXXXX";
    close(mkstemp(path));
    made_table_hdf5(path, 1, ROWS);
    const dg_source s = source_of(path);
    const char *column[4];
    dg_layout l;
    columns_of(1, column);
    ck_assert(read_layout(&s, column, &l));
    for (int parts = 1; parts < 60; parts += 9) {
        dg_text out = {0};
        int64_t rows = 0;
        for (int k = 0; k < parts; k++)
            rows += read_range(&s, &d, &l, s.size * k / parts, s.size * (k + 1) / parts, &out);
        ck_assert_int_ge(rows, ROWS); /* some strings have line feeds */
        ck_assert_str_eq(out.at, expected);
        dg_text_free(&out);
    }
    dg_free(expected);
    unlink(path);
}
END_TEST

START_TEST(a_catalogue_is_read_row_by_row)
{
    static const char *const wanted[] = {"item", "time", "item", "user"};
    const dg_dialect d = tables();
    char path[] = "/tmp/foreign-XXXXXX";
    close(mkstemp(path));
    made_table_hdf5(path, 0, 30);
    const dg_source s = source_of(path);
    dg_rows *rows;
    dg_table_row row;
    int n = 0;
    ck_assert_int_eq(dg_rows_open(&s, &d, wanted, 4, &rows, &err), DG_OK);
    while (dg_rows_next(rows, &row, &err) == DG_OK && row.outcome == DG_OUTCOME_RECORD) {
        ck_assert_int_ge(row.line, ++n);
        ck_assert(row.field[0].at == row.field[2].at && row.field[1].n == 10);
    }
    ck_assert_int_eq(n, 30);
    dg_rows_close(&rows);
    unlink(path);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* ---- what is refused ---- */

static hid_t odd_file(const char *path)
{
    const hsize_t n = 5, two[2] = {5, 2}, chunk = 3, most = 1ull << 61, none = 0, wide_n = 300;
    const hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t space = H5Screate_simple(1, &n, NULL), chunked = H5Pcreate(H5P_DATASET_CREATE),
                outside = H5Pcreate(H5P_DATASET_CREATE), bits = H5Tcopy(H5T_NATIVE_B8),
                wide = H5Pcreate(H5P_DATASET_CREATE), virtual = H5Pcreate(H5P_DATASET_CREATE),
                list = H5Tarray_create2(H5T_NATIVE_INT, 1, &n),
                packed = H5Pcreate(H5P_DATASET_CREATE);
    const int64_t number[5] = {1, 2, 3, 4, 5};
    H5Pset_chunk(chunked, 1, &chunk);
    H5Pset_chunk(wide, 1, &wide_n);
    H5Pset_chunk(packed, 1, &chunk);
    H5Pset_filter(packed, 32000, H5Z_FLAG_OPTIONAL, 0, NULL);
    H5Pset_external(outside, "/etc/passwd", 0, 40);
    H5Pset_virtual(virtual, space, "/dev/zero", "x", space);
#define ADD(name, type, space, how)                                                                \
    H5Dclose(H5Dcreate2(f, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT))
    const hid_t good =
        H5Dcreate2(f, "good", H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(good, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, number);
    H5Dclose(good);
    ADD("bits", bits, space, H5P_DEFAULT);
    ADD("lists", list, space, H5P_DEFAULT);
    ADD("unwritten", H5T_NATIVE_INT, space, H5P_DEFAULT);
    ADD("unwritten_chunks", H5T_NATIVE_INT, space, chunked);
    ADD("unknown_filter", H5T_NATIVE_INT, space, packed);
    ADD("outside", H5T_NATIVE_INT64, space, outside);
    ADD("virtual", H5T_NATIVE_INT, space, virtual);
    const hid_t megabyte = H5Tcopy(H5T_C_S1);
    H5Tset_size(megabyte, 1 << 20);
    ADD("wide", megabyte, H5Screate_simple(1, &wide_n, NULL), wide);
    ADD("two", H5T_NATIVE_INT, H5Screate_simple(2, two, NULL), H5P_DEFAULT);
    ADD("endless", H5T_NATIVE_INT, H5Screate_simple(1, &most, NULL), chunked);
    ADD("empty", H5T_NATIVE_INT, H5Screate_simple(1, &none, NULL), H5P_DEFAULT);
    ADD("scalar", H5T_NATIVE_INT, H5Screate(H5S_SCALAR), H5P_DEFAULT);
    H5Lcreate_external("/etc/passwd", "/x", f, "elsewhere", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/elsewhere/y", f, "round", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/loop", f, "loop", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/good", f, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(f, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Tcommit2(f, "type", bits, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return f;
}

START_TEST(what_cannot_be_read_is_refused_in_a_sentence)
{
    static const struct {
        const char *item, *text, *hint;
        dg_status status;
    } by_hand[] = {
        {"bits", "bits: neither numbers nor strings, or too large ones", "", DG_ERR_DATA},
        {"lists", "lists: neither numbers nor strings, or too large ones", "", DG_ERR_DATA},
        {"unwritten", "unwritten: not all of it was ever written", "", DG_ERR_DATA},
        {"unwritten_chunks", "unwritten_chunks: not all of it was ever written", "", DG_ERR_DATA},
        {"outside", "outside: it lies in other files, which are not opened", "", DG_ERR_DATA},
        {"virtual", "virtual: it lies in other files, which are not opened", "", DG_ERR_DATA},
        {"wide", "wide: its chunks are larger than 256 MiB",
         "h5repack -l /wide:CHUNK=100000 IN OUT", DG_ERR_DATA},
        {"two", "two: not an array of one dimension", "", DG_ERR_DATA},
        {"scalar", "scalar: not an array of one dimension", "", DG_ERR_DATA},
        {"empty", "good has 5 rows, empty has 0", "", DG_ERR_DATA},
        {"elsewhere", "elsewhere: a link to another file, which is not followed", "", DG_ERR_DATA},
        {"elsewhere/x", "elsewhere/x: a link to another file, which is not followed", "",
         DG_ERR_DATA},
        {"round", "round: it leads to nothing: ", "", DG_ERR_DATA},
        {"loop", "loop: it leads to nothing: ", "", DG_ERR_DATA},
        {"type", "type: no array", "", DG_ERR_DATA},
        {"group", "group: a group, not an array", "name an array in it, as in /group/user",
         DG_ERR_DATA},
        {"/", "/: a group, not an array", "name an array in it, as in /user", DG_ERR_DATA},
        {"good/x", "/good has no fields, so none is \"x\"", "", DG_ERR_CONFIG},
        {"god", "no \"god\" in /; there are \"bits\", \"elsewhere\", ", "did you mean \"good\"?",
         DG_ERR_CONFIG},
        {"group/x", "no \"x\" in /group; there are none", "", DG_ERR_CONFIG},
        {"endless", "endless: 2305843009213693952 rows in a file of ", "", DG_ERR_DATA},
        {"unknown_filter", "unknown_filter: ", "", DG_ERR_DATA}};
    char path[] = "/tmp/foreign-XXXXXX";
    close(mkstemp(path));
    H5Fclose(odd_file(path));
    const dg_source s = source_of(path);
    for (size_t k = 0; k < sizeof by_hand / sizeof *by_hand; k++) {
        const char *const columns[DG_N_ROLES] = {"good", by_hand[k].item};
        const dg_dialect d = tables();
        dg_layout l;
        err.hint[0] = '\0';
        ck_assert_int_eq(dg_layout_read(&s, &d, columns, NULL, &l, &err), by_hand[k].status);
        const char *said = err.text + strlen(path) + 2;
        ck_assert_msg(strncmp(said, by_hand[k].text, strlen(by_hand[k].text)) == 0, "%s", said);
        if (by_hand[k].hint[0] != '\0') ck_assert_str_eq(err.hint, by_hand[k].hint);
    }
    const char *const soft[4] = {"good", "soft"};
    dg_layout l;
    ck_assert_msg(read_layout(&s, soft, &l), "%s", err.text);
    unlink(path);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(a_format_that_is_not_the_files_is_told)
{
    static const char *const columns[DG_N_ROLES] = {"user", "item"};
    const dg_dialect csv = dg_dialect_default(), hdf5 = tables();
    char path[] = "/tmp/foreign-XXXXXX";
    close(mkstemp(path));
    made_table_hdf5(path, 0, 5);
    dg_layout l;
    dg_source s = source_of(path);
    ck_assert_int_eq(dg_layout_read(&s, &csv, columns, NULL, &l, &err), DG_ERR_CONFIG);
    ck_assert_str_eq(err.text + strlen(path), ": an HDF5 file, read as something else");
    s.reader = NULL;
    ck_assert_int_eq(dg_layout_read(&s, &hdf5, columns, NULL, &l, &err), DG_ERR_UNAVAILABLE);
    s.codec = DG_CODEC_PLAIN;
    ck_assert_int_eq(dg_layout_read(&s, &hdf5, columns, NULL, &l, &err), DG_ERR_DATA);
    ck_assert_str_eq(err.text + strlen(path), ": not an HDF5 file");
    unlink(path);
}
END_TEST

/* ---- what nobody meant ---- */

typedef struct bytes { /* of a file, which is `path` until drop_bytes */
    char *at;
    size_t n;
    int fd;
    char path[40];
} bytes;

static bytes bytes_of(int way, int rows)
{
    bytes b = {.path = "/tmp/foreign-XXXXXX"};
    close(mkstemp(b.path));
    made_table_hdf5(b.path, way, rows);
    b.n = (size_t)source_of(b.path).size;
    b.at = malloc(b.n);
    b.fd = open(b.path, O_RDWR);
    ck_assert_int_eq(read(b.fd, b.at, b.n), (ssize_t)b.n);
    return b;
}

static void drop_bytes(bytes *b)
{
    close(b->fd);
    unlink(b->path);
    free(b->at);
}

static void put_bytes(const bytes *b, const char *at, size_t n)
{
    ck_assert_int_eq(ftruncate(b->fd, 0), 0);
    ck_assert_int_eq(pwrite(b->fd, at, n, 0), (ssize_t)n);
}

/* Whatever it holds, it ends: with records or with a sentence, and no process is left. */
static bool ends_well(const bytes *b, int way, size_t n)
{
    const dg_dialect d = tables();
    const dg_source s = {.path = (char *)(uintptr_t)b->path,
                         .size = (int64_t)n,
                         .codec = DG_CODEC_HDF5,
                         .reader = dg_foreign_reader()};
    const char *column[4];
    dg_layout l;
    dg_text out = {0};
    columns_of(way, column);
    err.text[0] = '\0';
    const bool good = read_layout(&s, column, &l) && read_range(&s, &d, &l, 0, s.size, &out) >= 0;
    dg_text_free(&out);
    ck_assert(good || strncmp(err.text, b->path, strlen(b->path)) == 0);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    return good;
}

START_TEST(a_file_cut_anywhere_is_refused)
{
    bytes b = bytes_of(4, 3);
    for (size_t n = 1; n < b.n; n += n < 100 || n + 30 > b.n ? 1 : 7) { /* each costs a process */
        put_bytes(&b, b.at, n);
        ck_assert(!ends_well(&b, 4, n));
    }
    put_bytes(&b, b.at, b.n);
    ck_assert_msg(ends_well(&b, 4, b.n), "%s", err.text);
    drop_bytes(&b);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* HDF5 goes round for ever on some; ten seconds each are long for a test. */
static void limit_children(void)
{
    const struct rlimit second = {1, RLIM_INFINITY};
    signal(SIGXCPU, SIG_IGN);
    setrlimit(RLIMIT_CPU, &second);
}

START_TEST(changed_bytes_never_do_harm)
{
    int refused = 0;
    limit_children();
    dg_rng r = dg_rng_at(3, DG_RNG_TEST, 0);
    for (int way = 0; way < MADE_WAYS; way++) {
        bytes b = bytes_of(way, 12);
        char *changed = malloc(b.n);
        for (int round = 0; round < 50; round++) {
            memcpy(changed, b.at, b.n);
            for (uint32_t k = 1 + dg_rng_below(&r, 4); k > 0; k--) {
                const size_t at = dg_rng_below(&r, (uint32_t)b.n);
                changed[at] = (char)(dg_rng_below(&r, 3) == 0 ? 0xff : dg_rng_below(&r, 256));
            }
            put_bytes(&b, changed, b.n);
            refused += !ends_well(&b, way, b.n);
        }
        drop_bytes(&b);
        free(changed);
    }
    ck_assert_int_gt(refused, 30);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* The process that reads it dies, and this one says so. */
START_TEST(the_death_of_the_reading_process_is_an_error)
{
    bytes b = bytes_of(0, 12);
    put_bytes(&b, b.at, b.n);
    setenv("DAOGOU_FAULT", "read.kill:0:1", 1);
    dg_fault_reload();
    ck_assert(!ends_well(&b, 0, b.n));
    ck_assert_msg(strstr(err.text, "the process that reads it was killed") != NULL, "%s", err.text);
    setenv("DAOGOU_FAULT", "read:0:2", 1);
    dg_fault_reload();
    ck_assert(!ends_well(&b, 0, b.n));
    ck_assert_ptr_nonnull(strstr(err.text, "cannot read"));
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    ck_assert(ends_well(&b, 0, b.n));
    drop_bytes(&b);
}
END_TEST

UNIT_MAIN("foreign", every_way_of_writing_says_what_csv_says,
          adjoining_ranges_hold_what_the_whole_holds, a_catalogue_is_read_row_by_row,
          what_cannot_be_read_is_refused_in_a_sentence, a_format_that_is_not_the_files_is_told,
          a_file_cut_anywhere_is_refused, changed_bytes_never_do_harm,
          the_death_of_the_reading_process_is_an_error)
