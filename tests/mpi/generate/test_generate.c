#include "generate/generate.h"

#include "base/fault.h"
#include "base/memory.h"
#include "mpi_main.h"
#include "scratch.h"

#include <dirent.h>
#include <sys/stat.h>

static dg_err err;
static dg_generate_report report;
static int tag; /* rank 0's process id */

static const char *shared(const char *name)
{
    tag = (int)getpid();
    MPI_Bcast(&tag, 1, MPI_INT, 0, world.comm);
    return scratch(tag, name);
}

/* A shop that takes a few thousand rows: small, yet with heavy shoppers and every kind of file. */
static dg_generate_options small_shop(void)
{
    dg_generate_options o;
    if (dg_generate_preset("shop-small", &o, &err) != DG_OK) abort();
    o.users = 999;
    o.items = 260;
    o.events = 7001;
    o.ratings = 3003;
    o.truth = true;
    return o;
}

static void arm(const char *site, int rank, int nth)
{
    char spec[48];
    snprintf(spec, sizeof spec, "%s:%d:%d", site, rank, nth);
    setenv("DAOGOU_FAULT", spec, 1);
    dg_fault_reload();
}

static void disarm(void)
{
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
}

/* Contents of a file, NUL-terminated; free it. NULL where there is none. */
static char *contents(const char *folder, const char *name, size_t *n)
{
    char path[600];
    struct stat there;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL || fstat(fileno(f), &there) != 0) return NULL;
    *n = (size_t)there.st_size;
    char *at = calloc(*n + 1, 1);
    if (at == NULL || fread(at, 1, *n, f) != *n) abort();
    fclose(f);
    return at;
}

static bool same_file(const char *a, const char *b, const char *name)
{
    size_t n = 0, m = 0;
    char *x = contents(a, name, &n), *y = contents(b, name, &m);
    const bool same = x != NULL && y != NULL && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

static int64_t lines_of(const char *folder, const char *name)
{
    size_t n = 0;
    int64_t lines = 0;
    char *at = contents(folder, name, &n);
    for (size_t k = 0; k < n; k++) lines += at[k] == '\n';
    free(at);
    return lines;
}

static int entries_in(const char *folder)
{
    DIR *dir = opendir(folder);
    int n = 0;
    if (dir == NULL) return -1;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

START_TEST(all_ranks_together_write_what_one_writes_alone)
{
    dg_comm alone;
    const dg_generate_options o = small_shop();
    char one[300], many[300];
    snprintf(one, sizeof one, "%s", shared("one"));
    snprintf(many, sizeof many, "%s", shared("many"));
    dg_comm_init(&alone, MPI_COMM_SELF);
    ck_assert_all(dg_generate(&world, &o, many, &report, &err) == DG_OK);
    ck_assert_all(report.n_files == DG_GENERATE_FILES);
    dg_generate_report lone = report;
    const dg_status st = world.rank == 0 ? dg_generate(&alone, &o, one, &lone, &err) : DG_OK;
    ck_assert_all(st == DG_OK);
    for (int k = 0; k < report.n_files; k++) {
        ck_assert_all(world.rank != 0 || same_file(one, many, report.file[k].name));
        ck_assert_all(lone.file[k].bytes == report.file[k].bytes);
    }
    ck_assert_all(report.rmse_planted == lone.rmse_planted);
    dg_comm_free(&alone);
}
END_TEST

START_TEST(counts_are_exactly_as_asked)
{
    const dg_generate_options o = small_shop();
    const char *folder = shared("many");
    int64_t events = 0;
    ck_assert_all(dg_generate(&world, &o, folder, &report, &err) == DG_OK);
    for (int k = 0; k < DG_N_EVENTS; k++) events += report.events[k];
    ck_assert_all(events == o.events && report.ratings == o.ratings);
    ck_assert_all(lines_of(folder, "goods.csv") == o.items + 1);
    ck_assert_all(lines_of(folder, "shoppers.csv") == o.users + 1);
    ck_assert_all(lines_of(folder, "scenes.csv") == o.scenes + 1);
    ck_assert_all(lines_of(folder, "events.csv") == o.events + 1);
    ck_assert_all(lines_of(folder, "ratings.csv") == o.ratings + 1);
    ck_assert_all(lines_of(folder, "truth_users.csv") == o.users + 1);
    ck_assert_all(lines_of(folder, "truth_items.csv") == o.items + 1);
    for (int k = 0; k < report.n_files; k++) {
        size_t n = 0;
        free(contents(folder, report.file[k].name, &n));
        ck_assert_all((int64_t)n == report.file[k].bytes);
    }
}
END_TEST

START_TEST(what_is_not_asked_for_is_not_written)
{
    dg_generate_options o = small_shop();
    const char *folder = shared("ratings-only");
    o.events = o.scenes = 0;
    o.friends = 0;
    o.shoppers = o.truth = false;
    ck_assert_all(dg_generate(&world, &o, folder, &report, &err) == DG_OK);
    ck_assert_all(report.n_files == 3);
    ck_assert_all(strcmp(report.file[0].name, "goods.csv") == 0);
    ck_assert_all(strcmp(report.file[1].name, "ratings.csv") == 0);
    ck_assert_all(strcmp(report.file[2].name, "truth.json") == 0);
    ck_assert_all(entries_in(folder) == 3);
}
END_TEST

START_TEST(another_seed_makes_another_shop)
{
    dg_generate_options o = small_shop();
    char one[300];
    snprintf(one, sizeof one, "%s", shared("many"));
    o.seed++;
    ck_assert_all(dg_generate(&world, &o, shared("other"), &report, &err) == DG_OK);
    bool differ = true;
    for (int k = 0; k < report.n_files; k++)
        differ = differ && !same_file(one, shared("other"), report.file[k].name);
    ck_assert_all(differ);
}
END_TEST

START_TEST(a_shop_of_one_and_a_shop_with_too_few_rows_work)
{
    dg_generate_options o = small_shop();
    o.users = o.items = o.events = o.ratings = 1;
    ck_assert_all(dg_generate(&world, &o, shared("one-each"), &report, &err) == DG_OK);
    ck_assert_all(report.ratings == 1);
    o = small_shop();
    o.ratings = 7; /* fewer than shoppers: most rate nothing */
    o.most = 1;
    o.events = o.users * o.items; /* everybody touches everything */
    ck_assert_all(dg_generate(&world, &o, shared("one-each"), &report, &err) == DG_OK);
    ck_assert_all(report.ratings == 7);
}
END_TEST

START_TEST(every_failed_write_leaves_nothing)
{
    const dg_generate_options o = small_shop();
    const char *folder = shared("failed");
    for (int rank = 0; rank < world.size; rank++) {
        dg_status st = DG_ERR_IO;
        int nth = 1;
        for (; st == DG_ERR_IO; nth++) {
            arm("write", rank, nth);
            st = dg_generate(&world, &o, folder, &report, &err);
            ck_assert_all(st == DG_OK || entries_in(folder) < 0);
            ck_assert_all(st == DG_OK || report.n_files == 0);
            if (st != DG_OK) ck_assert_all(err.rank == rank);
        }
        disarm();
        ck_assert_all(st == DG_OK);
        ck_assert_all(nth > (rank == 0 ? DG_GENERATE_FILES : 2)); /* every rank writes */
        if (world.rank == 0) scratch_remove();
        MPI_Barrier(world.comm);
    }
}
END_TEST

START_TEST(every_kind_of_failed_allocation_leaves_nothing)
{
    dg_generate_options o = small_shop();
    o.users = 70;
    o.items = 20;
    o.events = o.ratings = 350;
    const char *folder = shared("failed");
    const size_t before = dg_alloc_live();
    dg_status st = DG_ERR_NOMEM;
    for (int nth = 1; st == DG_ERR_NOMEM; nth += 1 + nth / 8) {
        arm("alloc", world.size - 1, nth);
        st = dg_generate(&world, &o, folder, &report, &err);
        ck_assert_all(st == DG_OK || st == DG_ERR_NOMEM);
        ck_assert_all(st == DG_OK || entries_in(folder) < 0);
        ck_assert_all(dg_alloc_live() == before);
    }
    disarm();
    ck_assert_all(st == DG_OK);
}
END_TEST

START_TEST(a_failure_leaves_an_older_shop_as_it_was)
{
    const dg_generate_options o = small_shop();
    dg_generate_options other = o;
    const char *folder = shared("older");
    other.seed = 99;
    ck_assert_all(dg_generate(&world, &o, folder, &report, &err) == DG_OK);
    const int files = report.n_files;
    arm("write", 0, 4);
    ck_assert_all(dg_generate(&world, &other, folder, &report, &err) == DG_ERR_IO);
    disarm();
    ck_assert_all(entries_in(folder) == files);
    ck_assert_all(dg_generate(&world, &o, shared("again"), &report, &err) == DG_OK);
    for (int k = 0; k < files; k++)
        ck_assert_all(same_file(folder, shared("again"), report.file[k].name));
}
END_TEST

START_TEST(a_file_where_the_folder_should_be_is_refused)
{
    const dg_generate_options o = small_shop();
    char under[600];
    const char *file = shared("file");
    if (world.rank == 0) fclose(fopen(file, "w"));
    MPI_Barrier(world.comm);
    ck_assert_all(dg_generate(&world, &o, file, &report, &err) == DG_ERR_CANTCREATE);
    ck_assert_all(strstr(err.text, "file: cannot create the folder: ") != NULL);
    snprintf(under, sizeof under, "%s/deeper/shop", file);
    ck_assert_all(dg_generate(&world, &o, under, &report, &err) == DG_ERR_CANTCREATE);
    ck_assert_all(strstr(err.text, "Not a directory") != NULL);
}
END_TEST

START_TEST(sizes_that_do_not_fit_are_refused_before_anything_is_made)
{
    dg_generate_options o = small_shop();
    o.ratings = o.users * o.items;
    ck_assert_all(dg_generate(&world, &o, shared("refused"), &report, &err) == DG_ERR_CONFIG);
    ck_assert_all(entries_in(shared("refused")) < 0);
}
END_TEST

START_TEST(clean_up)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

MPI_MAIN("generate", all_ranks_together_write_what_one_writes_alone, counts_are_exactly_as_asked,
         what_is_not_asked_for_is_not_written, another_seed_makes_another_shop,
         a_shop_of_one_and_a_shop_with_too_few_rows_work, every_failed_write_leaves_nothing,
         every_kind_of_failed_allocation_leaves_nothing, a_failure_leaves_an_older_shop_as_it_was,
         a_file_where_the_folder_should_be_is_refused,
         sizes_that_do_not_fit_are_refused_before_anything_is_made, clean_up)
