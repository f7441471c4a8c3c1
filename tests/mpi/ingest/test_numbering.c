#include "ingest/directory.h"
#include "ingest/numbering.h"

#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"

#include <stdio.h>
#include <string.h>

enum { IDS = 1500, SHARDS = 64 };

static dg_err err;

/* Id k of all; how often rank r has counted it; whether r has met it at all. */
static size_t id_of(int k, char *id)
{
    return (size_t)snprintf(id, 32, k % 3 == 0 ? "%d" : "SKU-%06d", k * 37);
}

static int64_t count_at(int rank, int k)
{
    dg_rng r = dg_rng_at((uint64_t)k, DG_RNG_TEST, (uint64_t)(rank % 2));
    return k % 10 == 0 ? 40 : (int64_t)dg_rng_below(&r, 6);
}

static bool meets(int rank, int k) { return k % world.size == rank || (k + 1) % 3 == rank; }

/* Every eleventh id gets no row. */
static bool has_row(int k) { return k % 11 != 0; }

typedef struct row {
    int k;
    uint64_t hash;
    int64_t count;
    int shard;
} row;

static int dealing_order(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash); /* these ids have different hashes */
}

static int row_order(const void *a, const void *b)
{
    const row *x = a, *y = b;
    if (x->shard != y->shard) return x->shard - y->shard;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return dealing_order(a, b);
}

/* The whole numbering, on one rank: (n,) rows in order. */
static int reference(row *rows, dg_shards *shards)
{
    int n = 0;
    static int64_t work[IDS];
    for (int k = 0; k < IDS; k++) {
        char id[32];
        bool met = false;
        row r = {.k = k, .hash = dg_id_hash(id, id_of(k, id))};
        for (int rank = 0; rank < world.size; rank++) {
            met = met || meets(rank, k);
            if (meets(rank, k)) r.count += count_at(rank, k);
        }
        if (met && has_row(k)) rows[n++] = r;
    }
    qsort(rows, (size_t)n, sizeof *rows, dealing_order);
    for (int k = 0; k < n; k++) work[k] = rows[k].count + DG_ROW_WORK;
    dg_shards_create(SHARDS, shards, &err);
    dg_shards_cut(shards, work, n);
    for (int k = 0; k < n; k++) rows[k].shard = dg_shards_find(shards, k);
    qsort(rows, (size_t)n, sizeof *rows, row_order);
    return n;
}

typedef struct numbered { /* what this rank gets out of directory and numbering */
    dg_ids local;
    int met[IDS]; /* id of each local code */
    dg_directory directory;
    dg_shards shards;
    dg_strings rows;
    int64_t number[IDS]; /* row of each local code */
} numbered;

/* Ids arrive in an order of the rank's own. */
static dg_status meet_ids(numbered *x, int64_t *count)
{
    dg_status st = DG_OK;
    for (int j = 0; j < IDS && st == DG_OK; j++) {
        const int k = (j * 77 + world.rank * 13) % IDS;
        char id[32];
        int32_t code;
        if (!meets(world.rank, k)) continue;
        st = dg_ids_code(&x->local, id, id_of(k, id), &code, &err);
        if (st != DG_OK) break;
        x->met[code] = k;
        count[code] = count_at(world.rank, k);
    }
    return st;
}

static dg_status number(numbered *x)
{
    static int64_t count[IDS], own[IDS], answer[IDS];
    *x = (numbered){0};
    dg_status st = dg_agree(&world, meet_ids(x, count), &err);
    if (st == DG_OK) st = dg_directory_create(&world, &x->local, &x->directory, &err);
    if (st == DG_OK) st = dg_directory_sum(&x->directory, count, own, &err);
    for (int64_t k = 0; k < x->directory.ids.text.n && st == DG_OK; k++) {
        size_t n;
        char id[32] = "";
        const char *at = dg_strings_at(&x->directory.ids.text, k, &n);
        memcpy(id, at, n);
        if (atoi(id[0] == 'S' ? id + 4 : id) / 37 % 11 == 0) own[k] = DG_NO_ROW;
    }
    if (st == DG_OK)
        st = dg_number_rows(&world, &x->directory.ids, own, "goods", SHARDS, &x->shards, &x->rows,
                            answer, &err);
    if (st == DG_OK) st = dg_directory_answer(&x->directory, answer, x->number, &err);
    return st;
}

static void discard(numbered *x)
{
    dg_ids_free(&x->local);
    dg_directory_destroy(&x->directory);
    dg_shards_destroy(&x->shards);
    dg_strings_free(&x->rows);
}

static bool same_shards(const dg_shards *a, const dg_shards *b)
{
    return a->n == b->n && memcmp(a->begin, b->begin, (size_t)(a->n + 1) * sizeof *a->begin) == 0;
}

static bool own_ids_match(const numbered *x, const row *rows)
{
    const dg_range own = dg_shards_rows(&x->shards, world.rank, world.size);
    if (x->rows.n != own.end - own.begin) return false;
    for (int64_t r = own.begin; r < own.end; r++) {
        char id[32];
        size_t n;
        const size_t length = id_of(rows[r].k, id);
        const char *at = dg_strings_at(&x->rows, r - own.begin, &n);
        if (n != length || memcmp(at, id, n) != 0) return false;
    }
    return true;
}

static bool codes_match(const numbered *x, const row *rows, int n)
{
    for (int64_t code = 0; code < x->local.text.n; code++) {
        int64_t expected = DG_NO_ROW;
        for (int r = 0; r < n; r++)
            if (rows[r].k == x->met[code]) expected = r;
        if (x->number[code] != expected) return false;
    }
    return true;
}

START_TEST(rows_shards_and_numbers_are_those_of_the_serial_reference)
{
    static numbered x;
    static row rows[IDS];
    dg_shards shards;
    const int n = reference(rows, &shards);
    ck_assert_all(number(&x) == DG_OK);
    ck_assert_all(same_shards(&x.shards, &shards));
    ck_assert_all(own_ids_match(&x, rows));
    ck_assert_all(codes_match(&x, rows, n));
    discard(&x);
    dg_shards_destroy(&shards);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all_and_nothing_leaks)
{
    static numbered x;
    const size_t live = dg_alloc_live();
    const int victim = world.size / 2;
    dg_status st = DG_ERR_NOMEM;
    for (int nth = 1; st != DG_OK; nth++) {
        char spec[32];
        snprintf(spec, sizeof spec, "alloc:%d:%d", victim, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = number(&x);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == victim));
        discard(&x);
        ck_assert_all(dg_alloc_live() == live);
    }
}
END_TEST

MPI_MAIN("numbering", rows_shards_and_numbers_are_those_of_the_serial_reference,
         one_rank_out_of_memory_fails_all_and_nothing_leaks)
