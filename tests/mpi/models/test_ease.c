/* EASE against a dense reference, at its edges, and through files. */
#include "models/ease/ease.h"

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

/* A few items are far more popular; item 11 is nobody's; 12 and 13 have the same users. */
static float drawn(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(31, DG_RNG_TEST, (uint64_t)(user * 1000 + (item == 13 ? 12 : item)));
    const uint32_t one_in = item < 5 ? 2 : 6;
    if (item == 11 || user % 10 == 7) return NAN;
    return dg_rng_below(&r, one_in) == 0 ? (float)(1 + dg_rng_below(&r, 5)) : NAN;
}

/* Every tenth user is held out. */
static float shown(int64_t user, int64_t item)
{
    dg_rng r = dg_rng_at(32, DG_RNG_TEST, (uint64_t)(user * 1000 + item));
    return user % 10 == 7 && dg_rng_below(&r, 5) == 0 ? (float)(1 + dg_rng_below(&r, 5)) : NAN;
}

static const made_shop shop = {
    .n_users = USERS, .n_items = ITEMS, .train = drawn, .fold_in = shown};

/* A trained model with all that it needs to live. */
typedef struct trained {
    dg_dataset data;
    void *options;
    dg_model *model;
    dg_loss loss;
} trained;

static dg_status train(const made_shop *of, const char *options, trained *t)
{
    *t = (trained){0};
    made_dataset(&world, of, &t->data);
    t->options = run_options(&dg_ease_class, options);
    const dg_status st = dg_ease_class.create(&world, &t->data, t->options, 1, &t->model, &err);
    return st == DG_OK ? run_sweeps(&dg_ease_class, t->model, 1, &t->loss, &err) : st;
}

static void forget(trained *t)
{
    dg_ease_class.destroy(&t->model);
    dg_dataset_free(&t->data);
    dg_free(t->options);
    ck_assert_all(dg_alloc_live() == 0);
}

/* Largest difference of own users' scores from those by weights (n_items, n_items). Scores of
 * blocks and single ones have the same bits. */
static double distance(trained *t, const made_shop *of, bool binary, const double *weights)
{
    dg_scorer s;
    double worst = 0;
    bool same = true;
    float whole[ITEMS * 8], part[ITEMS * 8];
    ck_assert_all(dg_ease_class.scorer(t->model, &s, &err) == DG_OK);
    for (int64_t u = t->data.train.begin; u < t->data.train.end; u++) {
        const int64_t cut = of->n_items / 3;
        ck_assert_int_eq(s.load(s.self, &u, 1, &err), DG_OK);
        s.score(s.self, 0, of->n_items, whole);
        s.score(s.self, cut, of->n_items, part);
        for (int64_t i = 0; i < of->n_items; i++) {
            const double want = ref_score(of, binary, weights, u, i);
            worst = fmax(worst, fabs((double)whole[i] - want));
            same = same && s.score_one(s.self, 0, i) == whole[i];
            same = same && (i < cut || part[i - cut] == whole[i]);
        }
    }
    s.destroy(&s);
    ck_assert_all(same);
    return worst;
}

/* Scores are sums of at most ITEMS floats around 1 times ratings up to 5. */
static const double rounding = 1e-5;

START_TEST(scores_are_the_references)
{
    for (int binary = 0; binary < 2; binary++) {
        trained t;
        double *want = ref_ease(&shop, binary, 7.5);
        ck_assert_all(train(&shop, binary ? "regularization=7.5" : "lambda=7.5 binary=false", &t) ==
                      DG_OK);
        ck_assert_all(distance(&t, &shop, binary, want) < rounding);
        dg_free(want);
        forget(&t);
    }
}
END_TEST

/* The sum over columns of |x - X b|^2 + lambda |b|^2, from its definition. */
START_TEST(the_loss_is_that_of_the_definition)
{
    trained t;
    double *b = ref_ease(&shop, true, 3), residual = 0, squares = 0;
    for (int64_t u = 0; u < USERS; u++)
        for (int64_t i = 0; i < ITEMS; i++) {
            double rest = isnan(drawn(u, i)) ? 0 : 1;
            for (int64_t j = 0; j < ITEMS; j++)
                rest -= (isnan(drawn(u, j)) ? 0 : 1) * b[j * ITEMS + i];
            residual += rest * rest;
        }
    for (int64_t k = 0; k < ITEMS * ITEMS; k++) squares += b[k] * b[k];
    ck_assert_all(train(&shop, "regularization=3", &t) == DG_OK);
    ck_assert_double_eq_tol(t.loss.observed, residual, 1e-9 * residual);
    ck_assert_double_eq_tol(t.loss.regularization, 3 * squares, 1e-9 * squares);
    ck_assert_double_eq(t.loss.unobserved, 0);
    dg_free(b);
    forget(&t);
}
END_TEST

/* All but the `keep` largest weights of each item become 0; the share of what went. */
static double thin(double *b, int64_t n, int keep)
{
    double all = 0, gone = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            int larger = 0;
            const double size = fabs(b[j * n + i]);
            all += size * size;
            for (int64_t k = 0; k < n; k++) larger += fabs(b[k * n + i]) > size;
            if (larger >= keep) gone += size * size, b[j * n + i] = NAN;
        }
    for (int64_t k = 0; k < n * n; k++)
        if (isnan(b[k])) b[k] = 0;
    return sqrt(gone / all);
}

static double saved_real(const char *path, const char *name)
{
    dg_container *f;
    double value = NAN;
    ck_assert_all(dg_store_open(&world, path, NULL, 1, &f, &err) == DG_OK);
    ck_assert_all(dg_container_real(f, "/meta", name, &value, &err) == DG_OK);
    dg_container_close(&f);
    return value;
}

START_TEST(the_largest_weights_are_kept_and_the_rest_is_told)
{
    trained t;
    const char *path = life_file("model.h5");
    /* No twins: of equal weights either may stay in the reference. */
    made_shop plain = {.n_users = USERS, .n_items = 11, .train = drawn, .fold_in = shown};
    double *want = ref_ease(&plain, true, 2);
    const double dropped = thin(want, 11, 4);
    ck_assert_all(train(&plain, "regularization=2 keep=4", &t) == DG_OK);
    ck_assert_all(distance(&t, &plain, true, want) < rounding);
    ck_assert_all(run_save(&world, &dg_ease_class, t.model, path, NULL, &err) == DG_OK);
    ck_assert_double_eq_tol(saved_real(path, "dropped"), dropped, 1e-9);
    dg_free(want);
    life_clean_up();
    forget(&t);
}
END_TEST

START_TEST(a_saved_model_scores_the_same)
{
    trained t, other;
    char before[DG_HEX_SIZE], after[DG_HEX_SIZE];
    const char *path = life_file("model.h5"), *again = life_file("again.h5");
    ck_assert_all(train(&shop, "regularization=7.5", &t) == DG_OK);
    ck_assert_all(run_save(&world, &dg_ease_class, t.model, path, before, &err) == DG_OK);
    forget(&t);
    double *want = ref_ease(&shop, true, 7.5);
    other = (trained){.options = run_options(&dg_ease_class, "")};
    made_dataset(&world, &shop, &other.data);
    ck_assert_all(dg_ease_class.create(&world, &other.data, other.options, 1, &other.model, &err) ==
                  DG_OK);
    ck_assert_all(run_load(&world, &dg_ease_class, other.model, path, &err) == DG_OK);
    ck_assert_all(distance(&other, &shop, true, want) < rounding);
    ck_assert_all(run_save(&world, &dg_ease_class, other.model, again, after, &err) == DG_OK);
    ck_assert_str_eq(before, after);
    dg_free(want);
    life_clean_up();
    forget(&other);
}
END_TEST

START_TEST(what_is_exported_makes_the_same_scores)
{
    trained t;
    dg_container *f;
    int64_t *p_ptr, *w_ptr, n;
    int32_t *p_index, *w_index;
    float *p_value, *w_value;
    const char *path = life_file("artifact.h5");
    double *want = ref_ease(&shop, false, 7.5);
    ck_assert_all(train(&shop, "regularization=7.5 binary=false", &t) == DG_OK);
    ck_assert_all(run_export(&world, &dg_ease_class, t.model, path, &err) == DG_OK);
    ck_assert_all(dg_store_open(&world, path, NULL, 1, &f, &err) == DG_OK);
    const struct {
        const char *array;
        dg_type type;
        void **at;
    } arrays[] = {{"profile/ptr", DG_I64, (void **)&p_ptr},
                  {"profile/index", DG_I32, (void **)&p_index},
                  {"profile/value", DG_F32, (void **)&p_value},
                  {"weights/item/ptr", DG_I64, (void **)&w_ptr},
                  {"weights/item/index", DG_I32, (void **)&w_index},
                  {"weights/item/value", DG_F32, (void **)&w_value}};
    for (int k = 0; k < 6; k++)
        ck_assert_all(dg_container_read_all(f, arrays[k].array, arrays[k].type, arrays[k].at, &n,
                                            &err) == DG_OK);
    double worst = 0;
    for (int64_t u = 0; u < USERS; u++) {
        double score[ITEMS] = {0};
        for (int64_t p = p_ptr[u]; p < p_ptr[u + 1]; p++)
            for (int64_t w = w_ptr[p_index[p]]; w < w_ptr[p_index[p] + 1]; w++)
                score[w_index[w]] += (double)p_value[p] * (double)w_value[w];
        for (int64_t i = 0; i < ITEMS; i++)
            worst = fmax(worst, fabs(score[i] - ref_score(&shop, false, want, u, i)));
    }
    ck_assert_all(worst < rounding);
    for (int k = 0; k < 6; k++) dg_free(*arrays[k].at);
    dg_container_close(&f);
    dg_free(want);
    life_clean_up();
    forget(&t);
}
END_TEST

/* ---- edges ---- */

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

START_TEST(one_item_and_no_ratings_are_no_trouble)
{
    const made_shop shops[] = {{.n_users = 5, .n_items = 1, .train = everybody},
                               {.n_users = 5, .n_items = 6, .train = nobody},
                               {.n_users = 5, .n_items = 6, .train = everybody},
                               {.n_users = 1, .n_items = 6, .train = everybody, .crowded = true}};
    for (int k = 0; k < 4; k++) {
        trained t;
        double *want = ref_ease(&shops[k], true, 2);
        ck_assert_all(train(&shops[k], "regularization=2", &t) == DG_OK);
        ck_assert_all(distance(&t, &shops[k], true, want) < rounding);
        dg_free(want);
        forget(&t);
    }
}
END_TEST

/* Item 11 is nobody's; without it 13 has the users of 12. */
static float no_gap(int64_t user, int64_t item) { return drawn(user, item == 11 ? 14 : item); }

START_TEST(without_lambda_a_singular_gram_is_an_error_with_a_remedy)
{
    const made_shop twins = {.n_users = USERS, .n_items = 14, .train = no_gap};
    const made_shop *const shops[] = {&shop, &twins};
    static const char *const rows[] = {"item row 11:", "item row 13:"};
    for (int k = 0; k < 2; k++) {
        trained t;
        const dg_status st = train(shops[k], "regularization=0", &t);
        ck_assert_all(st == DG_ERR_NUMERIC && dg_status_exit(st) == 76);
        ck_assert_msg(strstr(err.text, rows[k]) != NULL, "%s", err.text);
        ck_assert_all(strstr(err.hint, "model.regularization") != NULL);
        forget(&t);
    }
}
END_TEST

static float one_infinite(int64_t user, int64_t item)
{
    return user == 33 && item == 3 ? INFINITY : drawn(user, item);
}

START_TEST(a_value_that_is_not_finite_is_an_error)
{
    const made_shop bad = {.n_users = USERS, .n_items = ITEMS, .train = one_infinite};
    trained t;
    ck_assert_all(train(&bad, "binary=false", &t) == DG_ERR_NUMERIC);
    forget(&t);
}
END_TEST

START_TEST(each_failing_allocation_fails_all) { life_fails_alike(&dg_ease_class, "keep=3", &shop); }
END_TEST

START_TEST(a_file_of_other_weights_is_refused) { life_refuses_weights(&dg_ease_class, "", &shop); }
END_TEST

MPI_MAIN("ease", scores_are_the_references, the_loss_is_that_of_the_definition,
         the_largest_weights_are_kept_and_the_rest_is_told, a_saved_model_scores_the_same,
         what_is_exported_makes_the_same_scores, one_item_and_no_ratings_are_no_trouble,
         without_lambda_a_singular_gram_is_an_error_with_a_remedy,
         a_value_that_is_not_finite_is_an_error, each_failing_allocation_fails_all,
         a_file_of_other_weights_is_refused)
