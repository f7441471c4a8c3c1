#include "comm/tree.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 3 };

static dg_err err;

/* Numbers of very different size and sign, so that nearly every other association differs. */
static double number(int n_shards, int shard, int k)
{
    dg_rng r = dg_rng_at((uint64_t)n_shards, DG_RNG_TEST, (uint64_t)(shard * N + k));
    const double size = pow(10, 12 * dg_rng_uniform(&r));
    return size * dg_rng_normal(&r);
}

/* Pairwise summation as the books have it: halve, sum the halves, add. */
static double reference(int n_shards, int begin, int end, int k)
{
    if (end - begin == 1) return number(n_shards, begin, k);
    const int middle = (begin + end) / 2;
    return reference(n_shards, begin, middle, k) + reference(n_shards, middle, end, k);
}

static void push_run(dg_tree *t, int n_shards)
{
    const dg_run run = dg_shards_run(n_shards, world.rank, world.size);
    for (int s = run.begin; s < run.end; s++) {
        double *leaf = dg_tree_leaf(t);
        for (int k = 0; k < N; k++) leaf[k] += number(n_shards, s, k); /* leaves start at zero */
        dg_tree_push(t);
    }
}

START_TEST(sums_have_the_bits_of_recursive_halving)
{
    for (int n_shards = DG_SHARDS_MIN; n_shards <= DG_SHARDS_MAX; n_shards *= 2) {
        dg_tree *t = NULL;
        double out[N], expect[N];
        ck_assert_all(dg_tree_create(&world, n_shards, N, &t, &err) == DG_OK);
        for (int k = 0; k < N; k++) expect[k] = reference(n_shards, 0, n_shards, k);
        for (int again = 0; again < 2; again++) { /* the tree is empty again after a sum */
            push_run(t, n_shards);
            dg_tree_sum(t, out);
            ck_assert_all(memcmp(out, expect, sizeof out) == 0);
        }
        dg_tree_destroy(&t);
        dg_tree_destroy(&t);
    }
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

/* The test above would be empty if the order did not matter for these numbers. */
START_TEST(another_order_has_other_bits)
{
    double straight = 0;
    for (int s = 0; s < 64; s++) straight += number(64, s, 0);
    ck_assert_all(straight != reference(64, 0, 64, 0));
}
END_TEST

/* As many ranks as there are, pretended: the cut of runs does not show in the result. */
START_TEST(any_cut_into_runs_folds_to_the_same_tree)
{
    const int n_shards = 128;
    dg_comm one;
    dg_comm_init(&one, MPI_COMM_SELF);
    dg_tree *t = NULL;
    double out[N];
    ck_assert_all(dg_tree_create(&one, n_shards, N, &t, &err) == DG_OK);
    for (int s = 0; s < n_shards; s++) {
        double *leaf = dg_tree_leaf(t);
        for (int k = 0; k < N; k++) leaf[k] = number(n_shards, s, k);
        dg_tree_push(t);
    }
    dg_tree_sum(t, out);
    for (int k = 0; k < N; k++) {
        const double expect = reference(n_shards, 0, n_shards, k);
        ck_assert_all(memcmp(&out[k], &expect, sizeof expect) == 0);
    }
    dg_tree_destroy(&t);
    dg_comm_free(&one);
}
END_TEST

/* Parts of uneven size, one of them empty where there are several ranks. */
START_TEST(delivered_parts_are_those_of_the_sum)
{
    for (int n_shards = DG_SHARDS_MIN; n_shards <= 256; n_shards *= 2) {
        dg_tree *t = NULL;
        double out[N], expect[N];
        int begin[5] = {0};
        for (int r = 1; r <= world.size; r++) begin[r] = r == world.size ? N : r / 2;
        ck_assert_all(dg_tree_create(&world, n_shards, N, &t, &err) == DG_OK);
        for (int k = 0; k < N; k++) expect[k] = reference(n_shards, 0, n_shards, k);
        const dg_traffic before = dg_comm_traffic();
        push_run(t, n_shards);
        dg_tree_deliver(t, begin, out);
        const int first = begin[world.rank], n = begin[world.rank + 1] - first;
        ck_assert_all(memcmp(out, expect + first, (size_t)n * sizeof *out) == 0);
        const dg_traffic delivered = dg_traffic_since(dg_comm_traffic(), before);
        ck_assert_all(delivered.received[DG_TRAFFIC_SUMS] ==
                      dg_tree_deliver_bytes(n_shards, world.size, world.rank, n));
        push_run(t, n_shards);
        dg_tree_sum(t, out);
        ck_assert_all(memcmp(out, expect, sizeof out) == 0);
        dg_traffic summed = dg_traffic_since(dg_comm_traffic(), before);
        summed = dg_traffic_since(summed, delivered);
        dg_traffic_sum(&world, &summed);
        ck_assert_all(summed.received[DG_TRAFFIC_SUMS] ==
                      dg_tree_sum_bytes(n_shards, world.size, N));
        dg_tree_destroy(&t);
    }
}
END_TEST

START_TEST(out_of_memory_is_an_error_not_an_abort)
{
    for (int nth = 1; nth <= 5; nth++) {
        dg_tree *t = NULL;
        char spec[32];
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.rank, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        const dg_status st = dg_tree_create(&world, 64, N, &t, &err);
        if (st == DG_OK) { /* every allocation was made at creation: the sum needs none */
            double out[N];
            push_run(t, 64);
            dg_tree_sum(t, out);
        }
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all((st == DG_ERR_NOMEM) == (nth <= 4));
        ck_assert_all((t == NULL) == (st != DG_OK));
        dg_tree_destroy(&t);
        ck_assert_all(dg_alloc_live() == 0);
    }
}
END_TEST

MPI_MAIN("tree", sums_have_the_bits_of_recursive_halving, another_order_has_other_bits,
         any_cut_into_runs_folds_to_the_same_tree, delivered_parts_are_those_of_the_sum,
         out_of_memory_is_an_error_not_an_abort)
