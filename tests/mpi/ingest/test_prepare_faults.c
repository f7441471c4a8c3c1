/* Whatever fails on one rank fails on all of them, alike, and leaves nothing behind. */
#include "ingest/prepare.h"

#include "base/memory.h"
#include "mpi_main.h"
#include "shop.h"

#include <stdio.h>
#include <string.h>

static dg_err err;
static shop town;
static dg_dataset d;
static dg_prepare_report report;

static bool is_empty(const dg_dataset *s)
{
    static const dg_dataset none;
    return memcmp(s, &none, sizeof none) == 0;
}

/* Same status and same text on every rank? */
static bool all_agree(dg_status st)
{
    dg_err differ;
    const uint64_t text = dg_hash64(err.text, strlen(err.text), 0);
    const bool same = dg_agree_same(&world, "status", (int64_t)st, &differ) == DG_OK;
    return (st == DG_OK || dg_agree_same(&world, "text", (int64_t)text, &differ) == DG_OK) && same;
}

/* Let visit `nth` of a site fail on one rank. */
static dg_status prepare_with_fault(const dg_prepare_options *o, const char *site, int victim,
                                    int nth)
{
    char spec[64];
    snprintf(spec, sizeof spec, "%s:%d:%d", site, victim, nth);
    setenv("DAOGOU_FAULT", spec, 1);
    dg_fault_reload();
    err = (dg_err){0};
    const dg_status st = dg_prepare(&world, o, &d, &report, &err);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    return st;
}

static void sweep(const dg_prepare_options *o, const char *site, dg_status expected, int step)
{
    const size_t live = dg_alloc_live();
    const int victim = world.size - 1;
    dg_status st = expected;
    int failures = 0;
    for (int nth = 1; st != DG_OK; nth += step) {
        st = prepare_with_fault(o, site, victim, nth);
        failures += st != DG_OK;
        ck_assert_all(all_agree(st));
        ck_assert_all(st == DG_OK || (st == expected && err.rank == victim && is_empty(&d)));
        dg_dataset_free(&d);
        ck_assert_all(dg_alloc_live() == live);
    }
    ck_assert_all(failures > 3);
}

START_TEST(one_rank_out_of_memory_fails_all)
{
    dg_prepare_options o = shop_options(&town);
    o.split.method = DG_SPLIT_FILES;
    o.batch = 700;
    sweep(&o, "alloc", DG_ERR_NOMEM, 3);
    o.split.method = DG_SPLIT_TIME;
    o.split.at = "80%";
    o.split.valid = .1;
    o.min_user = 15;
    sweep(&o, "alloc", DG_ERR_NOMEM, 5);
    shop_options_free(&o);
}
END_TEST

START_TEST(one_rank_that_cannot_read_fails_all)
{
    dg_prepare_options o = shop_options(&town);
    sweep(&o, "read", DG_ERR_IO, 1);
    shop_options_free(&o);
}
END_TEST

START_TEST(one_rank_that_cannot_read_fails_the_digest)
{
    dg_prepare_options o = shop_options(&town);
    dg_file_digests files;
    const size_t live = dg_alloc_live();
    setenv("DAOGOU_FAULT", "read:0:1", 1);
    dg_fault_reload();
    const dg_status st = dg_prepare_digests(&world, &o, &files, &err);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    ck_assert_all(all_agree(st) && st == DG_ERR_IO && dg_alloc_live() == live);
    shop_options_free(&o);
}
END_TEST

START_TEST(ranks_with_different_options_are_found_out)
{
    dg_prepare_options o = shop_options(&town);
    o.seed += (uint64_t)world.rank;
    const dg_status st = dg_prepare(&world, &o, &d, &report, &err);
    ck_assert_all(st == (world.size == 1 ? DG_OK : DG_ERR_DIFFER));
    dg_dataset_free(&d);
    shop_options_free(&o);
}
END_TEST

START_TEST(make_the_shop) { shop_open(&world, &town); }
END_TEST

START_TEST(remove_the_shop) { shop_close(&world, &town); }
END_TEST

MPI_MAIN("prepare faults", make_the_shop, one_rank_out_of_memory_fails_all,
         one_rank_that_cannot_read_fails_all, one_rank_that_cannot_read_fails_the_digest,
         ranks_with_different_options_are_found_out, remove_the_shop)
