#include "ingest/transpose.h"

#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"

#include <stdio.h>

enum { ROWS = 83, COLUMNS = 131, SHARDS = 64 };

static dg_err err;

/* Entry (r, c) of the matrix, 0 for none; row 5 is full, column 7 is empty. */
static float entry(int64_t r, int64_t c)
{
    dg_rng g = dg_rng_at(2, DG_RNG_TEST, (uint64_t)(r * COLUMNS + c));
    const float value = (float)dg_rng_below(&g, 1000) + 1;
    if (c == 7) return 0;
    return r == 5 || dg_rng_below(&g, 4) == 0 ? value : 0;
}

static dg_shards even_shards(int64_t rows)
{
    dg_shards s;
    dg_shards_create(SHARDS, &s, &err);
    for (int k = 0; k <= SHARDS; k++) s.begin[k] = rows * k / SHARDS;
    return s;
}

static dg_csr own_rows(const dg_shards *shards)
{
    dg_csr m;
    const dg_range own = dg_shards_rows(shards, world.rank, world.size);
    int64_t n = 0;
    for (int64_t r = own.begin; r < own.end; r++)
        for (int64_t c = 0; c < COLUMNS; c++) n += entry(r, c) != 0;
    dg_csr_create(own.begin, own.end, n, &m, &err);
    n = 0;
    for (int64_t r = own.begin; r < own.end; r++) {
        for (int64_t c = 0; c < COLUMNS; c++) {
            if (entry(r, c) == 0) continue;
            m.index[n] = (int32_t)c;
            m.value[n++] = entry(r, c);
        }
        m.ptr[r - own.begin + 1] = n;
    }
    return m;
}

static bool is_transposed(const dg_csr *t, dg_range own)
{
    if (t->begin != own.begin || t->end != own.end) return false;
    for (int64_t c = own.begin; c < own.end; c++) {
        const dg_row row = dg_csr_row(t, c);
        int64_t at = 0;
        for (int64_t r = 0; r < ROWS; r++) {
            if (entry(r, c) == 0) continue;
            if (at >= row.n || row.index[at] != r || row.value[at] != entry(r, c)) return false;
            at++;
        }
        if (at != row.n) return false;
    }
    return true;
}

START_TEST(every_entry_arrives_in_its_column_sorted_by_row)
{
    dg_shards rows = even_shards(ROWS), columns = even_shards(COLUMNS);
    dg_csr m = own_rows(&rows), t;
    ck_assert_all(dg_transpose(&world, &m, &columns, 150, &t, &err) == DG_OK);
    ck_assert_all(is_transposed(&t, dg_shards_rows(&columns, world.rank, world.size)));
    dg_csr_free(&m);
    dg_csr_free(&t);
    dg_shards_destroy(&rows);
    dg_shards_destroy(&columns);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all_and_nothing_leaks)
{
    dg_shards rows = even_shards(ROWS), columns = even_shards(COLUMNS);
    dg_csr m = own_rows(&rows), t;
    const size_t live = dg_alloc_live();
    const int victim = world.size - 1;
    dg_status st = DG_ERR_NOMEM;
    for (int nth = 1; st != DG_OK; nth += 7) {
        char spec[32];
        snprintf(spec, sizeof spec, "alloc:%d:%d", victim, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_transpose(&world, &m, &columns, 150, &t, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == victim));
        ck_assert_all(st == DG_OK || dg_alloc_live() == live);
    }
    dg_csr_free(&m);
    dg_csr_free(&t);
    dg_shards_destroy(&rows);
    dg_shards_destroy(&columns);
}
END_TEST

MPI_MAIN("transpose", every_entry_arrives_in_its_column_sorted_by_row,
         one_rank_out_of_memory_fails_all_and_nothing_leaks)
