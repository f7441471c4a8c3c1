#include "comm/exchange.h"
#include "comm/tree.h"

#include "base/memory.h"
#include "mpi_main.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

static dg_err err;

/* Every rank reports something of its own. */
static dg_status report(dg_status mine)
{
    memset(&err, 0, sizeof err);
    if (mine != DG_OK) {
        DG_FAIL(&err, mine, "text of rank %d", world.rank);
        dg_err_hint(&err, mine, "hint of rank %d", world.rank);
    }
    return dg_agree(&world, mine, &err);
}

static bool tells_of(int rank)
{
    char text[40], hint[40];
    snprintf(text, sizeof text, "text of rank %d", rank);
    snprintf(hint, sizeof hint, "hint of rank %d", rank);
    return err.rank == rank && strcmp(err.text, text) == 0 && strcmp(err.hint, hint) == 0;
}

START_TEST(all_well_is_well)
{
    ck_assert_all(report(DG_OK) == DG_OK);
    ck_assert_all(err.text[0] == '\0');
}
END_TEST

START_TEST(one_bad_rank_fails_all_with_its_text_and_hint)
{
    for (int bad = 0; bad < world.size; bad++) {
        ck_assert_all(report(world.rank == bad ? DG_ERR_DATA : DG_OK) == DG_ERR_DATA);
        ck_assert_all(tells_of(bad));
    }
}
END_TEST

START_TEST(the_worst_code_wins)
{
    for (int bad = 0; bad < world.size; bad++) {
        ck_assert_all(report(world.rank == bad ? DG_ERR_IO : DG_ERR_DATA) == DG_ERR_IO);
        ck_assert_all(tells_of(bad));
    }
}
END_TEST

START_TEST(the_lowest_rank_speaks_among_equals)
{
    for (int first = 0; first < world.size; first++) {
        ck_assert_all(report(world.rank >= first ? DG_ERR_NOMEM : DG_ERR_DATA) == DG_ERR_NOMEM);
        ck_assert_all(tells_of(first));
    }
}
END_TEST

START_TEST(agreeing_again_still_tells_the_first_rank)
{
    for (int bad = 0; bad < world.size; bad++) {
        const dg_status st = report(world.rank == bad ? DG_ERR_DATA : DG_OK);
        ck_assert_all(dg_agree(&world, st, &err) == DG_ERR_DATA);
        ck_assert_all(tells_of(bad));
    }
}
END_TEST

START_TEST(a_missing_hint_wipes_the_hints_of_others)
{
    const int bad = world.size - 1;
    dg_err_hint(&err, DG_ERR_DATA, "stale");
    const dg_status mine = world.rank == bad ? DG_FAIL(&err, DG_ERR_DATA, "bad") : DG_OK;
    ck_assert_all(dg_agree(&world, mine, &err) == DG_ERR_DATA);
    ck_assert_all(err.hint[0] == '\0');
}
END_TEST

START_TEST(arguments_that_differ_are_told)
{
    ck_assert_all(dg_agree_same(&world, "n_items", INT64_MIN, &err) == DG_OK);
    ck_assert_all(dg_agree_same(&world, "n_items", INT64_MAX, &err) == DG_OK);
    ck_assert_all(dg_agree_same(&world, "n_items", -1, &err) == DG_OK);
    const dg_status st = dg_agree_same(&world, "n_items", 7 + (world.rank == 1), &err);
    ck_assert_all(st == (world.size > 1 ? DG_ERR_DIFFER : DG_OK));
    if (world.size > 1)
        ck_assert_all(strcmp(err.text, "n_items is 7 on one rank, 8 on another") == 0);
}
END_TEST

START_TEST(integers_are_summed_maximised_and_gathered)
{
    const int64_t big = (int64_t)1 << 60, rank = world.rank, size = world.size;
    int64_t sum[2] = {rank == 0 ? big + 1 : 1, -rank}, top[2] = {rank, -rank}, all[8], pair[2];
    dg_sum_int64(&world, sum, 2);
    ck_assert_all(sum[0] == big + size && sum[1] == -size * (size - 1) / 2);
    dg_max_int64(&world, top, 2);
    ck_assert_all(top[0] == size - 1 && top[1] == 0);
    ck_assert_all(dg_prefix_int64(&world, 10 + rank) == 10 * rank + rank * (rank - 1) / 2);
    pair[0] = rank;
    pair[1] = 100 + rank;
    dg_gather_int64(&world, pair, 2, all);
    bool right = true;
    for (int r = 0; r < world.size; r++) right &= all[2 * r] == r && all[2 * r + 1] == 100 + r;
    ck_assert_all(right);
}
END_TEST

START_TEST(a_node_has_the_processors_of_all_its_ranks)
{
    cpu_set_t usual, own;
    ck_assert_all(sched_getaffinity(0, sizeof usual, &usual) == 0);
    const int n = CPU_COUNT(&usual);
    ck_assert_all(dg_comm_node_processors(&world) == n);
    int cpu = 0;
    for (int k = world.rank % n; !CPU_ISSET(cpu, &usual) || k-- > 0; cpu++) continue;
    CPU_ZERO(&own);
    CPU_SET(cpu, &own); /* each rank bound to one */
    ck_assert_all(sched_setaffinity(0, sizeof own, &own) == 0);
    const int found = dg_comm_node_processors(&world);
    ck_assert_all(sched_setaffinity(0, sizeof usual, &usual) == 0);
    ck_assert_all(found == (n < world.size ? n : world.size));
}
END_TEST

START_TEST(broadcast_reaches_everyone_and_is_counted)
{
    for (int root = 0; root < world.size; root++) {
        char bytes[1000];
        memset(bytes, world.rank == root ? 'x' : '.', sizeof bytes);
        const dg_traffic before = dg_comm_traffic();
        dg_bcast(&world, bytes, sizeof bytes, root);
        const dg_traffic moved = dg_traffic_since(dg_comm_traffic(), before);
        const bool sender = world.rank == root;
        ck_assert_all(bytes[0] == 'x' && memcmp(bytes, bytes + 1, sizeof bytes - 1) == 0);
        ck_assert_all(moved.sent[DG_TRAFFIC_SUMS] == (sender ? 1000 * (world.size - 1) : 0));
        ck_assert_all(moved.received[DG_TRAFFIC_SUMS] == (sender ? 0 : 1000));
        ck_assert_all(dg_traffic_sent(&moved) == moved.sent[DG_TRAFFIC_SUMS]);
        dg_bcast(&world, NULL, 0, root);
    }
}
END_TEST

START_TEST(what_is_sent_is_received)
{
    const int64_t counts[4] = {1, 2, 3, 4};
    int64_t all[16], arrived[4], one = 1;
    char records[10] = {0};
    void *recv = NULL;
    dg_tree *tree = NULL;
    double sum[3];
    const dg_traffic before = dg_comm_traffic();
    dg_gather_int64(&world, counts, 4, all);
    dg_sum_int64(&world, &one, 1);
    ck_assert_all(dg_exchange(&world, records, 1, counts, &recv, arrived, &err) == DG_OK);
    ck_assert_all(dg_tree_create(&world, 64, 3, &tree, &err) == DG_OK);
    const dg_run run = dg_shards_run(64, world.rank, world.size);
    for (int s = run.begin; s < run.end; s++) {
        dg_tree_leaf(tree)[0] = s;
        dg_tree_push(tree);
    }
    dg_tree_sum(tree, sum);
    dg_traffic moved = dg_traffic_since(dg_comm_traffic(), before);
    dg_traffic_sum(&world, &moved);
    for (int k = 0; k < DG_TRAFFIC_KINDS; k++)
        ck_assert_all(moved.sent[k] == moved.received[k] &&
                      (moved.sent[k] > 0) == (world.size > 1 && k != DG_TRAFFIC_ROWS));
    dg_tree_destroy(&tree);
    dg_free(recv);
}
END_TEST

MPI_MAIN("agree", all_well_is_well, one_bad_rank_fails_all_with_its_text_and_hint,
         the_worst_code_wins, the_lowest_rank_speaks_among_equals,
         agreeing_again_still_tells_the_first_rank, a_missing_hint_wipes_the_hints_of_others,
         arguments_that_differ_are_told, integers_are_summed_maximised_and_gathered,
         a_node_has_the_processors_of_all_its_ranks, broadcast_reaches_everyone_and_is_counted,
         what_is_sent_is_received)
