#include "generate/sheet.h"

#include "mpi_main.h"
#include "scratch.h"

#include <sys/stat.h>

enum { UNITS = 1200 };

static dg_err err;
static int64_t rows[UNITS];
static int made; /* units, by this rank */

/* Unit u has u + 1 rows: in all eleven times what one rank makes between two exchanges. */
static dg_status make_rows(void *from, int64_t unit, dg_lines *out, dg_err *why)
{
    (void)from;
    made++;
    const dg_status st = dg_lines_room(out, (size_t)rows[unit] * DG_LINES_NUMBER, why);
    for (int64_t k = 0; k < rows[unit] && st == DG_OK; k++)
        dg_lines_number(out, unit * 10000 + k, '\n');
    return st;
}

static dg_status refuse_unit(void *from, int64_t unit, dg_lines *out, dg_err *why)
{
    if (unit == *(int64_t *)from) return DG_FAIL(why, DG_ERR_NUMERIC, "unit %d", (int)unit);
    return make_rows(NULL, unit, out, why);
}

static const char *shared_path(void)
{
    int tag = (int)getpid();
    MPI_Bcast(&tag, 1, MPI_INT, 0, world.comm);
    return scratch(tag, "sheet.csv");
}

static dg_sheet sheet_of(dg_status (*make)(void *, int64_t, dg_lines *, dg_err *), void *from)
{
    for (int64_t unit = 0; unit < UNITS; unit++) rows[unit] = unit + 1;
    return (dg_sheet){"rows", "number\n", UNITS, rows, make, from};
}

static bool is_complete(const char *path, int64_t bytes)
{
    char line[64];
    int64_t expected_rows = 0;
    struct stat there;
    FILE *f = fopen(path, "r");
    if (f == NULL || stat(path, &there) != 0 || there.st_size != bytes) return false;
    bool right = fgets(line, sizeof line, f) != NULL && strcmp(line, "number\n") == 0;
    for (int64_t unit = 0; unit < UNITS; unit++)
        for (int64_t k = 0; k <= unit; k++, expected_rows++)
            right = right && fgets(line, sizeof line, f) != NULL &&
                    strtoll(line, NULL, 10) == unit * 10000 + k;
    right = right && fgets(line, sizeof line, f) == NULL;
    fclose(f);
    return right && expected_rows > 10 * 65536;
}

START_TEST(rows_stand_in_order_whoever_made_them)
{
    int64_t bytes = 0;
    const char *path = shared_path();
    const dg_sheet sheet = sheet_of(make_rows, NULL);
    made = 0;
    ck_assert_all(dg_sheet_write(&world, path, &sheet, &bytes, &err) == DG_OK);
    ck_assert_all(made > 0);
    ck_assert_all(world.rank != 0 || is_complete(path, bytes));
}
END_TEST

START_TEST(a_longer_file_that_stood_there_leaves_nothing_behind)
{
    int64_t bytes = 0;
    const char *path = shared_path();
    const dg_sheet sheet = sheet_of(make_rows, NULL);
    ck_assert_all(dg_sheet_write(&world, path, &sheet, &bytes, &err) == DG_OK);
    dg_sheet one = sheet;
    one.n_units = 1;
    ck_assert_all(dg_sheet_write(&world, path, &one, &bytes, &err) == DG_OK);
    ck_assert_all(bytes == (int64_t)strlen("number\n0\n"));
}
END_TEST

START_TEST(a_unit_that_fails_on_one_rank_fails_all)
{
    int64_t bytes, last = UNITS - 1;
    const dg_sheet sheet = sheet_of(refuse_unit, &last);
    ck_assert_all(dg_sheet_write(&world, shared_path(), &sheet, &bytes, &err) == DG_ERR_NUMERIC);
    ck_assert_all(strcmp(err.text, "unit 1199") == 0);
}
END_TEST

START_TEST(a_failed_write_fails_all)
{
    int64_t bytes;
    const dg_sheet sheet = sheet_of(make_rows, NULL);
    for (int rank = 0; rank < world.size; rank++) {
        char spec[32];
        snprintf(spec, sizeof spec, "write:%d:1", rank);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        ck_assert_all(dg_sheet_write(&world, shared_path(), &sheet, &bytes, &err) == DG_ERR_IO);
        ck_assert_all(err.rank == rank);
        ck_assert_all(strstr(err.text, "sheet.csv: write: ") != NULL);
    }
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
}
END_TEST

START_TEST(a_place_that_cannot_be_written_fails_all)
{
    int64_t bytes;
    const dg_sheet sheet = sheet_of(make_rows, NULL);
    ck_assert_all(dg_sheet_write(&world, "/nowhere/at/all.csv", &sheet, &bytes, &err) ==
                  DG_ERR_CANTCREATE);
    ck_assert_all(strstr(err.text, "/nowhere/at/all.csv: cannot create: ") == err.text);
}
END_TEST

START_TEST(clean_up)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

MPI_MAIN("sheet", rows_stand_in_order_whoever_made_them,
         a_longer_file_that_stood_there_leaves_nothing_behind,
         a_unit_that_fails_on_one_rank_fails_all, a_failed_write_fails_all,
         a_place_that_cannot_be_written_fails_all, clean_up)
