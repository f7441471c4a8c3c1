#include "ingest/select.h"

#include "base/rng.h"
#include "mpi_main.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 3000 };

static dg_err err;

/* Number k of all; every fifth is left out. Rank r holds the numbers k with k % size == r. */
static int64_t number_of(int kind, int64_t k)
{
    dg_rng r = dg_rng_at((uint64_t)kind, DG_RNG_TEST, (uint64_t)k);
    const uint64_t any = (uint64_t)dg_rng_u32(&r) << 32 | dg_rng_u32(&r);
    if (kind == 0) return (int64_t)any;                        /* all of int64, both signs */
    if (kind == 1) return (int64_t)(any % 7) - 3;              /* many ties, around zero */
    if (kind == 2) return 1300000000 + (int64_t)(any % 86400); /* times of one day */
    return k % 2 == 0 ? INT64_MIN : INT64_MAX;
}

static bool number_at(const void *from, int64_t k, int64_t *number)
{
    const int64_t global = k * world.size + world.rank;
    *number = number_of(*(const int *)from, global);
    return global % 5 != 4;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

START_TEST(the_number_at_every_place_is_that_of_a_sort)
{
    static const int64_t places[] = {0, 1, 17, 600, 1199, 2398, 2399};
    static int64_t sorted[MOST];
    for (int kind = 0; kind < 4; kind++) {
        int64_t n = 0;
        for (int64_t k = 0; k < MOST; k++)
            if (k % 5 != 4) sorted[n++] = number_of(kind, k);
        qsort(sorted, (size_t)n, sizeof *sorted, compare);
        ck_assert_all(n == 2400);
        const int64_t mine = (MOST - world.rank + world.size - 1) / world.size;
        for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
            int64_t found = 0;
            const dg_status st = dg_select(&world, &kind, number_at, mine, places[p], &found, &err);
            ck_assert_all(st == DG_OK && found == sorted[places[p]]);
        }
    }
}
END_TEST

START_TEST(beyond_the_last_place_is_the_largest)
{
    const int kind = 1;
    int64_t found = 0;
    ck_assert_all(dg_select(&world, &kind, number_at, 100, 100000, &found, &err) == DG_OK);
    ck_assert_all(found == 3);
}
END_TEST

START_TEST(ranks_without_numbers_take_part)
{
    const int kind = 2;
    int64_t found = 0, n = world.rank == world.size - 1 ? 3 : 0, least = INT64_MAX;
    ck_assert_all(dg_select(&world, &kind, number_at, n, 0, &found, &err) == DG_OK);
    for (int64_t k = 0; k < 3; k++) {
        const int64_t global = k * world.size + world.size - 1;
        const int64_t number = number_of(kind, global);
        if (global % 5 != 4 && number < least) least = number;
    }
    ck_assert_all(found == least);
    ck_assert_all(dg_select(&world, &kind, number_at, 0, 0, &found, &err) == DG_OK);
    ck_assert_all(found == INT64_MIN);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all)
{
    for (int rank = 0; rank < world.size; rank++) {
        char spec[32];
        int64_t found;
        const int kind = 0;
        snprintf(spec, sizeof spec, "alloc:%d:1", rank);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        const dg_status st = dg_select(&world, &kind, number_at, 10, 3, &found, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_ERR_NOMEM && err.rank == rank);
    }
}
END_TEST

MPI_MAIN("select", the_number_at_every_place_is_that_of_a_sort,
         beyond_the_last_place_is_the_largest, ranks_without_numbers_take_part,
         one_rank_out_of_memory_fails_all)
