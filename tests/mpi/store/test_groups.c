/* The most chosen goods of each group, against counts added up by one rank. */
#include "store/groups.h"

#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 4, ITEMS = 1300, PAIRS = 40000 };

static dg_err err;
static int64_t truth[GROUPS][ITEMS];
static dg_group_lists lists;
static dg_shards items;
static dg_strings names;

/* Pairs are dealt to ranks by their number; group 2 has none. */
static dg_group_count *draw(int64_t *n)
{
    dg_rng r = dg_rng_at(8, DG_RNG_TEST, 1);
    dg_group_count *mine = dg_alloc(PAIRS, sizeof *mine);
    *n = 0;
    memset(truth, 0, sizeof truth);
    for (int k = 0; k < PAIRS; k++) {
        const uint32_t g = dg_rng_below(&r, 3);
        const int32_t group = g == 2 ? 3 : (int32_t)g;
        const int32_t item = (int32_t)dg_rng_below(&r, 1 + dg_rng_below(&r, ITEMS));
        truth[group][item] += 1 + k % 2;
        if (k % world.size == world.rank) mine[(*n)++] = (dg_group_count){group, item, 1 + k % 2};
    }
    return mine;
}

static bool list_is_right(int group)
{
    const int64_t begin = lists.ptr[group], end = lists.ptr[group + 1];
    int64_t sold = 0, above = 0;
    for (int i = 0; i < ITEMS; i++) sold += truth[group][i] > 0;
    if (end - begin != (sold < DG_GROUP_LENGTH ? sold : DG_GROUP_LENGTH)) return false;
    for (int64_t k = begin; k < end; k++) {
        if (lists.count[k] != truth[group][lists.item[k]]) return false;
        if (k == begin) continue;
        if (lists.count[k] > lists.count[k - 1]) return false;
        if (lists.count[k] == lists.count[k - 1] && lists.item[k] <= lists.item[k - 1])
            return false;
    }
    for (int i = 0; end > begin && i < ITEMS; i++) above += truth[group][i] > lists.count[end - 1];
    return above <= end - begin;
}

static dg_status make(void)
{
    int64_t n;
    dg_group_count *mine = draw(&n);
    const dg_status st = dg_group_lists_make(&world, mine, n, &names, &items, &lists, &err);
    dg_free(mine);
    return st;
}

START_TEST(lists_are_those_of_all_ranks_counts)
{
    ck_assert_all(make() == DG_OK);
    ck_assert_all(lists.n == GROUPS);
    bool right = true;
    for (int g = 0; g < GROUPS && world.rank == 0; g++) right = right && list_is_right(g);
    ck_assert_all(right && (world.rank == 0 ? lists.ptr[3] == lists.ptr[2] : lists.ptr == NULL));
    dg_group_lists_free(&lists);
}
END_TEST

START_TEST(a_file_gives_back_what_was_written)
{
    dg_writer *w;
    dg_container *f = NULL;
    dg_groups mapped;
    int64_t tag = getpid();
    dg_bcast(&world, &tag, sizeof tag, 0);
    char path[512];
    snprintf(path, sizeof path, "%s", scratch((long)tag, "groups.h5"));
    ck_assert_all(make() == DG_OK);
    ck_assert_all(dg_writer_create(&world, path, "daogou-test", 1, &w, &err) == DG_OK);
    dg_group_lists_write(w, "popularity/scene", &lists);
    ck_assert_all(dg_writer_commit(&w, NULL, &err) == DG_OK);
    dg_group_lists_free(&lists);
    ck_assert_all(dg_container_open(path, "daogou-test", 1, &f, &err) == DG_OK);
    ck_assert_all(dg_group_lists_load(&world, f, "popularity/scene", ITEMS, &lists, &err) == DG_OK);
    bool right = true;
    for (int g = 0; g < GROUPS && world.rank == 0; g++) right = right && list_is_right(g);
    ck_assert_all(right && lists.n == GROUPS);
    ck_assert_all(dg_groups_map(f, "popularity/scene", ITEMS, &mapped, &err) == DG_OK);
    ck_assert_all(dg_groups_find(&mapped, "d", 1) == 3 && dg_groups_find(&mapped, "e", 1) == -1);
    ck_assert_all(dg_groups_map(f, "popularity/scene", 500, &mapped, &err) == DG_ERR_DATA);
    ck_assert_all(strstr(err.text, "is not of an item") != NULL);
    dg_container_close(&f);
    dg_group_lists_free(&lists);
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all)
{
    const size_t live = dg_alloc_live();
    int failures = 0;
    for (int nth = 2, more = 1; more; nth++) {
        char spec[64];
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        const dg_status st = make();
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        more = st != DG_OK;
        failures += more;
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == world.size - 1));
        dg_group_lists_free(&lists);
        ck_assert_all(dg_alloc_live() == live);
    }
    ck_assert_all(failures > 2);
}
END_TEST

START_TEST(begin)
{
    int64_t work[ITEMS];
    for (int i = 0; i < ITEMS; i++) work[i] = 1 + i % 3;
    ck_assert_all(dg_shards_create(64, &items, &err) == DG_OK);
    dg_shards_cut(&items, work, ITEMS);
    for (int g = 0; g < GROUPS; g++)
        dg_strings_add(&names, (const char[]){(char)('a' + g)}, 1, &err);
}
END_TEST

START_TEST(end)
{
    dg_shards_destroy(&items);
    dg_strings_free(&names);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

MPI_MAIN("groups", begin, lists_are_those_of_all_ranks_counts, a_file_gives_back_what_was_written,
         one_rank_out_of_memory_fails_all, end)
