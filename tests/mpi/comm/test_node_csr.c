/* Every rank reads every row, and one rank's failure is everybody's. */
#include "comm/node_csr.h"

#include "base/fault.h"
#include "base/memory.h"
#include "mpi_main.h"

#include <stdio.h>

static dg_err err;

/* Shards of uneven size, some of them empty. */
static dg_shards uneven(int64_t n_rows)
{
    dg_shards s;
    ck_assert_all(dg_shards_create(64, &s, &err) == DG_OK);
    for (int k = 0; k <= 64; k++) s.begin[k] = n_rows * (k / 3 * 3) * (k / 3 * 3) / (63 * 63);
    s.begin[64] = n_rows;
    return s;
}

static int64_t length(int64_t row) { return row % 5 == 3 ? 0 : row % 7; }

static dg_csr own_rows(const dg_shards *s)
{
    const dg_range own = dg_shards_rows(s, world.rank, world.size);
    dg_csr m;
    int64_t n = 0;
    for (int64_t r = own.begin; r < own.end; r++) n += length(r);
    ck_assert_int_eq(dg_csr_create(own.begin, own.end, n, &m, &err), DG_OK);
    n = 0;
    for (int64_t r = own.begin; r < own.end; r++) {
        for (int64_t k = 0; k < length(r); k++, n++) {
            m.index[n] = (int32_t)(r + 3 * k);
            m.value[n] = (float)(r * 10 + k) / 4;
        }
        m.ptr[r - own.begin + 1] = n;
    }
    return m;
}

START_TEST(all_ranks_read_all_rows)
{
    static const int64_t sizes[] = {0, 1, 3, 200};
    for (int k = 0; k < 4; k++) {
        dg_shards s = uneven(sizes[k]);
        dg_csr own = own_rows(&s);
        dg_node_csr all;
        bool same = true;
        ck_assert_all(dg_node_csr_create(&world, &s, &own, &all, &err) == DG_OK);
        dg_csr_free(&own);
        ck_assert_all(all.n_rows == sizes[k]);
        for (int64_t r = 0; r < sizes[k]; r++) {
            const dg_node_row row = dg_node_csr_row(&all, r);
            same = same && row.n == length(r);
            for (int64_t e = 0; e < row.n && same; e++)
                same = row.entry[e].index == r + 3 * e &&
                       row.entry[e].value == (float)(r * 10 + e) / 4 &&
                       dg_node_row_find(row, r + 3 * e) == e &&
                       dg_node_row_find(row, r + 3 * e + 1) == e + 1;
        }
        ck_assert_all(same);
        dg_node_csr_destroy(&all);
        dg_node_csr_destroy(&all);
        dg_shards_destroy(&s);
    }
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(each_failing_allocation_fails_all)
{
    dg_shards s = uneven(40);
    dg_csr own = own_rows(&s);
    dg_status st = DG_ERR_NOMEM;
    const size_t before = dg_alloc_live();
    for (int nth = 1; st != DG_OK && nth < 100; nth++) {
        char spec[48];
        dg_node_csr all;
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_node_csr_create(&world, &s, &own, &all, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || st == DG_ERR_NOMEM);
        ck_assert_all(st == DG_OK || all.entry == NULL);
        dg_node_csr_destroy(&all);
        ck_assert_all(dg_alloc_live() == before);
    }
    ck_assert_all(st == DG_OK);
    dg_csr_free(&own);
    dg_shards_destroy(&s);
}
END_TEST

MPI_MAIN("node csr", all_ranks_read_all_rows, each_failing_allocation_fails_all)
