/* SLIM against its optimality conditions, worked out from a dense Gram matrix. */
#include "models/slim/slim.h"

#include "base/memory.h"
#include "base/rng.h"
#include "model_life.h"
#include "model_run.h"
#include "mpi_main.h"
#include "ref_ease.h"
#include "store/open.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;

enum { USERS = 90, ITEMS = 40 };

/* Items of a kind go together; 11 is nobody's; 12 and 13 have the same users. */
static float drawn(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(41, DG_RNG_TEST, (uint64_t)(user * 1000 + (item == 13 ? 12 : item)));
    if (item == 11 || user % 10 == 7) return NAN;
    return dg_rng_below(&r, user % 4 == item % 4 ? 2 : 7) == 0 ? (float)(1 + dg_rng_below(&r, 5))
                                                               : NAN;
}

static float shown(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(42, DG_RNG_TEST, (uint64_t)(user * 1000 + item));
    return user % 10 == 7 && dg_rng_below(&r, 5) == 0 ? (float)(1 + dg_rng_below(&r, 5)) : NAN;
}

static const made_shop shop = {
    .n_users = USERS, .n_items = ITEMS, .train = drawn, .fold_in = shown};

/* Train on the ranks of `c`, and save. */
static dg_status train(const dg_comm *c, const made_shop *of, const char *text, const char *path,
                       char content[DG_HEX_SIZE], dg_loss *loss)
{
    dg_dataset d;
    dg_model *m = NULL;
    void *options = run_options(&dg_slim_class, text);
    made_dataset(c, of, &d);
    dg_status st = dg_slim_class.create(c, &d, options, 1, &m, &err);
    if (st == DG_OK) st = run_sweeps(&dg_slim_class, m, 1, loss, &err);
    if (st == DG_OK) st = run_save(c, &dg_slim_class, m, path, content, &err);
    dg_slim_class.destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    return st;
}

/* Weights w[j * n + i] of a saved model. */
static double *saved_weights(const char *path, int64_t n)
{
    dg_container *f;
    int64_t *ptr, length;
    int32_t *index;
    float *value;
    double *w = dg_alloc((size_t)(n * n), sizeof *w);
    ck_assert_all(dg_store_open(&world, path, NULL, 1, &f, &err) == DG_OK);
    ck_assert_all(dg_container_read_all(f, "weights/item/ptr", DG_I64, (void **)&ptr, &length,
                                        &err) == DG_OK);
    ck_assert_all(dg_container_read_all(f, "weights/item/index", DG_I32, (void **)&index, &length,
                                        &err) == DG_OK);
    ck_assert_all(dg_container_read_all(f, "weights/item/value", DG_F32, (void **)&value, &length,
                                        &err) == DG_OK);
    for (int64_t j = 0; j < n; j++)
        for (int64_t e = ptr[j]; e < ptr[j + 1]; e++) w[j * n + index[e]] = (double)value[e];
    dg_free(ptr);
    dg_free(index);
    dg_free(value);
    dg_container_close(&f);
    return w;
}

/* Is b among the most similar by cosine to i, equal ones by number? */
static bool is_candidate(const double *gram, int64_t n, int64_t i, int64_t b, int64_t most)
{
    int64_t before = 0;
    const double mine = gram[i * n + b] / sqrt(gram[b * n + b]);
    if (b == i || gram[i * n + b] == 0) return false;
    for (int64_t k = 0; k < n; k++) {
        if (k == i || k == b || gram[i * n + k] == 0) continue;
        const double other = gram[i * n + k] / sqrt(gram[k * n + k]);
        before += other > mine * (1 + 1e-6) || (fabs(other - mine) <= 1e-6 * mine && k < b);
    }
    return before < most;
}

/* The greatest violation of any weight's condition, over g_ii; weights that may not be are 0. */
static double violation(const double *gram, const double *w, int64_t n, double l1, double l2,
                        int64_t most)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t b = 0; b < n; b++) {
            const double s = w[b * n + i];
            if (!is_candidate(gram, n, i, b, most)) {
                ck_assert(s == 0);
                continue;
            }
            double slope = gram[b * n + i] - l2 * s - l1;
            for (int64_t a = 0; a < n; a++) slope -= gram[b * n + a] * w[a * n + i];
            ck_assert(s >= 0);
            worst = fmax(worst, (s > 0 ? fabs(slope) : slope) / gram[i * n + i]);
        }
    return worst;
}

START_TEST(every_weight_meets_its_condition)
{
    static const struct {
        const char *options;
        double l1, l2;
        int64_t most;
        bool binary;
    } cases[] = {{"l1=0.5 l2=3 candidates=0", 0.5, 3, ITEMS, true},
                 {"l1=0.5 l2=3 candidates=6", 0.5, 3, 6, true},
                 {"l1=0 l2=0 candidates=5", 0, 0, 5, true},
                 {"l1=4 l2=20 candidates=0 binary=false", 4, 20, ITEMS, false}};
    const char *path = life_file("model.h5");
    for (int k = 0; k < 4; k++) {
        ck_assert_all(train(&world, &shop, cases[k].options, path, NULL, NULL) == DG_OK);
        double *gram = ref_gram(&shop, cases[k].binary), *w = saved_weights(path, ITEMS);
        /* 1e-5 is the tolerance asked for; weights are floats, times sums of up to 40 counts */
        ck_assert_all(violation(gram, w, ITEMS, cases[k].l1, cases[k].l2, cases[k].most) < 2e-5);
        double sum = 0;
        for (int64_t i = 0; i < ITEMS; i++) {
            ck_assert(w[i * ITEMS + i] == 0);
            for (int64_t j = 0; j < ITEMS; j++) sum += w[j * ITEMS + i];
        }
        ck_assert_all(sum > 1);
        dg_free(gram);
        dg_free(w);
    }
    life_clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(as_many_candidates_as_items_are_all)
{
    char all[DG_HEX_SIZE], many[DG_HEX_SIZE];
    const char *path = life_file("model.h5");
    ck_assert_all(train(&world, &shop, "l1=1 l2=2 candidates=0", path, all, NULL) == DG_OK);
    ck_assert_all(train(&world, &shop, "l1=1 l2=2 candidates=40", path, many, NULL) == DG_OK);
    ck_assert_str_eq(all, many);
    life_clean_up();
}
END_TEST

START_TEST(one_rank_and_all_ranks_make_the_same_bits)
{
    char together[DG_HEX_SIZE], alone[DG_HEX_SIZE], name[32];
    const char *path = life_file("model.h5");
    dg_comm self;
    ck_assert_all(train(&world, &shop, "l1=1 l2=2 candidates=9", path, together, NULL) == DG_OK);
    snprintf(name, sizeof name, "alone%d.h5", world.rank);
    dg_comm_init(&self, MPI_COMM_SELF);
    ck_assert_all(train(&self, &shop, "l1=1 l2=2 candidates=9", life_file(name), alone, NULL) ==
                  DG_OK);
    dg_comm_free(&self);
    ck_assert_all(strcmp(together, alone) == 0);
    life_clean_up();
}
END_TEST

/* The sum over columns of |x - X s|^2 / 2 + l2 |s|^2 / 2 + l1 |s|, from its definition. */
START_TEST(the_loss_is_that_of_the_definition)
{
    const char *path = life_file("model.h5");
    dg_loss loss;
    double residual = 0, penalty = 0;
    ck_assert_all(train(&world, &shop, "l1=2 l2=5 candidates=0", path, NULL, &loss) == DG_OK);
    double *w = saved_weights(path, ITEMS);
    for (int64_t u = 0; u < USERS; u++)
        for (int64_t i = 0; i < ITEMS; i++) {
            double rest = isnan(drawn(u, i)) ? 0 : 1;
            for (int64_t j = 0; j < ITEMS; j++)
                rest -= (isnan(drawn(u, j)) ? 0 : 1) * w[j * ITEMS + i];
            residual += rest * rest / 2;
        }
    for (int64_t k = 0; k < ITEMS * ITEMS; k++) penalty += 5 * w[k] * w[k] / 2 + 2 * w[k];
    ck_assert_double_eq_tol(loss.observed, residual, 1e-5 * residual);
    ck_assert_double_eq_tol(loss.regularization, penalty, 1e-5 * penalty);
    dg_free(w);
    life_clean_up();
}
END_TEST

START_TEST(too_few_passes_are_told_in_the_file)
{
    const char *path = life_file("model.h5");
    dg_container *f;
    double left = 0;
    ck_assert_all(train(&world, &shop, "l1=0.1 l2=0.1 candidates=0 passes=1 tolerance=1e-9", path,
                        NULL, NULL) == DG_OK);
    double *gram = ref_gram(&shop, true), *w = saved_weights(path, ITEMS);
    ck_assert_all(dg_store_open(&world, path, NULL, 1, &f, &err) == DG_OK);
    ck_assert_all(dg_container_real(f, "/meta", "violation", &left, &err) == DG_OK);
    ck_assert_double_eq_tol(left, violation(gram, w, ITEMS, 0.1, 0.1, ITEMS), 1e-5);
    ck_assert_double_gt(left, 1e-9);
    dg_container_close(&f);
    dg_free(gram);
    dg_free(w);
    life_clean_up();
}
END_TEST

static float everybody(int64_t user, int64_t item)
{
    (void)user;
    (void)item;
    return 1;
}

static float nobody(int64_t user, int64_t item)
{
    (void)user;
    (void)item;
    return NAN;
}

static float one_infinite(int64_t user, int64_t item)
{
    return user == 33 && item == 3 ? INFINITY : drawn(user, item);
}

START_TEST(edges_are_no_trouble)
{
    const made_shop shops[] = {{.n_users = 5, .n_items = 1, .train = everybody},
                               {.n_users = 5, .n_items = 6, .train = nobody},
                               {.n_users = 5, .n_items = 6, .train = everybody},
                               {.n_users = 1, .n_items = 6, .train = everybody, .crowded = true}};
    const made_shop bad = {.n_users = USERS, .n_items = ITEMS, .train = one_infinite};
    const char *path = life_file("model.h5");
    for (int k = 0; k < 4; k++) {
        ck_assert_all(train(&world, &shops[k], "l1=0 l2=0", path, NULL, NULL) == DG_OK);
        double *w = saved_weights(path, shops[k].n_items);
        for (int64_t e = 0; e < shops[k].n_items * shops[k].n_items; e++) ck_assert(isfinite(w[e]));
        dg_free(w);
    }
    ck_assert_all(train(&world, &bad, "binary=false", path, NULL, NULL) == DG_ERR_NUMERIC);
    ck_assert_all(strstr(err.text, "is not finite") != NULL);
    life_clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(each_failing_allocation_fails_all)
{
    const made_shop small = {.n_users = 12, .n_items = 7, .train = drawn, .fold_in = shown};
    life_fails_alike(&dg_slim_class, "l1=1 l2=2 candidates=5", &small);
}
END_TEST

START_TEST(a_file_of_other_weights_is_refused) { life_refuses_weights(&dg_slim_class, "", &shop); }
END_TEST

MPI_MAIN("slim", every_weight_meets_its_condition, as_many_candidates_as_items_are_all,
         one_rank_and_all_ranks_make_the_same_bits, the_loss_is_that_of_the_definition,
         too_few_passes_are_told_in_the_file, edges_are_no_trouble,
         each_failing_allocation_fails_all, a_file_of_other_weights_is_refused)
