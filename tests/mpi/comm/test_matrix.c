#include "comm/matrix.h"

#include "base/fault.h"
#include "base/memory.h"
#include "mpi_main.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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

static float cell(int64_t row, int col, int round)
{
    return (float)(row * 100 + col) + 0.25f * (float)round;
}

static void write_own(dg_matrix *m, int round)
{
    for (int64_t r = m->own.begin; r < m->own.end; r++)
        for (int c = 0; c < m->n_cols; c++) dg_matrix_row(m, r)[c] = cell(r, c, round);
}

static bool sees_all(const dg_matrix *m, int round)
{
    for (int64_t r = 0; r < m->n_rows; r++)
        for (int c = 0; c < m->n_cols; c++)
            if (dg_matrix_row(m, r)[c] != cell(r, c, round)) return false;
    return true;
}

START_TEST(published_rows_are_seen_everywhere)
{
    const int64_t sizes[] = {1000, 5, 1, 0};
    for (int k = 0; k < 4; k++) {
        dg_shards s = uneven(sizes[k]);
        dg_matrix m;
        ck_assert_all(dg_matrix_create(&world, &s, 7, &m, &err) == DG_OK);
        ck_assert_all(m.n_rows == sizes[k] && (uintptr_t)m.at % 64 == 0);
        bool zero = true;
        for (int64_t i = 0; i < m.n_rows * 7; i++) zero &= m.at[i] == 0;
        ck_assert_all(zero);
        for (int round = 0; round < 5; round++) {
            dg_mpi(MPI_Barrier(world.comm), &world, "test"); /* nobody still reads the last round */
            write_own(&m, round);
            dg_matrix_publish(&m);
            ck_assert_all(sees_all(&m, round));
        }
        dg_matrix_destroy(&m);
        dg_matrix_destroy(&m);
        dg_shards_destroy(&s);
    }
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

/* Every rank its own node: all rows but the own ones travel, once. */
START_TEST(pretended_nodes_send_each_other_their_rows)
{
    dg_shards s = uneven(500);
    dg_matrix m;
    setenv("DAOGOU_NODE_SIZE", "1", 1);
    ck_assert_all(dg_matrix_create(&world, &s, 3, &m, &err) == DG_OK);
    unsetenv("DAOGOU_NODE_SIZE");
    const int64_t own = m.own.end - m.own.begin;
    for (int round = 0; round < 2; round++) {
        const dg_traffic before = dg_comm_traffic();
        write_own(&m, round);
        dg_matrix_share(&m);
        ck_assert_all(sees_all(&m, round));
        const dg_traffic moved = dg_traffic_since(dg_comm_traffic(), before);
        ck_assert_all(moved.received[DG_TRAFFIC_ROWS] == (500 - own) * 3 * 4);
        ck_assert_all(moved.sent[DG_TRAFFIC_ROWS] == own * (world.size - 1) * 3 * 4);
    }
    dg_matrix_destroy(&m);
    dg_shards_destroy(&s);
}
END_TEST

START_TEST(a_matrix_of_own_rows_holds_no_others)
{
    dg_shards s = uneven(500);
    dg_matrix m;
    ck_assert_all(dg_matrix_create_own(&world, &s, 3, &m, &err) == DG_OK);
    ck_assert_all(dg_matrix_row(&m, m.own.begin) == m.at && m.n_rows == 500);
    write_own(&m, 1);
    dg_matrix_share(&m);
    bool good = true;
    for (int64_t k = 0; k < (m.own.end - m.own.begin) * 3; k++)
        good = good && m.at[k] == cell(m.own.begin + k / 3, (int)(k % 3), 1);
    ck_assert_all(good);
    dg_matrix_destroy(&m);
    dg_shards_destroy(&s);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(own_rows_are_those_of_the_own_shards)
{
    dg_shards s = uneven(1000);
    dg_matrix m;
    ck_assert_all(dg_matrix_create(&world, &s, 1, &m, &err) == DG_OK);
    const dg_range rows = dg_shards_rows(&s, world.rank, world.size);
    ck_assert_all(m.own.begin == rows.begin && m.own.end == rows.end);
    dg_matrix_destroy(&m);
    dg_shards_destroy(&s);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all)
{
    dg_shards s = uneven(10);
    for (int bad = 0; bad < world.size; bad++) {
        for (int nth = 1; nth <= 3; nth++) {
            dg_matrix m;
            char spec[32];
            const size_t before = dg_alloc_live();
            snprintf(spec, sizeof spec, "alloc:%d:%d", bad, nth);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            const dg_status st = dg_matrix_create(&world, &s, 4, &m, &err);
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            ck_assert_all(st == DG_ERR_NOMEM && err.rank == bad);
            ck_assert_all(m.at == NULL && dg_alloc_live() == before);
            dg_matrix_destroy(&m);
        }
    }
    dg_shards_destroy(&s);
}
END_TEST

/* CMakeLists.txt says how many nodes it pretends; the tests above mean little if there are fewer.
 */
START_TEST(there_are_as_many_nodes_as_promised)
{
    const char *promised = getenv("DAOGOU_TEST_NODES");
    MPI_Comm node;
    int rank;
    dg_mpi(MPI_Comm_split_type(world.comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node), &world,
           "test");
    MPI_Comm_rank(node, &rank);
    int64_t nodes = rank == 0;
    dg_sum_int64(&world, &nodes, 1);
    MPI_Comm_free(&node);
    ck_assert_all(promised == NULL || nodes == atoi(promised));
}
END_TEST

MPI_MAIN("matrix", published_rows_are_seen_everywhere, pretended_nodes_send_each_other_their_rows,
         a_matrix_of_own_rows_holds_no_others, own_rows_are_those_of_the_own_shards,
         one_rank_out_of_memory_fails_all, there_are_as_many_nodes_as_promised)
