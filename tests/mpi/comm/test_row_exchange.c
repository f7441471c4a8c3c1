#include "comm/matrix.h"
#include "comm/rows.h"

#include "base/fault.h"
#include "base/memory.h"
#include "mpi_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READERS = 300, ROWS = 700, SHARDS = 64, LONG = 40 };

static dg_err err;
static dg_nodes nodes;
static dg_shards readers, matrix;

/* Reader k names some rows; few have none, few very many. */
static bool names(int64_t reader, int64_t row)
{
    if (reader % 13 == 0) return false;
    if (reader % 50 == 1) return row % 2 == 0;
    return (reader * 7919 + row * 104729) % 97 < 2;
}

static float cell(int64_t row, int col, int round)
{
    return (float)(row * 10 + col) + 1000.0f * (float)round;
}

static void cut_evenly(dg_shards *s, int64_t n)
{
    ck_assert_all(dg_shards_create(SHARDS, s, &err) == DG_OK);
    for (int k = 0; k <= SHARDS; k++) s->begin[k] = n * k / SHARDS;
}

static dg_csr ratings_of(dg_range own)
{
    dg_csr m;
    int64_t n = 0;
    for (int64_t k = own.begin; k < own.end; k++)
        for (int64_t row = 0; row < ROWS; row++) n += names(k, row);
    ck_assert_all(dg_csr_create(own.begin, own.end, n, &m, &err) == DG_OK);
    n = 0;
    for (int64_t k = own.begin; k < own.end; k++) {
        for (int64_t row = 0; row < ROWS; row++)
            if (names(k, row)) m.index[n++] = (int32_t)row;
        m.ptr[k - own.begin + 1] = n;
    }
    return m;
}

/* The obvious count: rows of other nodes that some reader of this node names. */
static int64_t rows_needed(int64_t long_from)
{
    int64_t n = 0;
    for (int r = 0; r < world.size; r++) {
        const dg_range rows = dg_shards_rows(&matrix, r, world.size);
        for (int64_t row = rows.begin; nodes.of[r] != nodes.mine && row < rows.end; row++) {
            bool needed = false;
            for (int q = 0; q < world.size && !needed; q++) {
                const dg_range own = dg_shards_rows(&readers, q, world.size);
                for (int64_t k = own.begin; nodes.of[q] == nodes.mine && k < own.end; k++) {
                    int64_t length = 0;
                    for (int64_t j = 0; names(k, row) && j < ROWS; j++) length += names(k, j);
                    needed = needed || (names(k, row) && length < long_from);
                }
            }
            n += needed;
        }
    }
    return n;
}

static void open_all(const char *node_size, const char *panel_bytes)
{
    setenv("DAOGOU_NODE_SIZE", node_size, 1);
    setenv("DAOGOU_PANEL_BYTES", panel_bytes, 1);
    ck_assert_all(dg_nodes_open(&world, &nodes, &err) == DG_OK);
    cut_evenly(&readers, READERS);
    cut_evenly(&matrix, ROWS);
}

static void close_all(void)
{
    dg_shards_destroy(&readers);
    dg_shards_destroy(&matrix);
    dg_nodes_close(&nodes);
    ck_assert_all(dg_alloc_live() == 0);
}

static void write_own(const dg_matrix *m, int round)
{
    int64_t row = dg_shards_rows(&matrix, world.rank, world.size).begin;
    for (int64_t place = m->own.begin; place < m->own.end; place++, row++)
        for (int k = 0; k < m->n_cols; k++) dg_matrix_row(m, place)[k] = cell(row, k, round);
}

static bool batch_sees(const dg_matrix *m, const dg_csr *ratings, const int32_t *index, int b,
                       int64_t long_from, int round)
{
    const dg_range part = dg_matrix_batch(m, b, (dg_range){ratings->begin, ratings->end});
    for (int64_t k = part.begin; k < part.end; k++) {
        const dg_row row = dg_csr_row(ratings, k);
        for (int64_t e = 0; row.n < long_from && e < row.n; e++) {
            const float *seen = dg_matrix_row(m, index[row.index - ratings->index + e]);
            for (int c = 0; c < m->n_cols; c++)
                if (seen[c] != cell(row.index[e], c, round)) return false;
        }
    }
    return true;
}

static void check(int n_cols, int64_t long_from, int rounds)
{
    const dg_range own = dg_shards_rows(&readers, world.rank, world.size);
    dg_csr ratings = ratings_of(own);
    dg_rows *rows = NULL;
    dg_matrix m;
    ck_assert_all(dg_rows_survey(&nodes, &matrix, &ratings, long_from, &rows, &err) == DG_OK);
    const int64_t expected = nodes.node.rank == 0 ? rows_needed(long_from) : 0;
    ck_assert_all(dg_rows_received(rows) == expected);
    ck_assert_all(dg_rows_plan(rows, n_cols, &err) == DG_OK);
    dg_matrix_of_rows(rows, &matrix, n_cols, &m);
    int64_t at = ratings.begin;
    for (int b = 0; b < dg_matrix_batches(&m); b++) {
        ck_assert_all(dg_rows_batch(rows, b).begin == at);
        at = dg_rows_batch(rows, b).end;
    }
    ck_assert_all(at == ratings.end);
    for (int round = 0; round < rounds; round++) {
        const dg_traffic before = dg_comm_traffic();
        write_own(&m, round);
        dg_matrix_publish(&m);
        bool good = true;
        for (int b = 0; b < dg_matrix_batches(&m); b++) {
            dg_matrix_await(&m, b);
            dg_matrix_poke(&m);
            good = good && batch_sees(&m, &ratings, dg_rows_index(rows), b, long_from, round);
        }
        ck_assert_all(good);
        dg_traffic moved = dg_traffic_since(dg_comm_traffic(), before);
        ck_assert_all(moved.received[DG_TRAFFIC_ROWS] == expected * n_cols * 4);
        ck_assert_all(moved.sent[DG_TRAFFIC_ROWS] == dg_rows_sent(rows) * n_cols * 4);
        dg_traffic_sum(&world, &moved);
        ck_assert_all(moved.sent[DG_TRAFFIC_ROWS] == moved.received[DG_TRAFFIC_ROWS]);
    }
    dg_matrix_destroy(&m);
    dg_rows_destroy(&rows);
    dg_csr_free(&ratings);
}

START_TEST(needed_rows_arrive_before_the_batch_that_reads_them_and_no_others)
{
    static const char *const node_sizes[] = {"1", "2", "3", "0"};
    static const char *const panels[] = {"100000000", "3000", "200"};
    for (size_t k = 0; k < 4; k++)
        for (size_t p = 0; p < 3; p++) {
            open_all(node_sizes[k], panels[p]);
            check(7, INT64_MAX, 3);
            check(1, LONG, 2);
            check(64, LONG, 1);
            close_all();
        }
}
END_TEST

/* The nth allocation of the plan, on each rank in turn, until a plan needs fewer. */
START_TEST(one_rank_failing_in_the_plan_fails_all)
{
    open_all("1", "3000");
    const dg_range own = dg_shards_rows(&readers, world.rank, world.size);
    dg_csr ratings = ratings_of(own);
    const size_t before = dg_alloc_live();
    for (int bad = 0; bad < world.size; bad++) {
        dg_status st = DG_ERR_NOMEM;
        int nth = 1;
        for (; st != DG_OK; nth++) {
            dg_rows *rows = NULL;
            char spec[32];
            snprintf(spec, sizeof spec, "alloc:%d:%d", bad, nth);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            st = dg_rows_survey(&nodes, &matrix, &ratings, LONG, &rows, &err);
            if (st == DG_OK) st = dg_rows_plan(rows, 4, &err);
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == bad));
            dg_rows_destroy(&rows);
            ck_assert_all(dg_alloc_live() == before);
        }
        ck_assert_all(nth > 10);
    }
    dg_csr_free(&ratings);
    close_all();
}
END_TEST

MPI_MAIN("row exchange", needed_rows_arrive_before_the_batch_that_reads_them_and_no_others,
         one_rank_failing_in_the_plan_fails_all)
