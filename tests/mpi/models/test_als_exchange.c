/* However factors travel, whoever sums long rows: the same bits; and no byte more than was said. */
#include "model_run.h"
#include "models/als/als.h"
#include "mpi_main.h"
#include "scratch.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static dg_comm self;
static dg_err err;

/* Items 9 and 20 have more than 256 ratings a shard: they are long. Users 5 and 6 have none. */
static float with_long_rows(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(17, DG_RNG_TEST, (uint64_t)(user * 100 + item));
    const bool popular = item == 20 || (item == 9 && user % 50 != 0);
    if (user == 5 || user == 6 || (!popular && dg_rng_below(&r, 12) != 0)) return NAN;
    return (float)(1 + dg_rng_below(&r, 5));
}

static float everybody_likes_it(int64_t user, int64_t item)
{
    return (float)(1 + (user + item) % 5);
}

static float few(int64_t user, int64_t item)
{
    return (user * 31 + item * 17) % 9 < 2 ? (float)(1 + (user + item) % 5) : NAN;
}

static const made_shop shop = {.n_users = 17200, .n_items = 23, .train = with_long_rows};

typedef struct trained {
    dg_loss loss[2];
    char content[DG_HEX_SIZE];
    dg_traffic traffic;
} trained;

static const char *file_of(const dg_comm *c)
{
    char own[64];
    long tag = getpid();
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    snprintf(own, sizeof own, "model.h5-%d", c == &self ? world.rank : -1);
    return scratch(tag, own);
}

static bool train(const dg_comm *c, const made_shop *s, const dg_model_class *class,
                  const char *text, trained *out)
{
    dg_dataset d;
    dg_model *m = NULL;
    void *options = run_options(class, text);
    made_dataset(c, s, &d);
    memset(out, 0, sizeof *out);
    dg_status st = class->create(c, &d, options, 7, &m, &err);
    if (st == DG_OK) st = run_sweeps(class, m, 1, out->loss, &err);
    const dg_traffic before = dg_comm_traffic();
    if (st == DG_OK) st = run_sweeps(class, m, 1, out->loss + 1, &err);
    out->traffic = dg_traffic_since(dg_comm_traffic(), before);
    if (st == DG_OK) st = run_save(c, class, m, file_of(c), out->content, &err);
    class->destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    return st == DG_OK;
}

static bool same(const trained *a, const trained *b)
{
    return memcmp(a->loss, b->loss, sizeof a->loss) == 0 && strcmp(a->content, b->content) == 0;
}

static void pretend(const char *node_size, const char *panel_bytes)
{
    setenv("DAOGOU_NODE_SIZE", node_size, 1);
    setenv("DAOGOU_PANEL_BYTES", panel_bytes, 1);
}

static void clean_up(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    MPI_Barrier(world.comm);
}

static const char *const ways[] = {
    "exchange=replicate partial_sums=send", "exchange=replicate partial_sums=gather",
    "exchange=rows partial_sums=send", "exchange=rows partial_sums=gather", "exchange=auto"};
enum { WAYS = sizeof ways / sizeof *ways };

static void check_all_ways(const made_shop *s, const dg_model_class *class, const char *text,
                           int first_way)
{
    char full[160];
    trained alone, together;
    ck_assert_all(train(&self, s, class, text, &alone));
    for (int k = first_way; k < WAYS; k++) {
        snprintf(full, sizeof full, "%s %s", text, ways[k]);
        ck_assert_all(train(&world, s, class, full, &together));
        ck_assert_all(same(&alone, &together));
    }
}

START_TEST(every_way_trains_the_same_bits)
{
    dg_log_setup(1, DG_LOG_QUIET);
    dg_comm_init(&self, MPI_COMM_SELF);
    pretend("1", "60000");
    check_all_ways(&shop, &dg_ials_class, "factors=7", 0);
    check_all_ways(&shop, &dg_als_class, "factors=7", 3);
    pretend("2", "1000000");
    check_all_ways(&shop, &dg_ials_class, "factors=7 solver=cg loss=hkv", 2);
    check_all_ways(&shop, &dg_als_class, "factors=64", 3);
    clean_up();
    dg_comm_free(&self);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(many_factors_train_the_same_bits)
{
    dg_comm_init(&self, MPI_COMM_SELF);
    pretend("1", "1000000");
    check_all_ways(&shop, &dg_ials_class, "factors=64", 3);
    check_all_ways(&shop, &dg_ials_class, "factors=200 init_std=0.3", 3);
    clean_up();
    dg_comm_free(&self);
}
END_TEST

START_TEST(threads_change_no_bit_of_long_rows)
{
    trained one, two;
    pretend("2", "100000");
    dg_comm_init(&self, MPI_COMM_SELF);
    for (int k = 0; k < 2; k++) {
        const char *text = k == 0 ? "factors=9" : "factors=9 solver=cg exchange=rows";
        omp_set_num_threads(1);
        ck_assert_all(train(&self, &shop, &dg_ials_class, text, &one));
        omp_set_num_threads(2);
        ck_assert_all(train(&world, &shop, &dg_ials_class, text, &two));
        omp_set_num_threads(1);
        ck_assert_all(same(&one, &two));
    }
    clean_up();
    dg_comm_free(&self);
}
END_TEST

START_TEST(shapes_at_the_edge_travel)
{
    const made_shop one_item = {.n_users = 300, .n_items = 1, .train = everybody_likes_it};
    const made_shop one_user = {.n_users = 1, .n_items = 300, .train = everybody_likes_it};
    const made_shop crowded = {.n_users = 40, .n_items = 30, .train = few, .crowded = true};
    const made_shop popular = {.n_users = 17000, .n_items = 2, .train = everybody_likes_it};
    dg_comm_init(&self, MPI_COMM_SELF);
    pretend("1", "500");
    for (int k = 0; k < 2; k++) {
        const dg_model_class *class = k == 0 ? &dg_ials_class : &dg_als_class;
        check_all_ways(&one_item, class, "factors=4", 2);
        check_all_ways(&one_user, class, "factors=4 solver=cg", 2);
        check_all_ways(&crowded, class, "factors=40", 2);
        check_all_ways(&popular, class, "factors=3", 2);
    }
    clean_up();
    dg_comm_free(&self);
}
END_TEST

/* A rank that needs nothing from others, and long rows that send sums instead of naming rows. */
START_TEST(sums_of_long_rows_save_rows)
{
    trained gathered, sent, replicated;
    pretend("1", "1000000");
    ck_assert_all(
        train(&world, &shop, &dg_ials_class, "factors=7 exchange=replicate", &replicated));
    ck_assert_all(train(&world, &shop, &dg_ials_class,
                        "factors=7 exchange=rows partial_sums=gather", &gathered));
    ck_assert_all(
        train(&world, &shop, &dg_ials_class, "factors=7 exchange=rows partial_sums=send", &sent));
    trained *const all[] = {&replicated, &gathered, &sent};
    for (int k = 0; k < 3; k++) {
        dg_traffic_sum(&world, &all[k]->traffic);
        for (int kind = 0; kind < DG_TRAFFIC_KINDS; kind++)
            ck_assert_all(all[k]->traffic.sent[kind] == all[k]->traffic.received[kind]);
    }
    /* 17200 users and 23 items of 7 floats, to every rank that does not own them */
    const int64_t everything = (17200 + 23) * 7 * 4 * (world.size - 1);
    ck_assert_all(replicated.traffic.received[DG_TRAFFIC_ROWS] == everything);
    ck_assert_all(gathered.traffic.received[DG_TRAFFIC_ROWS] <= everything);
    ck_assert_all((sent.traffic.received[DG_TRAFFIC_ROWS] <
                   gathered.traffic.received[DG_TRAFFIC_ROWS]) == (world.size > 1));
    clean_up();
}
END_TEST

/* Each allocation of making a model that plans, on the last rank, until one too many. */
START_TEST(one_rank_failing_in_the_plan_fails_all)
{
    const made_shop small = {.n_users = 60, .n_items = 20, .train = few};
    void *options = run_options(&dg_ials_class, "factors=4 solver=cg exchange=rows");
    dg_dataset d;
    dg_status st = DG_ERR_NOMEM;
    pretend("1", "200");
    made_dataset(&world, &small, &d);
    const size_t before = dg_alloc_live();
    for (int nth = 1; st != DG_OK; nth++) {
        dg_model *m = NULL;
        char spec[32];
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_ials_class.create(&world, &d, options, 7, &m, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == world.size - 1));
        dg_ials_class.destroy(&m);
        ck_assert_all(dg_alloc_live() == before);
    }
    dg_dataset_free(&d);
    dg_free(options);
}
END_TEST

/* The same for a sweep, now and then an allocation: rows may be on their way when a rank gives up.
 */
START_TEST(one_rank_failing_in_a_sweep_fails_all)
{
    const made_shop small = {.n_users = 17000, .n_items = 4, .train = everybody_likes_it};
    void *options = run_options(&dg_ials_class, "factors=3 solver=cg exchange=rows");
    dg_dataset d;
    dg_status st = DG_ERR_NOMEM;
    pretend("1", "20000");
    made_dataset(&world, &small, &d);
    for (int nth = 1; st != DG_OK; nth += 29) {
        dg_model *m = NULL;
        dg_loss loss;
        char spec[32];
        ck_assert_all(dg_ials_class.create(&world, &d, options, 7, &m, &err) == DG_OK);
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_ials_class.sweep(m, &loss, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == world.size - 1));
        dg_ials_class.destroy(&m);
    }
    dg_dataset_free(&d);
    dg_free(options);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

MPI_MAIN("als exchange", every_way_trains_the_same_bits, many_factors_train_the_same_bits,
         threads_change_no_bit_of_long_rows, shapes_at_the_edge_travel, sums_of_long_rows_save_rows,
         one_rank_failing_in_the_plan_fails_all, one_rank_failing_in_a_sweep_fails_all)
