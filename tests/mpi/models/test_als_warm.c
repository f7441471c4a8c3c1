/* An earlier model is taken over by ids: known rows as they were, new items from their known users,
 * and the same bits on any number of ranks. */
#include "base/memory.h"
#include "base/rng.h"
#include "model_run.h"
#include "models/als/als.h"
#include "mpi_main.h"
#include "scratch.h"

#include <math.h>
#include <string.h>

enum { USERS = 150, ITEMS = 90, NEW_USERS = 30, NEW_ITEMS = 12 };

static dg_err err;

static float rating(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(5, DG_RNG_TEST, (uint64_t)(user * 1000 + item));
    if (dg_rng_below(&r, 5) > 0) return NAN;
    return (float)(1 + (user + item) % 5);
}

static const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = rating};

static void name_rows(char kind, dg_range own, dg_strings *out)
{
    char id[16];
    for (int64_t r = own.begin; r < own.end; r++) {
        const int n = snprintf(id, sizeof id, "%c%lld", kind, (long long)r);
        if (dg_strings_add(out, id, (size_t)n, &err) != DG_OK) abort();
    }
}

static void make(const dg_comm *c, dg_dataset *d)
{
    made_dataset(c, &shop, d);
    name_rows('u', dg_shards_rows(&d->users, c->rank, c->size), &d->user_id);
    name_rows('i', dg_shards_rows(&d->items, c->rank, c->size), &d->item_id);
}

/* ---- an artifact in memory: rows in another order, some gone, some that no dataset has ---- */

typedef struct old_side {
    dg_strings id;
    int32_t by_hash[USERS + ITEMS];
    float *factor;
} old_side;

static old_side *sorting;

static int by_hash(const void *a, const void *b)
{
    size_t n, m;
    const char *x = dg_strings_at(&sorting->id, *(const int32_t *)a, &n);
    const char *y = dg_strings_at(&sorting->id, *(const int32_t *)b, &m);
    const uint64_t p = dg_id_hash(x, n), q = dg_id_hash(y, m);
    return (p > q) - (p < q);
}

/* Rows [0, n - n_new) of `factor`, last one first, then three of ids unheard of. */
static dg_names fill_side(old_side *s, char kind, int n, int n_new, int n_cols, const float *factor)
{
    char id[16];
    int rows = 0;
    s->factor = dg_alloc((size_t)(n + 3) * (size_t)n_cols, sizeof *s->factor);
    for (int r = n - n_new - 1; r >= -3; r--, rows++) {
        const int length = snprintf(id, sizeof id, "%c%d", kind, r >= 0 ? r : 1000 - r);
        if (dg_strings_add(&s->id, id, (size_t)length, &err) != DG_OK) abort();
        for (int k = 0; k < n_cols; k++)
            s->factor[rows * n_cols + k] = r >= 0 ? factor[r * n_cols + k] : 7;
        s->by_hash[rows] = rows;
    }
    sorting = s;
    qsort(s->by_hash, (size_t)rows, sizeof *s->by_hash, by_hash);
    return (dg_names){rows, s->id.offset, s->id.bytes, s->by_hash};
}

typedef struct old_model {
    dg_artifact a;
    old_side user, item;
    run_factors saved, exported;
} old_model;

static char path[512];

/* Train on everything, and export. */
static void train(const dg_model_class *class, const char *text, old_model *o, int n_new_users,
                  int n_new_items)
{
    char name[540];
    dg_dataset d;
    dg_model *m;
    void *options = run_options(class, text);
    make(&world, &d);
    ck_assert_all(class->create(&world, &d, options, 3, &m, &err) == DG_OK);
    ck_assert_all(run_sweeps(class, m, 6, NULL, &err) == DG_OK);
    snprintf(name, sizeof name, "%s-old", path);
    ck_assert_all(run_save(&world, class, m, name, NULL, &err) == DG_OK);
    ck_assert_all(run_factors_read(&world, name, "mean", &o->saved, &err) == DG_OK);
    snprintf(name, sizeof name, "%s-exported", path);
    ck_assert_all(run_export(&world, class, m, name, &err) == DG_OK);
    ck_assert_all(run_factors_read(&world, name, "offset", &o->exported, &err) == DG_OK);
    const int n_cols = o->exported.n_cols;
    o->a = (dg_artifact){.path = "old.h5",
                         .algorithm = (char *)(size_t) class->name,
                         .n_cols = n_cols,
                         .similar_cols = n_cols - (class->rates ? 2 : 0)};
    o->a.user_id = fill_side(&o->user, 'u', USERS, n_new_users, n_cols, o->exported.users);
    o->a.item_id = fill_side(&o->item, 'i', ITEMS, n_new_items, n_cols, o->exported.items);
    o->a.n_users = o->a.user_id.n;
    o->a.n_items = o->a.item_id.n;
    o->a.user_factor = (dg_factors){.n_cols = n_cols, .at = o->user.factor};
    o->a.item_factor = (dg_factors){.n_cols = n_cols, .at = o->item.factor};
    class->destroy(&m);
    dg_free(options);
    dg_dataset_free(&d);
}

static void free_old(old_model *o)
{
    dg_strings_free(&o->user.id);
    dg_strings_free(&o->item.id);
    dg_free(o->user.factor);
    dg_free(o->item.factor);
    run_factors_free(&o->saved);
    run_factors_free(&o->exported);
}

/* A model on `c` that starts from the old one, after n sweeps, written to `name`. */
static dg_status start_warm(const dg_comm *c, const dg_model_class *class, const char *text,
                            const old_model *o, int n, const char *name, char content[DG_HEX_SIZE],
                            dg_loss *losses)
{
    dg_dataset d;
    dg_model *m = NULL;
    dg_warm from = {0};
    void *options = run_options(class, text);
    make(c, &d);
    dg_status st = class->create(c, &d, options, 11, &m, &err);
    if (st == DG_OK) st = dg_warm_create(c, &d, &o->a, &from, &err);
    if (st == DG_OK) st = class->warm(m, &from, &err);
    if (st == DG_OK) st = run_sweeps(class, m, n, losses, &err);
    if (st == DG_OK) st = run_save(c, class, m, name, content, &err);
    dg_warm_free(&from);
    if (m != NULL) class->destroy(&m);
    dg_free(options);
    dg_dataset_free(&d);
    return st;
}

static const struct {
    const dg_model_class *class;
    const char *text;
} kinds[] = {{&dg_als_class, "factors=5"},
             {&dg_ials_class, "factors=6"},
             {&dg_ials_class, "factors=40 solver=cg"}};

enum { KINDS = sizeof kinds / sizeof *kinds };

static void begin(void)
{
    int64_t id = getpid();
    dg_bcast(&world, &id, sizeof id, 0);
    snprintf(path, sizeof path, "%s", scratch((long)id, "model"));
}

static void end(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    ck_assert_all(dg_alloc_live() == 0);
}

START_TEST(known_rows_are_those_of_the_earlier_model)
{
    begin();
    for (int k = 0; k < KINDS; k++) {
        old_model o = {0};
        run_factors f;
        train(kinds[k].class, kinds[k].text, &o, 0, 0);
        ck_assert_all(start_warm(&world, kinds[k].class, kinds[k].text, &o, 0, path, NULL, NULL) ==
                      DG_OK);
        ck_assert_all(run_factors_read(&world, path, "mean", &f, &err) == DG_OK);
        const size_t d = (size_t)f.n_cols * sizeof(float);
        ck_assert_all(memcmp(f.users, o.saved.users, USERS * d) == 0);
        ck_assert_all(memcmp(f.items, o.saved.items, ITEMS * d) == 0);
        run_factors_free(&f);
        free_old(&o);
    }
    end();
}
END_TEST

/* Items were solved last, from users that are all known: solving them once more is the same. */
START_TEST(new_items_are_folded_in_from_their_users)
{
    begin();
    for (int k = 0; k < 2; k++) {
        old_model o = {0};
        run_factors f;
        train(kinds[k].class, kinds[k].text, &o, 0, NEW_ITEMS);
        ck_assert_all(start_warm(&world, kinds[k].class, kinds[k].text, &o, 0, path, NULL, NULL) ==
                      DG_OK);
        ck_assert_all(run_factors_read(&world, path, "mean", &f, &err) == DG_OK);
        bool near = true;
        for (int64_t p = 0; p < (int64_t)ITEMS * f.n_cols; p++)
            near = near && fabsf(f.items[p] - o.saved.items[p]) < 1e-4F;
        ck_assert_all(near);
        run_factors_free(&f);
        free_old(&o);
    }
    end();
}
END_TEST

START_TEST(the_same_bits_on_any_ranks)
{
    char own[540], mine[DG_HEX_SIZE], alone[DG_HEX_SIZE];
    dg_comm one;
    begin();
    dg_comm_init(&one, MPI_COMM_SELF);
    snprintf(own, sizeof own, "%s-%d", path, world.rank);
    for (int k = 0; k < KINDS; k++) {
        old_model o = {0};
        train(kinds[k].class, kinds[k].text, &o, NEW_USERS, NEW_ITEMS);
        ck_assert_all(start_warm(&world, kinds[k].class, kinds[k].text, &o, 2, path, mine, NULL) ==
                      DG_OK);
        ck_assert_all(start_warm(&one, kinds[k].class, kinds[k].text, &o, 2, own, alone, NULL) ==
                      DG_OK);
        ck_assert_all(strcmp(mine, alone) == 0);
        free_old(&o);
    }
    dg_comm_free(&one);
    end();
}
END_TEST

START_TEST(one_sweep_after_a_warm_start_is_worth_many)
{
    begin();
    for (int k = 0; k < KINDS; k++) {
        old_model o = {0};
        dg_loss warm, cold[4];
        dg_dataset d;
        dg_model *m;
        void *options = run_options(kinds[k].class, kinds[k].text);
        train(kinds[k].class, kinds[k].text, &o, 3, 3);
        ck_assert_all(start_warm(&world, kinds[k].class, kinds[k].text, &o, 1, path, NULL, &warm) ==
                      DG_OK);
        make(&world, &d);
        ck_assert_all(kinds[k].class->create(&world, &d, options, 11, &m, &err) == DG_OK);
        ck_assert_all(run_sweeps(kinds[k].class, m, 4, cold, &err) == DG_OK);
        ck_assert_all(warm.observed + warm.unobserved + warm.regularization <
                      cold[3].observed + cold[3].unobserved + cold[3].regularization);
        kinds[k].class->destroy(&m);
        dg_free(options);
        dg_dataset_free(&d);
        free_old(&o);
    }
    end();
}
END_TEST

START_TEST(a_model_that_does_not_fit_is_refused_by_all)
{
    old_model o = {0};
    begin();
    train(&dg_ials_class, "factors=6", &o, 0, 0);
    ck_assert_all(start_warm(&world, &dg_ials_class, "factors=7", &o, 0, path, NULL, NULL) ==
                  DG_ERR_CONFIG);
    ck_assert_all(strcmp(err.text, "old.h5: has 6 factors in 6 columns, this job wants 7 in 7") ==
                  0);
    ck_assert_all(start_warm(&world, &dg_als_class, "factors=6", &o, 0, path, NULL, NULL) ==
                  DG_ERR_CONFIG);
    ck_assert_all(strcmp(err.text, "old.h5: a model of als cannot start from one of ials") == 0);
    o.item.factor[2] = NAN; /* a damaged row counts as new */
    ck_assert_all(start_warm(&world, &dg_ials_class, "factors=6", &o, 2, path, NULL, NULL) ==
                  DG_OK);
    free_old(&o);
    end();
}
END_TEST

START_TEST(one_failing_rank_fails_all)
{
    old_model o = {0};
    char spec[64];
    begin();
    train(&dg_ials_class, "factors=6", &o, 5, 5);
    dg_dataset d;
    void *options = run_options(&dg_ials_class, "factors=6");
    make(&world, &d);
    for (int nth = 1; nth <= 6; nth++) {
        dg_model *m;
        dg_warm from = {0};
        ck_assert_all(dg_ials_class.create(&world, &d, options, 11, &m, &err) == DG_OK);
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        dg_status st = dg_warm_create(&world, &d, &o.a, &from, &err);
        if (st == DG_OK) st = dg_ials_class.warm(m, &from, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(nth > 3 ? st == DG_OK || st == DG_ERR_NOMEM : st == DG_ERR_NOMEM);
        dg_warm_free(&from);
        dg_ials_class.destroy(&m);
    }
    dg_free(options);
    dg_dataset_free(&d);
    free_old(&o);
    end();
}
END_TEST

MPI_MAIN("als_warm", known_rows_are_those_of_the_earlier_model,
         new_items_are_folded_in_from_their_users, the_same_bits_on_any_ranks,
         one_sweep_after_a_warm_start_is_worth_many, a_model_that_does_not_fit_is_refused_by_all,
         one_failing_rank_fails_all)
