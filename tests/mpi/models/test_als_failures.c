/* Failures of one rank are failures of all, alike, and leave nothing behind. */
#include "model_run.h"
#include "mpi_main.h"
#include "scratch.h"

#include "base/memory.h"
#include "base/rng.h"
#include "models/als/als.h"
#include "models/als/options.h"

#include <math.h>
#include <string.h>

static dg_err err;

enum { USERS = 70, ITEMS = 30, BAD_USER = 33 };

static float drawn(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(81, DG_RNG_TEST, (uint64_t)(user * 1000 + item));
    return dg_rng_below(&r, 3) == 0 ? (float)(1 + dg_rng_below(&r, 5)) : NAN;
}

static float one_infinite(int64_t user, int64_t item)
{
    return user == BAD_USER && item == 7 ? INFINITY : drawn(user, item);
}

/* oneDAL takes alpha r as it is: this outweighs every unseen pair. */
static float one_hated(int64_t user, int64_t item)
{
    return user == BAD_USER && item == 7 ? -1e9f : drawn(user, item);
}

static const char *shared_file(const char *name)
{
    long tag = getpid();
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    return scratch(tag, name);
}

static void clean_up(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    MPI_Barrier(world.comm);
}

/* Same status and, where it is a failure, same text on every rank. */
static bool alike(dg_status st)
{
    dg_err ignored;
    char first[sizeof err.text];
    snprintf(first, sizeof first, "%s", err.text);
    MPI_Bcast(first, sizeof first, MPI_CHAR, 0, world.comm);
    const bool same_text = st == DG_OK || strcmp(first, err.text) == 0;
    return dg_agree_same(&world, "status", st, &ignored) == DG_OK && same_text;
}

/* ---- memory ---- */

/* Everything a job does with a model, up to the first failure; without a file to start `from`, all
 * up to a saved model at `to`. */
static dg_status live(const dg_model_class *class, const dg_dataset *d, const void *options,
                      const char *from, const char *to)
{
    dg_model *m = NULL;
    dg_loss loss;
    dg_scorer scorer = {0};
    dg_status st = class->create(&world, d, options, 1, &m, &err);
    if (st == DG_OK && from != NULL) st = run_load(&world, class, m, from, &err);
    if (st == DG_OK) st = class->sweep(m, &loss, &err);
    if (st == DG_OK) st = class->scorer(m, &scorer, &err);
    if (scorer.destroy != NULL) scorer.destroy(&scorer);
    if (st == DG_OK) st = run_save(&world, class, m, to, NULL, &err);
    if (st == DG_OK && from != NULL) st = run_export(&world, class, m, to, &err);
    class->destroy(&m);
    return st;
}

/* The nth allocation of `rank` fails; the status of a life with it. */
static dg_status live_with(int rank, int nth, const dg_model_class *class, const dg_dataset *d,
                           const void *options, const char *from, const char *to)
{
    char spec[48];
    snprintf(spec, sizeof spec, "alloc:%d:%d", rank, nth);
    setenv("DAOGOU_FAULT", spec, 1);
    dg_fault_reload();
    const dg_status st = live(class, d, options, from, to);
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    return st;
}

static void check_every_allocation(const dg_model_class *class, const char *text)
{
    const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = drawn};
    const char *from = shared_file("good.h5"), *to = shared_file("made.h5");
    void *options = run_options(class, text);
    dg_dataset d;
    made_dataset(&world, &shop, &d);
    const size_t before = dg_alloc_live();
    ck_assert_all(live(class, &d, options, NULL, from) == DG_OK);
    for (int rank = 0; rank<world.size; rank += world.size> 1 ? world.size - 1 : 1) {
        dg_status st = DG_ERR_NOMEM;
        int nth = 0;
        while (st != DG_OK && nth < 1000) {
            nth += world.size > 2 ? 3 : 1; /* many ranks on few cores are slow: every third */
            st = live_with(rank, nth, class, &d, options, from, to);
            ck_assert_all(alike(st));
            ck_assert_msg(st == DG_OK || st == DG_ERR_NOMEM, "allocation %d: %s", nth, err.text);
            ck_assert_all(dg_alloc_live() == before);
        }
        ck_assert_all(st == DG_OK);
        ck_assert_all(nth > 30); /* a life allocates that often at least */
    }
    dg_dataset_free(&d);
    dg_free(options);
    clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}

START_TEST(each_failing_allocation_of_als_fails_all)
{
    check_every_allocation(&dg_als_class, "factors=4");
}
END_TEST

START_TEST(each_failing_allocation_of_ials_fails_all)
{
    check_every_allocation(&dg_ials_class, "factors=4 solver=cg");
}
END_TEST

START_TEST(each_failing_allocation_of_blocks_fails_all)
{
    check_every_allocation(&dg_ials_class, "factors=4 solver=ialspp block_size=2");
}
END_TEST

/* ---- numbers ---- */

/* Train until it fails; all ranks must tell the same row. */
static void check_names(const made_shop *shop, const dg_model_class *class, void *options,
                        const char *named)
{
    dg_dataset d;
    dg_model *m = NULL;
    err.text[0] = '\0';
    made_dataset(&world, shop, &d);
    ck_assert_all(class->create(&world, &d, options, 1, &m, &err) == DG_OK);
    const dg_status st = run_sweeps(class, m, 3, NULL, &err);
    ck_assert_all(alike(st));
    ck_assert_all(st == DG_ERR_NUMERIC);
    ck_assert_msg(strstr(err.text, named) != NULL, "%s, expected %s", err.text, named);
    class->destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    ck_assert_all(dg_alloc_live() == 0);
}

static const char *const solvers[] = {"factors=4 solver=cholesky", "factors=4 solver=cg",
                                      "factors=4 solver=ialspp block_size=2"};

enum { SOLVERS = sizeof solvers / sizeof *solvers };

static void *solved_by(int solver, const dg_model_class *class, const char *more)
{
    char text[128];
    snprintf(text, sizeof text, "%s %s", solvers[solver], more);
    return run_options(class, text);
}

START_TEST(an_infinite_weight_names_its_row)
{
    const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = one_infinite};
    for (int k = 0; k < SOLVERS; k++)
        check_names(&shop, &dg_ials_class, solved_by(k, &dg_ials_class, "confidence=linear"),
                    "users row 33:");
}
END_TEST

START_TEST(an_indefinite_system_names_its_row)
{
    const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = one_hated};
    for (int k = 0; k < SOLVERS; k++)
        check_names(&shop, &dg_ials_class, solved_by(k, &dg_ials_class, "compat=onedal"),
                    "users row 33:");
}
END_TEST

/* Beyond what a float can hold; row 0 is the first with ratings on either side. */
START_TEST(an_absurd_lambda_names_the_first_row)
{
    const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = drawn};
    for (int k = 0; k < SOLVERS; k++) {
        dg_als_options *o = solved_by(k, &dg_als_class, "");
        o->reg_item = 1e300;
        check_names(&shop, &dg_als_class, o, "items row 0:");
        o = solved_by(k, &dg_als_class, "");
        o->reg_user = NAN;
        check_names(&shop, &dg_als_class, o, "users row 0:");
    }
}
END_TEST

/* ---- files ---- */

/* A saved model of `n_factors` whose items' first factor is `first`. */
static void write_model(const char *path, const dg_dataset *d, int n_cols, float first)
{
    dg_writer *w = NULL;
    ck_assert_all(dg_writer_create(&world, path, "daogou-model", 1, &w, &err) == DG_OK);
    dg_writer_real(w, "mean", 0);
    for (int side = 0; side < 2; side++) {
        const dg_shards *s = side == 0 ? &d->users : &d->items;
        const dg_run run = dg_shards_run(s->n, world.rank, world.size);
        const dg_range rows = dg_shards_rows(s, world.rank, world.size);
        int64_t per_shard[64];
        static float factors[USERS * 8];
        for (int k = run.begin; k < run.end; k++)
            per_shard[k - run.begin] = s->begin[k + 1] - s->begin[k];
        for (int64_t k = 0; k < (rows.end - rows.begin) * n_cols; k++) factors[k] = 0.1f;
        if (side == 1 && rows.begin == 0) factors[0] = first;
        dg_writer_array(w, side == 0 ? "factors/user" : "factors/item",
                        &(dg_piece){DG_F32, n_cols, s->n, per_shard, factors});
    }
    ck_assert_all(dg_writer_commit(&w, NULL, &err) == DG_OK);
}

static dg_status load_and_sweep(const dg_dataset *d, const char *path)
{
    dg_model *m = NULL;
    dg_loss loss;
    void *options = run_options(&dg_ials_class, "factors=4");
    dg_status st = dg_ials_class.create(&world, d, options, 1, &m, &err);
    if (st == DG_OK) st = run_load(&world, &dg_ials_class, m, path, &err);
    if (st == DG_OK) st = dg_ials_class.sweep(m, &loss, &err);
    dg_ials_class.destroy(&m);
    dg_free(options);
    ck_assert_all(alike(st));
    return st;
}

START_TEST(a_loaded_nan_is_found_by_the_next_sweep)
{
    const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = drawn};
    const char *path = shared_file("model.h5");
    dg_dataset d;
    made_dataset(&world, &shop, &d);
    write_model(path, &d, 4, 0.25f);
    ck_assert_all(load_and_sweep(&d, path) == DG_OK);
    write_model(path, &d, 4, NAN);
    ck_assert_all(load_and_sweep(&d, path) == DG_ERR_NUMERIC);
    ck_assert_msg(strstr(err.text, "users row 0:") != NULL, "%s", err.text);
    dg_dataset_free(&d);
    clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(a_model_of_another_shape_is_refused)
{
    const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = drawn};
    const made_shop crowded = {.n_users = USERS, .n_items = ITEMS, .train = drawn, .crowded = true};
    const made_shop fewer = {.n_users = USERS - 1, .n_items = ITEMS, .train = drawn};
    const char *path = shared_file("model.h5");
    dg_dataset d, other;
    made_dataset(&world, &shop, &d);
    write_model(path, &d, 5, 0); /* another number of factors */
    ck_assert_all(load_and_sweep(&d, path) == DG_ERR_DATA);
    ck_assert_msg(strstr(err.text, "factors/user is 70 x 5, the job needs 70 x 4") != NULL, "%s",
                  err.text);
    made_dataset(&world, &fewer, &other); /* another number of users */
    write_model(path, &other, 4, 0);
    ck_assert_all(load_and_sweep(&d, path) == DG_ERR_DATA);
    dg_dataset_free(&other);
    made_dataset(&world, &crowded, &other); /* other shards: one rank alone does not mind */
    write_model(path, &other, 4, 0);
    ck_assert_all((load_and_sweep(&d, path) == DG_OK) == (world.size == 1));
    dg_dataset_free(&other);
    dg_dataset_free(&d);
    clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

MPI_MAIN("als failures", each_failing_allocation_of_als_fails_all,
         each_failing_allocation_of_ials_fails_all, each_failing_allocation_of_blocks_fails_all,
         an_infinite_weight_names_its_row, an_indefinite_system_names_its_row,
         an_absurd_lambda_names_the_first_row, a_loaded_nan_is_found_by_the_next_sweep,
         a_model_of_another_shape_is_refused)
