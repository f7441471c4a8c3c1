/* A table in an HDF5 file is the dataset that the same rows as csv are, on any number of ranks. */
#include "ingest/prepare.h"

#include "base/fault.h"
#include "base/memory.h"
#include "made_tables.h"
#include "mpi_main.h"
#include "scratch.h"
#include "store/foreign.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 3000 };

static dg_err err;
static dg_prepare_report report;
static int64_t tag;

/* A file that rank 0 writes: csv for way -1. */
static dg_strings file_of(int way)
{
    char name[32];
    dg_strings paths = {0};
    snprintf(name, sizeof name, "table%d", way);
    const char *path = scratch((long)tag, name);
    if (world.rank == 0 && way >= 0) made_table_hdf5(path, way, ROWS);
    if (world.rank == 0 && way < 0) {
        dg_text csv = {0};
        made_table_csv(ROWS, &csv);
        FILE *f = fopen(path, "w");
        if (f == NULL || fwrite(csv.at, 1, csv.n, f) != csv.n || fclose(f) != 0) abort();
        dg_text_free(&csv);
    }
    MPI_Barrier(world.comm);
    if (dg_strings_add(&paths, path, strlen(path), &err) != DG_OK) abort();
    return paths;
}

static dg_prepare_options options_of(int way, int64_t stretch)
{
    static const made_way csv = {"user", "item", "value", "time", "csv"};
    const made_way *names = way < 0 ? &csv : &made_ways[way];
    dg_dialect d = dg_dialect_default();
    if (way >= 0) d.format = DG_FORMAT_HDF5;
    return (dg_prepare_options){
        .ratings = {.paths = file_of(way),
                    .dialect = d,
                    .columns = {names->user, names->item, names->value, names->time},
                    .max_rejects = .01},
        .duplicates = DG_DUPLICATES_LAST,
        .min_user = 1,
        .min_item = 1,
        .split = {.method = DG_SPLIT_HOLD_LAST, .test = .2},
        .seed = 7,
        .stretch = stretch};
}

static dg_status prepare(int way, int64_t stretch, dg_dataset *out)
{
    dg_prepare_options o = options_of(way, stretch);
    const dg_status st = dg_prepare(&world, &o, out, &report, &err);
    dg_strings_free(&o.ratings.paths);
    return st;
}

static bool same_rows(const dg_csr *a, const dg_csr *b)
{
    const int64_t n = dg_csr_count(a), rows = a->end - a->begin;
    return a->begin == b->begin && a->end == b->end && n == dg_csr_count(b) &&
           memcmp(a->ptr, b->ptr, (size_t)(rows + 1) * sizeof *a->ptr) == 0 &&
           memcmp(a->index, b->index, (size_t)n * sizeof *a->index) == 0 &&
           memcmp(a->value, b->value, (size_t)n * sizeof *a->value) == 0;
}

static bool same_ids(const dg_strings *a, const dg_strings *b)
{
    for (int64_t k = 0; k < a->n && a->n == b->n; k++) {
        size_t n, m;
        const char *x = dg_strings_at(a, k, &n), *y = dg_strings_at(b, k, &m);
        if (n != m || memcmp(x, y, n) != 0) return false;
    }
    return a->n == b->n;
}

START_TEST(every_way_is_the_dataset_of_csv)
{
    dg_dataset csv, table;
    ck_assert_all(prepare(-1, 0, &csv) == DG_OK);
    ck_assert_all(report.records == ROWS && report.test > 0);
    for (int way = 0; way < 4; way++) { /* the last one's headers have no room for so many */
        const dg_status st = prepare(way, way % 2 == 0 ? 5000 : 0, &table);
        ck_assert_all(st == DG_OK);
        ck_assert_all(report.records == ROWS && report.rejected == 0);
        ck_assert_all(same_ids(&csv.user_id, &table.user_id) &&
                      same_ids(&csv.item_id, &table.item_id));
        ck_assert_all(same_rows(&csv.train, &table.train) && same_rows(&csv.test, &table.test));
        dg_dataset_free(&table);
    }
    dg_dataset_free(&csv);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

/* Byte ranges stand for rows: every rank has a share of one file. */
START_TEST(ranks_read_disjoint_rows)
{
    dg_inputs in;
    dg_stretches s;
    dg_strings paths = file_of(0);
    const dg_strings *const kinds[DG_INPUT_KINDS] = {&paths};
    ck_assert_all(dg_inputs_find(&world, kinds, &in, &err) == DG_OK);
    ck_assert_all(in.files.n == 1 && in.files.at[0].codec == DG_CODEC_HDF5);
    ck_assert_all(in.files.at[0].reader == dg_foreign_reader());
    ck_assert_all(dg_stretches_cut(&in.files, NULL, 5000, &s, &err) == DG_OK);
    const dg_range own = dg_stretches_share(&s, world.rank, world.size);
    ck_assert_all(own.end > own.begin);
    dg_stretches_free(&s);
    dg_inputs_free(&in);
    dg_strings_free(&paths);
}
END_TEST

START_TEST(one_rank_that_cannot_read_fails_all)
{
    dg_dataset d;
    static const char *const sites[] = {"read", "read.kill"};
    for (int k = 0; k < 2; k++) {
        char spec[40];
        snprintf(spec, sizeof spec, "%s:%d:%d", sites[k], world.size - 1, 3 - 2 * k);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        const dg_status st = prepare(1, 5000, &d);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == (k == 0 ? DG_ERR_IO : DG_ERR_NOMEM) && err.rank == world.size - 1);
        dg_dataset_free(&d);
        ck_assert_all(dg_alloc_live() == 0);
    }
}
END_TEST

START_TEST(rows_that_are_bad_are_told_by_their_number)
{
    dg_dataset d;
    dg_prepare_options o = options_of(0, 5000);
    o.ratings.columns[DG_ROLE_TIME] = "item"; /* no string of them is a time */
    o.ratings.max_rejects = 1;
    const dg_status st = dg_prepare(&world, &o, &d, &report, &err);
    ck_assert_all(st == DG_ERR_DATA && report.rejected == ROWS);
    ck_assert_all(strstr(report.quote[0], "table0:1: item: \"a,b\" is not a time") != NULL);
    dg_dataset_free(&d);
    dg_strings_free(&o.ratings.paths);
}
END_TEST

static void choose_tag(void)
{
    tag = world.rank == 0 ? (int64_t)getpid() : 0;
    dg_sum_int64(&world, &tag, 1);
}

START_TEST(the_folder_goes)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) {
        scratch((long)tag, "");
        scratch_remove();
    }
}
END_TEST

START_TEST(the_folder_comes) { choose_tag(); }
END_TEST

MPI_MAIN("prepare hdf5", the_folder_comes, every_way_is_the_dataset_of_csv,
         ranks_read_disjoint_rows, one_rank_that_cannot_read_fails_all,
         rows_that_are_bad_are_told_by_their_number, the_folder_goes)
