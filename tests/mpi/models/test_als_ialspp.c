/* Sweeps block by block of columns against the steps of the reference in double, and against the
 * exact route. */
#include "made_dataset.h"
#include "model_run.h"
#include "mpi_main.h"
#include "ref_als.h"
#include "scratch.h"

#include "base/memory.h"
#include "base/rng.h"
#include "models/als/als.h"
#include "models/als/blocks.h"

#include <math.h>
#include <string.h>

enum { USERS = 50, ITEMS = 40 };

static dg_err err;

/* User 3 and item 5 have nothing, item 7 was rated by everybody else. */
static float busy(int64_t user, int64_t item)
{
    if (user == 3 || item == 5) return NAN;
    dg_rng r = dg_rng_at(95, DG_RNG_TEST, (uint64_t)(user * 1000 + item));
    if (item != 7 && dg_rng_below(&r, 4) != 0) return NAN;
    const float size = (float)(1 + dg_rng_below(&r, 5));
    return dg_rng_below(&r, 9) == 0 ? -size : size;
}

static float rated(int64_t user, int64_t item) { return fabsf(busy(user, item)); }

static const struct {
    const char *name;
    const dg_model_class *class;
    const char *options;
    ref_als ref; /* law and numbers, those of the options */
} kinds[] = {
    {"ials",
     &dg_ials_class,
     "factors=12 alpha0=0.3 lambda=0.05 reg_item=0.02 nu=0.5",
     {.law = REF_IALS, .alpha0 = 0.3, .reg_user = 0.05, .reg_item = 0.02, .nu = 0.5}},
    {"ials log",
     &dg_ials_class,
     "factors=12 alpha0=0.3 lambda=0.01 nu=1 confidence=log alpha=2 epsilon=0.5",
     {.law = REF_IALS_LOG,
      .alpha0 = 0.3,
      .reg_user = 0.01,
      .reg_item = 0.01,
      .nu = 1,
      .alpha = 2,
      .epsilon = 0.5}},
    {"hkv",
     &dg_ials_class,
     "factors=12 alpha0=0.3 lambda=0.01 nu=1 loss=hkv confidence=linear",
     {.law = REF_HKV, .alpha0 = 0.3, .reg_user = 0.01, .reg_item = 0.01, .nu = 1, .alpha = 1}},
    {"implicit, some weights below zero",
     &dg_ials_class,
     "factors=12 compat=implicit lambda=2 alpha=0.4",
     {.law = REF_IMPLICIT, .reg_user = 2, .reg_item = 2, .alpha = 0.4}},
    {"spark",
     &dg_ials_class,
     "factors=12 compat=spark lambda=0.1 alpha=0.4",
     {.law = REF_SPARK, .reg_user = 0.1, .reg_item = 0.1, .alpha = 0.4}},
    {"onedal",
     &dg_ials_class,
     "factors=12 compat=onedal lambda=0.1 alpha=0.01",
     {.law = REF_ONEDAL, .reg_user = 0.1, .reg_item = 0.1, .alpha = 0.01}},
    {"hkv paper",
     &dg_ials_class,
     "factors=12 compat=hkv lambda=0.5 alpha=0.4",
     {.law = REF_PAPER_HKV, .reg_user = 0.5, .reg_item = 0.5, .alpha = 0.4}},
    {"ratings",
     &dg_als_class,
     "factors=12 lambda=0.05 biases=false",
     {.law = REF_RATINGS, .reg_user = 0.05, .reg_item = 0.05, .nu = 1, .mean = 2.5}},
    {"ratings with biases",
     &dg_als_class,
     "factors=12 reg_user=0.05 reg_item=0.1 nu=0.5",
     {.law = REF_RATINGS,
      .reg_user = 0.05,
      .reg_item = 0.1,
      .nu = 0.5,
      .mean = 2.5,
      .biases = true}},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* Blocks of given factors, and the same in double. */
typedef struct shop {
    dg_als_options *o;
    dg_dataset data;
    dg_matrix users, items;
    dg_als_blocks *blocks;
    ref_als ref;
    double *score; /* (USERS, ITEMS) of the reference */
} shop;

static double *drawn(dg_matrix *m, uint64_t seed, int n_empty)
{
    double *out = dg_alloc((size_t)m->n_rows * (size_t)m->n_cols, sizeof *out);
    for (int64_t r = 0; r < m->n_rows; r++) {
        dg_rng rng = dg_rng_at(seed, DG_RNG_TEST, (uint64_t)r);
        for (int k = 0; k < m->n_cols; k++) {
            const float x = (float)(dg_rng_normal(&rng) / 3);
            out[r * m->n_cols + k] = r == n_empty ? 0 : (double)x;
            if (r >= m->own.begin && r < m->own.end) dg_matrix_row(m, r)[k] = r == n_empty ? 0 : x;
        }
    }
    return out;
}

static void begin(int kind, int size, shop *s)
{
    char text[160];
    const bool rates = kinds[kind].class == &dg_als_class;
    const made_shop made = {.n_users = USERS, .n_items = ITEMS, .train = rates ? rated : busy};
    snprintf(text, sizeof text, "%s solver=ialspp block_size=%d", kinds[kind].options, size);
    *s = (shop){.o = run_options(kinds[kind].class, text), .ref = kinds[kind].ref};
    ref_als *r = &s->ref;
    r->d = 12 + r->biases;
    r->n_users = USERS;
    r->n_items = ITEMS;
    made_dataset(&world, &made, &s->data);
    ck_assert_all(dg_matrix_create(&world, &s->data.users, r->d, &s->users, &err) == DG_OK);
    ck_assert_all(dg_matrix_create(&world, &s->data.items, r->d, &s->items, &err) == DG_OK);
    r->users = drawn(&s->users, 96, 3);
    r->items = drawn(&s->items, 97, 5);
    double *value = dg_alloc(USERS * ITEMS, sizeof *value);
    for (int k = 0; k < USERS * ITEMS; k++) value[k] = (double)made.train(k / ITEMS, k % ITEMS);
    r->value = value;
    s->score = dg_alloc(USERS * ITEMS, sizeof *s->score);
    const dg_als_side side = {.options = s->o, .biases = r->biases, .observes = true};
    dg_als_blocks_half half[2] = {{side, &s->data.users, &s->data.train, &s->users},
                                  {side, &s->data.items, &s->data.train_by_item, &s->items}};
    half[0].side.reg = s->o->reg_user;
    half[1].side.reg = s->o->reg_item;
    half[0].side.features = &s->items;
    half[1].side.features = &s->users;
    ck_assert_all(dg_als_blocks_create(&world, half, &s->blocks, &err) == DG_OK);
}

static void end(shop *s)
{
    dg_als_blocks_destroy(&s->blocks);
    dg_matrix_destroy(&s->users);
    dg_matrix_destroy(&s->items);
    dg_dataset_free(&s->data);
    dg_free((double *)(uintptr_t)s->ref.value);
    dg_free(s->ref.users);
    dg_free(s->ref.items);
    dg_free(s->score);
    dg_free(s->o);
    ck_assert_all(dg_alloc_live() == 0);
}

/* The reference takes a step of even blocks, as the code under test cuts them. */
static void step_reference(shop *s, int k, int n_blocks)
{
    const int begin = 12 * k / n_blocks, end = 12 * (k + 1) / n_blocks;
    const int n = end - begin + (s->ref.biases && k == n_blocks - 1);
    for (int side = 0; side < 2; side++)
        for (int64_t at = 0; at < (side == 0 ? USERS : ITEMS); at++)
            ck_assert(ref_als_block(&s->ref, side == 0, at, begin, n, s->score));
}

/* Floats: roundings of 6e-8 in systems of condition up to 1e3, over the steps of two sweeps. */
static bool near(double got, double want) { return fabs(got - want) <= 2e-4 * (1 + fabs(want)); }

static bool rows_are_near(const dg_matrix *m, const double *want)
{
    bool good = true;
    for (int64_t r = m->own.begin; r < m->own.end; r++)
        for (int k = 0; k < m->n_cols; k++)
            good = good && near((double)dg_matrix_row(m, r)[k], want[r * m->n_cols + k]);
    return good;
}

/* Scores kept for own entries against all pairs' scores. */
static bool scores_are_near(const dg_csr *ratings, bool of_users, const float *got,
                            const double *want)
{
    bool good = true;
    for (int64_t r = ratings->begin; r < ratings->end; r++) {
        const dg_row row = dg_csr_row(ratings, r);
        for (int64_t k = 0; k < row.n; k++, got++) {
            const int64_t i = row.index[k];
            good = good && near((double)*got, want[of_users ? r * ITEMS + i : i * ITEMS + r]);
        }
    }
    return good;
}

static void check_steps(int kind, int size)
{
    shop s;
    double before_items[USERS * ITEMS];
    begin(kind, size, &s);
    const int n = dg_als__blocks_count(s.blocks);
    ck_assert_all(n == (12 + size - 1) / size);
    for (int sweep = 0; sweep < 2; sweep++) {
        dg_als__blocks_begin(s.blocks, s.ref.mean);
        ref_als_scores(&s.ref, s.score);
        for (int k = 0; k < n; k++) {
            ref_als old = s.ref;
            old.items = dg_alloc((size_t)(ITEMS * s.ref.d), sizeof(double));
            memcpy(old.items, s.ref.items, (size_t)(ITEMS * s.ref.d) * sizeof(double));
            ck_assert_all(dg_als__blocks_step(s.blocks, k, &err) == DG_OK);
            step_reference(&s, k, n);
            ref_als_scores(&old, before_items);
            dg_free(old.items);
            ck_assert_msg(rows_are_near(&s.users, s.ref.users) &&
                              rows_are_near(&s.items, s.ref.items),
                          "%s: blocks of %d, step %d", kinds[kind].name, size, k);
            ck_assert_all(scores_are_near(&s.data.train, true, dg_als__blocks_scores(s.blocks, 0),
                                          before_items));
            ck_assert_all(scores_are_near(&s.data.train_by_item, false,
                                          dg_als__blocks_scores(s.blocks, 1), s.score));
        }
    }
    end(&s);
}

START_TEST(every_step_is_the_references_and_scores_follow)
{
    for (int kind = 0; kind < KINDS; kind++) check_steps(kind, 5);
    for (int kind = 0; kind < KINDS; kind += KINDS - 1) { /* ials, ratings with biases */
        check_steps(kind, 1);
        check_steps(kind, 6);
        check_steps(kind, 12);
    }
}
END_TEST

/* The factors as they are, of all ranks, in the reference's place. */
static void look(shop *s)
{
    dg_matrix_share(&s->users);
    dg_matrix_share(&s->items);
    for (int64_t k = 0; k < s->users.n_rows * s->ref.d; k++)
        s->ref.users[k] = (double)s->users.at[k];
    for (int64_t k = 0; k < s->items.n_rows * s->ref.d; k++)
        s->ref.items[k] = (double)s->items.at[k];
}

/* Floats may lose 1e-6 of it near the end. */
START_TEST(no_step_raises_the_loss)
{
    for (int kind = 0; kind < KINDS; kind++) {
        shop s;
        begin(kind, 5, &s);
        double before = ref_total(ref_als_loss(&s.ref));
        for (int sweep = 0; sweep < 4; sweep++) {
            dg_als__blocks_begin(s.blocks, s.ref.mean);
            for (int k = 0; k < dg_als__blocks_count(s.blocks); k++) {
                ck_assert_all(dg_als__blocks_step(s.blocks, k, &err) == DG_OK);
                look(&s);
                const double now = ref_total(ref_als_loss(&s.ref));
                ck_assert_msg(now <= before * (1 + 1e-6), "%s: %g after %g", kinds[kind].name, now,
                              before);
                before = now;
            }
        }
        end(&s);
    }
}
END_TEST

/* ---- whole models ---- */

typedef struct trained {
    dg_loss loss[3];
    run_factors factors;
} trained;

static void train(const made_shop *made, const dg_model_class *class, const char *text,
                  trained *out)
{
    long tag = getpid();
    dg_dataset d;
    dg_model *m = NULL;
    void *options = run_options(class, text);
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    const char *path = scratch(tag, "model.h5");
    made_dataset(&world, made, &d);
    ck_assert_all(class->create(&world, &d, options, 7, &m, &err) == DG_OK);
    ck_assert_all(run_sweeps(class, m, 3, out->loss, &err) == DG_OK);
    ck_assert_all(run_save(&world, class, m, path, NULL, &err) == DG_OK);
    ck_assert_all(run_factors_read(&world, path, "mean", &out->factors, &err) == DG_OK);
    class->destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    MPI_Barrier(world.comm);
}

static double difference(const float *a, const float *b, int64_t n)
{
    double most = 0, size = 0;
    for (int64_t k = 0; k < n; k++) {
        most = fmax(most, fabs((double)a[k] - (double)b[k]));
        size = fmax(size, fabs((double)b[k]));
    }
    return most / size;
}

static bool close_to(dg_loss a, dg_loss b, double share)
{
    const double whole = b.observed + b.unobserved + b.regularization;
    return fabs(a.observed - b.observed) <= share * whole &&
           fabs(a.unobserved - b.unobserved) <= share * whole &&
           fabs(a.regularization - b.regularization) <= share * whole;
}

/* The same system solved from another start: apart by roundings, that three sweeps carry on. */
static void check_is_exact_route(const made_shop *made, const dg_model_class *class,
                                 const char *text, double share)
{
    char options[160];
    trained exact, blocks;
    snprintf(options, sizeof options, "%s solver=cholesky", text);
    train(made, class, options, &exact);
    snprintf(options, sizeof options, "%s solver=ialspp block_size=8192", text);
    train(made, class, options, &blocks);
    for (int k = 0; k < 3; k++) ck_assert_all(close_to(blocks.loss[k], exact.loss[k], share));
    const run_factors *a = &blocks.factors, *b = &exact.factors;
    ck_assert_all(difference(a->users, b->users, a->n_users * a->n_cols) < 20 * share);
    ck_assert_all(difference(a->items, b->items, a->n_items * a->n_cols) < 20 * share);
    run_factors_free(&blocks.factors);
    run_factors_free(&exact.factors);
}

START_TEST(one_block_of_all_columns_is_the_exact_route)
{
    const made_shop all = {.n_users = USERS, .n_items = ITEMS, .train = busy};
    const made_shop ratings = {.n_users = USERS, .n_items = ITEMS, .train = rated};
    check_is_exact_route(&all, &dg_ials_class, "factors=7", 1e-6);
    check_is_exact_route(&all, &dg_ials_class, "factors=64 alpha0=0.3 lambda=0.05", 1e-6);
    check_is_exact_route(&all, &dg_ials_class, "factors=100 loss=hkv confidence=log lambda=0.1",
                         1e-6);
    check_is_exact_route(&ratings, &dg_als_class, "factors=7", 1e-6);
    check_is_exact_route(&ratings, &dg_als_class, "factors=64 biases=false", 1e-6);
}
END_TEST

static float likes_all(int64_t user, int64_t item) { return (float)(1 + (user + item) % 5); }

/* More entries than a panel holds (4096 at most); their sums round as often. */
START_TEST(long_rows_go_in_parts)
{
    const made_shop made = {.n_users = 4200, .n_items = 9, .train = likes_all};
    check_is_exact_route(&made, &dg_ials_class, "factors=5 confidence=linear lambda=0.1 alpha0=0.3",
                         2e-5);
    check_is_exact_route(&made, &dg_als_class, "factors=5 lambda=0.3", 2e-5);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

MPI_MAIN("als ialspp", every_step_is_the_references_and_scores_follow, no_step_raises_the_loss,
         one_block_of_all_columns_is_the_exact_route, long_rows_go_in_parts)
