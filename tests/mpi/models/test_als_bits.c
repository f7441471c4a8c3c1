/* The same bits from any number of ranks and threads, through any number of restarts. */
#include "model_run.h"
#include "models/als/als.h"
#include "mpi_main.h"
#include "scratch.h"

#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static dg_comm self;
static dg_err err;

/* About one pair in four, values 1 to 5 and some dislikes; user 3, item 5 and all users and items
 * divisible by 11 have nothing. */
static float busy(int64_t user, int64_t item)
{
    if (user == 3 || item == 5 || user % 11 == 0 || item % 11 == 0) return NAN;
    dg_rng r = dg_rng_at(51, DG_RNG_TEST, (uint64_t)(user * 10000 + item));
    if (dg_rng_below(&r, 4) != 0) return NAN;
    const float size = (float)(1 + dg_rng_below(&r, 5));
    return dg_rng_below(&r, 9) == 0 ? -size : size;
}

static float everybody_likes_the_first(int64_t user, int64_t item)
{
    return item == 0 || (user + item) % 7 == 0 ? (float)(1 + (user + item) % 5) : NAN;
}

static const made_shop shop = {.n_users = 130, .n_items = 47, .train = busy};

typedef struct trained {
    dg_loss loss[8];
    char content[DG_HEX_SIZE];
} trained;

static long tag_of_run(void)
{
    long tag = getpid();
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    return tag;
}

/* Every rank of `c` shares the file; with MPI_COMM_SELF it is one's own. */
static const char *file_of(const dg_comm *c, const char *name)
{
    char own[64];
    snprintf(own, sizeof own, "%s-%d", name, c == &self ? world.rank : -1);
    return scratch(tag_of_run(), own);
}

static bool train(const dg_comm *c, const made_shop *s, const dg_model_class *class,
                  const char *text, int n, trained *out)
{
    dg_dataset d;
    dg_model *m = NULL;
    void *options = run_options(class, text);
    made_dataset(c, s, &d);
    memset(out, 0, sizeof *out);
    dg_status st = class->create(c, &d, options, 7, &m, &err);
    if (st == DG_OK) st = run_sweeps(class, m, n, out->loss, &err);
    const char *path = file_of(c, "model.h5");
    if (st == DG_OK) st = run_save(c, class, m, path, out->content, &err);
    class->destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    return st == DG_OK;
}

static bool same(const trained *a, const trained *b)
{
    return memcmp(a->loss, b->loss, sizeof a->loss) == 0 && strcmp(a->content, b->content) == 0;
}

static void clean_up(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    MPI_Barrier(world.comm);
}

/* All ranks together, and each on its own. */
static void check_alike(const made_shop *s, const dg_model_class *class, const char *text, int n)
{
    trained together, alone;
    ck_assert_all(train(&world, s, class, text, n, &together));
    ck_assert_all(train(&self, s, class, text, n, &alone));
    ck_assert_all(same(&together, &alone));
}

START_TEST(ranks_together_train_what_one_rank_trains_alone)
{
    static const char *const implicit[] = {"factors=7",
                                           "factors=16 loss=hkv confidence=log",
                                           "factors=5 compat=implicit alpha=0.5",
                                           "factors=5 compat=spark alpha=2 lambda=0.1",
                                           "factors=6 reg_exponent=0.5 reg_item=0.2",
                                           "factors=7 solver=cg",
                                           "factors=40 solver=dual",
                                           "factors=40 gather=f16",
                                           "factors=40 solver=cg confidence=log gather=f16",
                                           "factors=40 compat=implicit alpha=0.1",
                                           "factors=7 solver=ialspp block_size=3",
                                           "factors=20 solver=ialspp block_size=16 loss=hkv"};
    dg_comm_init(&self, MPI_COMM_SELF);
    for (size_t k = 0; k < sizeof implicit / sizeof *implicit; k++)
        check_alike(&shop, &dg_ials_class, implicit[k], 3);
    check_alike(&shop, &dg_als_class, "factors=7", 3);
    check_alike(&shop, &dg_als_class, "factors=8 biases=false reg_exponent=0", 3);
    check_alike(&shop, &dg_als_class, "factors=7 solver=cg", 3);
    check_alike(&shop, &dg_als_class, "factors=7 solver=ialspp block_size=3", 3);
    check_alike(&shop, &dg_als_class, "factors=40 gather=f16", 3);
    clean_up();
    dg_comm_free(&self);
}
END_TEST

START_TEST(shapes_at_the_edge_train_alike)
{
    const made_shop one_user = {.n_users = 1, .n_items = 30, .train = everybody_likes_the_first};
    const made_shop one_item = {.n_users = 30, .n_items = 1, .train = everybody_likes_the_first};
    const made_shop crowded = {.n_users = 40, .n_items = 30, .train = busy, .crowded = true};
    const made_shop popular = {.n_users = 1500, .n_items = 9, .train = everybody_likes_the_first};
    const made_shop few = {.n_users = 12, .n_items = 9, .train = everybody_likes_the_first};
    static const char *const sizes[] = {"factors=1", "factors=64", "factors=100", "factors=513"};
    dg_comm_init(&self, MPI_COMM_SELF);
    for (int k = 0; k < 2; k++) {
        const dg_model_class *class = k == 0 ? &dg_ials_class : &dg_als_class;
        check_alike(&one_user, class, "factors=4", 2);
        check_alike(&one_item, class, "factors=4", 2);
        check_alike(&crowded, class, "factors=4", 2);
        check_alike(&popular, class, "factors=7", 2);
        for (int s = 0; s < 3 + k; s++) check_alike(&few, class, sizes[s], 1);
    }
    clean_up();
    dg_comm_free(&self);
}
END_TEST

/* Blocks of 1, 16, 128 and all columns; an odd number of factors has none of them even. */
START_TEST(blocks_of_any_size_train_alike)
{
    const made_shop one_item = {.n_users = 30, .n_items = 1, .train = everybody_likes_the_first};
    const made_shop crowded = {.n_users = 40, .n_items = 30, .train = busy, .crowded = true};
    const made_shop few = {.n_users = 12, .n_items = 9, .train = everybody_likes_the_first};
    static const char *const sizes[] = {"factors=7 block_size=1", "factors=7",
                                        "factors=64 block_size=16", "factors=100 block_size=128",
                                        "factors=513 block_size=128"};
    char text[80];
    dg_comm_init(&self, MPI_COMM_SELF);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const dg_model_class *class = k % 2 == 0 ? &dg_ials_class : &dg_als_class;
        snprintf(text, sizeof text, "%s solver=ialspp", sizes[k]);
        check_alike(&few, class, text, 2);
        if (k > 0) continue;
        check_alike(&one_item, class, text, 2);
        check_alike(&crowded, class, text, 2);
    }
    clean_up();
    dg_comm_free(&self);
}
END_TEST

START_TEST(threads_change_no_bit)
{
    trained one, two, three;
    dg_comm_init(&self, MPI_COMM_SELF);
    static const char *const solved[] = {"factors=9 solver=cholesky", "factors=9 solver=cg",
                                         "factors=33 gather=f16",
                                         "factors=9 solver=ialspp block_size=4"};
    for (int k = 0; k < 8; k++) {
        const dg_model_class *class = k % 2 == 0 ? &dg_ials_class : &dg_als_class;
        const char *options = solved[k / 2];
        omp_set_num_threads(1);
        ck_assert_all(train(&world, &shop, class, options, 3, &one));
        omp_set_num_threads(2);
        ck_assert_all(train(&world, &shop, class, options, 3, &two));
        omp_set_num_threads(3);
        ck_assert_all(train(&self, &shop, class, options, 3, &three));
        omp_set_num_threads(1);
        ck_assert_all(same(&one, &two) && same(&one, &three));
    }
    clean_up();
    dg_comm_free(&self);
}
END_TEST

/* Two sweeps by all, saved; two more by each alone, or the other way round. */
static bool resume(const dg_comm *c, const dg_model_class *class, const char *text,
                   const char *path, trained *out)
{
    dg_dataset d;
    dg_model *m = NULL;
    void *options = run_options(class, text);
    made_dataset(c, &shop, &d);
    memset(out, 0, sizeof *out);
    dg_status st = class->create(c, &d, options, 99, &m, &err); /* the seed is only for the start */
    if (st == DG_OK) st = run_load(c, class, m, path, &err);
    if (st == DG_OK) st = run_sweeps(class, m, 2, out->loss, &err);
    const char *to = file_of(c, "resumed.h5");
    if (st == DG_OK) st = run_save(c, class, m, to, out->content, &err);
    class->destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    return st == DG_OK;
}

START_TEST(a_saved_model_goes_on_to_the_same_bits_on_other_ranks)
{
    trained whole, half, rest;
    dg_comm_init(&self, MPI_COMM_SELF);
    for (int k = 0; k < 10; k++) {
        const dg_model_class *class = k % 2 == 0 ? &dg_ials_class : &dg_als_class;
        const dg_comm *first = k / 2 % 2 == 0 ? &world : &self;
        const dg_comm *then = first == &world ? &self : &world;
        const char *text = k < 4   ? "factors=6 solver=cholesky"
                           : k < 8 ? "factors=6 solver=cg"
                                   : "factors=6 solver=ialspp block_size=2";
        ck_assert_all(train(&world, &shop, class, text, 4, &whole));
        ck_assert_all(train(first, &shop, class, text, 2, &half));
        /* A file of rank 0 alone is as good as everybody's. */
        const char *path =
            first == &world ? file_of(&world, "model.h5") : scratch(tag_of_run(), "model.h5-0");
        MPI_Barrier(world.comm);
        ck_assert_all(resume(then, class, text, path, &rest));
        ck_assert_all(strcmp(whole.content, rest.content) == 0);
        ck_assert_all(memcmp(whole.loss + 2, rest.loss, 2 * sizeof(dg_loss)) == 0);
        ck_assert_all(memcmp(whole.loss, half.loss, 2 * sizeof(dg_loss)) == 0);
    }
    clean_up();
    dg_comm_free(&self);
}
END_TEST

START_TEST(another_seed_is_another_model)
{
    dg_dataset d;
    char content[2][DG_HEX_SIZE];
    void *options = run_options(&dg_ials_class, "factors=6");
    made_dataset(&world, &shop, &d);
    for (uint64_t seed = 0; seed < 2; seed++) {
        dg_model *m = NULL;
        ck_assert_all(dg_ials_class.create(&world, &d, options, seed, &m, &err) == DG_OK);
        ck_assert_all(run_sweeps(&dg_ials_class, m, 1, NULL, &err) == DG_OK);
        const char *path = scratch(tag_of_run(), "seed.h5");
        ck_assert_all(run_save(&world, &dg_ials_class, m, path, content[seed], &err) == DG_OK);
        dg_ials_class.destroy(&m);
    }
    ck_assert_all(strcmp(content[0], content[1]) != 0);
    dg_dataset_free(&d);
    dg_free(options);
    clean_up();
}
END_TEST

static bool is_zero(const float *row, int n)
{
    for (int k = 0; k < n; k++)
        if (row[k] != 0) return false;
    return true;
}

START_TEST(rows_without_ratings_are_zero_and_others_are_not)
{
    trained t;
    run_factors f;
    for (int k = 0; k < 4; k++) {
        const dg_model_class *class = k % 2 == 0 ? &dg_ials_class : &dg_als_class;
        const char *text = k < 2 ? "factors=6" : "factors=6 solver=ialspp block_size=4";
        ck_assert_all(train(&world, &shop, class, text, 2, &t));
        const char *path = file_of(&world, "model.h5");
        ck_assert_all(run_factors_read(&world, path, "mean", &f, &err) == DG_OK);
        ck_assert_all(f.n_users == shop.n_users && f.n_items == shop.n_items);
        for (int64_t u = 0; u < f.n_users; u++)
            ck_assert_all(is_zero(f.users + u * f.n_cols, f.n_cols) == (u == 3 || u % 11 == 0));
        for (int64_t i = 0; i < f.n_items; i++)
            ck_assert_all(is_zero(f.items + i * f.n_cols, f.n_cols) == (i == 5 || i % 11 == 0));
        run_factors_free(&f);
    }
    clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

MPI_MAIN("als bits", ranks_together_train_what_one_rank_trains_alone,
         shapes_at_the_edge_train_alike, blocks_of_any_size_train_alike, threads_change_no_bit,
         a_saved_model_goes_on_to_the_same_bits_on_other_ranks, another_seed_is_another_model,
         rows_without_ratings_are_zero_and_others_are_not)
