#include "base/memory.h"
#include "model_run.h"
#include "models/neighbors/knn.h"
#include "mpi_main.h"
#include "ref_knn.h"
#include "scratch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_err err;

static long tag_of_run(void)
{
    long tag = getpid();
    MPI_Bcast(&tag, 1, MPI_LONG, 0, world.comm);
    return tag;
}

static void clean_up(void)
{
    MPI_Barrier(world.comm);
    if (world.rank == 0) scratch_remove();
    MPI_Barrier(world.comm);
}

static uint32_t mix(int64_t user, int64_t item)
{
    uint32_t x = (uint32_t)(user * 2654435761u) ^ (uint32_t)(item * 40503u + 977u);
    x ^= x >> 15, x *= 2246822519u, x ^= x >> 13, x *= 3266489917u;
    return x ^ x >> 16;
}

/* Ratings with a taste in them; user 3 and item 5 have none, user 4 rates all alike. */
static float stars(int64_t user, int64_t item)
{
    const uint32_t x = mix(user, item);
    if (item == 5 || user == 3 || x % 100 > 45) return NAN;
    if (user == 4) return 3;
    return 0.5f * (float)(2 + (int)(x / 100 % 4) + (user + item) % 3 + (int)(mix(user, 999) % 3));
}

/* Users 7, 14 … are held out: shown some, trained on nothing. */
static float trained(int64_t user, int64_t item) { return user % 7 == 0 ? NAN : stars(user, item); }

static float shown(int64_t user, int64_t item) { return user % 7 != 0 ? NAN : stars(user, item); }

static const made_shop shop = {.n_users = 37, .n_items = 29, .train = stars};
static const made_shop held_out = {
    .n_users = 37, .n_items = 29, .train = trained, .fold_in = shown};

static const dg_model_class *const classes[] = {&dg_item_knn_class, &dg_user_knn_class};

/* A trained model with its data, on the ranks of c. */
typedef struct run {
    dg_dataset d;
    void *options;
    dg_model *m;
} run;

static bool start(const dg_comm *c, const dg_model_class *class, const made_shop *of,
                  const char *options, run *out)
{
    dg_loss loss;
    made_dataset(c, of, &out->d);
    out->options = run_options(class, options);
    return class->create(c, &out->d, out->options, 7, &out->m, &err) == DG_OK &&
           class->sweep(out->m, &loss, &err) == DG_OK;
}

static void stop(const dg_model_class *class, run *r)
{
    class->destroy(&r->m);
    dg_dataset_free(&r->d);
    dg_free(r->options);
}

/* Scores of own users for all items, (own users, n_items). COLLECTIVE. */
static float *scores_of(const dg_model_class *class, run *r)
{
    dg_scorer s;
    const int64_t first = r->d.train.begin, n = r->d.train.end - first;
    if (class->scorer(r->m, &s, &err) != DG_OK) return NULL;
    float *out = dg_alloc((size_t)(n * s.n_items), sizeof *out);
    for (int64_t u = 0; u < n; u++) {
        const int64_t user = first + u;
        if (s.load(s.self, &user, 1, &err) != DG_OK) abort();
        s.score(s.self, 0, 11, out + u * s.n_items); /* in two ranges, as tiles fall */
        s.score(s.self, 11, s.n_items, out + u * s.n_items + 11);
        for (int64_t i = 0; i < s.n_items; i++)
            if (s.score_one(s.self, 0, i) != out[u * s.n_items + i]) abort();
    }
    s.destroy(&s);
    return out;
}

static const char *const all_options[] = {
    "neighbors=100",
    "neighbors=9 similarity=jaccard min_k=2",
    "neighbors=100 prediction=weighted_mean",
    "neighbors=100 prediction=weighted_mean similarity=pearson center=user min_similarity=-2",
    "neighbors=12 prediction=signed_mean similarity=pearson support=corated center=item damping=3",
    "neighbors=100 prediction=weighted_mean similarity=pearson shrinkage=5 k=4 min_k=2 center=both "
    "damping=2",
    "neighbors=100 prediction=sum similarity=adjusted_cosine k=3",
};

enum { OPTIONS = sizeof all_options / sizeof *all_options };

static bool is_reference(const dg_model_class *class, const char *options)
{
    run r;
    double *train = dg_alloc((size_t)(shop.n_users * shop.n_items), sizeof *train);
    bool good = start(&world, class, &shop, options, &r);
    for (int64_t u = 0; u < shop.n_users; u++)
        for (int64_t i = 0; i < shop.n_items; i++)
            train[u * shop.n_items + i] = (double)stars(u, i);
    const ref_matrix m = {shop.n_users, shop.n_items, train};
    double *right = ref_knn(&m, class == &dg_user_knn_class, r.options);
    float *found = scores_of(class, &r);
    for (int64_t u = r.d.train.begin; good && u < r.d.train.end; u++)
        for (int64_t i = 0; i < shop.n_items; i++) {
            const double a = right[u * shop.n_items + i];
            const double b = (double)found[(u - r.d.train.begin) * shop.n_items + i];
            if (fabs(a - b) <= 1e-4 * fmax(1, fabs(a))) continue;
            fprintf(stderr, "%s %s: user %lld item %lld: %g, not %g\n", class->name, options,
                    (long long)u, (long long)i, b, a);
            good = false;
        }
    dg_free(found);
    dg_free(right);
    dg_free(train);
    stop(class, &r);
    return good;
}

START_TEST(predictions_are_the_reference)
{
    for (int k = 0; k < OPTIONS; k++)
        for (int c = 0; c < 2; c++) ck_assert_all(is_reference(classes[c], all_options[k]));
}
END_TEST

START_TEST(ranks_together_score_what_one_rank_scores_alone)
{
    dg_comm self;
    dg_comm_init(&self, MPI_COMM_SELF);
    for (int k = 0; k < OPTIONS; k++)
        for (int c = 0; c < 4; c++) {
            run mine, whole;
            const made_shop *of = c < 2 ? &shop : &held_out;
            ck_assert_all(start(&world, classes[c % 2], of, all_options[k], &mine));
            ck_assert_all(start(&self, classes[c % 2], of, all_options[k], &whole));
            float *a = scores_of(classes[c % 2], &mine), *b = scores_of(classes[c % 2], &whole);
            ck_assert_all(a != NULL && b != NULL);
            const size_t n = (size_t)((mine.d.train.end - mine.d.train.begin) * shop.n_items);
            ck_assert_all(memcmp(a, b + mine.d.train.begin * shop.n_items, n * sizeof *a) == 0);
            dg_free(a);
            dg_free(b);
            stop(classes[c % 2], &mine);
            stop(classes[c % 2], &whole);
        }
    dg_comm_free(&self);
}
END_TEST

/* What is held out is nobody's neighbour and in no mean: others are scored as if it were not. */
static float only_trained(int64_t user, int64_t item) { return trained(user, item); }

START_TEST(held_out_users_get_scores_and_change_nobody_elses)
{
    const made_shop without = {.n_users = 37, .n_items = 29, .train = only_trained};
    for (int k = 0; k < OPTIONS; k++)
        for (int c = 0; c < 2; c++) {
            run with, never;
            ck_assert_all(start(&world, classes[c], &held_out, all_options[k], &with));
            ck_assert_all(start(&world, classes[c], &without, all_options[k], &never));
            float *a = scores_of(classes[c], &with), *b = scores_of(classes[c], &never);
            bool same = true;
            int64_t differs = 0;
            for (int64_t u = with.d.train.begin; u < with.d.train.end; u++) {
                const size_t row = (size_t)((u - with.d.train.begin) * shop.n_items);
                const bool equal = memcmp(a + row, b + row, (size_t)shop.n_items * sizeof *a) == 0;
                same &= u % 7 == 0 || equal;
                differs += u % 7 == 0 && !equal;
            }
            dg_sum_int64(&world, &differs, 1);
            ck_assert_all(same);
            ck_assert_all(differs >= 4); /* users 0, 7, 14, 21, 28, 35, of whom some were shown */
            dg_free(a);
            dg_free(b);
            stop(classes[c], &with);
            stop(classes[c], &never);
        }
}
END_TEST

START_TEST(a_saved_model_scores_alike)
{
    for (int c = 0; c < 2; c++) {
        run r, again;
        char content[2][DG_HEX_SIZE];
        const char *path = scratch(tag_of_run(), "model.h5");
        ck_assert_all(start(&world, classes[c], &shop, all_options[5], &r));
        ck_assert_all(run_save(&world, classes[c], r.m, path, content[0], &err) == DG_OK);
        made_dataset(&world, &shop, &again.d);
        again.options = run_options(classes[c], all_options[5]);
        ck_assert_all(classes[c]->create(&world, &again.d, again.options, 7, &again.m, &err) ==
                      DG_OK);
        ck_assert_all(run_load(&world, classes[c], again.m, path, &err) == DG_OK);
        float *a = scores_of(classes[c], &r), *b = scores_of(classes[c], &again);
        const size_t n = (size_t)((r.d.train.end - r.d.train.begin) * shop.n_items);
        ck_assert_all(memcmp(a, b, n * sizeof *a) == 0);
        ck_assert_all(run_save(&world, classes[c], again.m, path, content[1], &err) == DG_OK);
        ck_assert_all(strcmp(content[0], content[1]) == 0);
        dg_free(a);
        dg_free(b);
        stop(classes[c], &r);
        stop(classes[c], &again);
    }
    clean_up();
}
END_TEST

START_TEST(lists_of_another_model_are_refused)
{
    const made_shop smaller = {.n_users = 30, .n_items = 20, .train = stars};
    run r, other;
    const char *path = scratch(tag_of_run(), "other.h5");
    ck_assert_all(start(&world, &dg_item_knn_class, &shop, "", &r));
    ck_assert_all(run_save(&world, &dg_item_knn_class, r.m, path, NULL, &err) == DG_OK);
    ck_assert_all(start(&world, &dg_item_knn_class, &smaller, "", &other));
    ck_assert_all(run_load(&world, &dg_item_knn_class, other.m, path, &err) == DG_ERR_DATA);
    ck_assert_all(strstr(err.text, "similar/item has 29 rows, the job needs 20") != NULL);
    stop(&dg_item_knn_class, &r);
    stop(&dg_item_knn_class, &other);
    clean_up();
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all_and_leaves_nothing)
{
    char fault[64];
    const size_t alive = dg_alloc_live();
    for (int c = 0; c < 2; c++)
        for (int nth = 1; nth < 90; nth += 1 + nth / 20) {
            dg_loss loss;
            dg_scorer s = {0};
            run r = {0};
            made_dataset(&world, &held_out, &r.d);
            r.options = run_options(classes[c], all_options[5]);
            snprintf(fault, sizeof fault, "alloc:%d:%d", world.size - 1, nth);
            setenv("DAOGOU_FAULT", fault, 1);
            dg_fault_reload();
            dg_status st = classes[c]->create(&world, &r.d, r.options, 7, &r.m, &err);
            if (st == DG_OK) st = classes[c]->sweep(r.m, &loss, &err);
            if (st == DG_OK) st = classes[c]->scorer(r.m, &s, &err);
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            ck_assert_all(st == DG_OK || st == DG_ERR_NOMEM);
            if (st == DG_OK) s.destroy(&s);
            stop(classes[c], &r);
            ck_assert_all(dg_alloc_live() == alive);
        }
}
END_TEST

static bool refuses(const char *key, const char *value, const char *more, const char *more_value,
                    const char *text)
{
    dg_knn_options o = {0};
    const dg_model_class *class = &dg_item_knn_class;
    bool good = dg_options_default(class->option, class->n_options, &o, &err) == DG_OK &&
                dg_option_set(dg_options_find(class->option, class->n_options, key), &o, value,
                              &err) == DG_OK &&
                dg_option_set(dg_options_find(class->option, class->n_options, more), &o,
                              more_value, &err) == DG_OK;
    good = good && class->settle(&o, &err) == DG_ERR_CONFIG && strstr(err.text, text) != NULL;
    dg_options_free(class->option, class->n_options, &o);
    return good;
}

START_TEST(options_that_do_not_go_together_are_refused)
{
    ck_assert_all(refuses("model.measure", "jaccard", "model.support", "corated",
                          "corated has no meaning for jaccard"));
    ck_assert_all(refuses("model.similarity", "bm25", "model.approximate", "dimsum", "not bm25"));
    ck_assert_all(refuses("model.support", "corated", "model.approximate", "dimsum", "corated"));
    ck_assert_all(refuses("model.shrink", "3", "model.approximate", "dimsum", "shrinkage"));
    ck_assert_all(refuses("model.center", "user", "model.prediction", "sum", "model.center"));
    ck_assert_all(refuses("model.k", "3", "model.min_k", "4", "above model.k"));
}
END_TEST

MPI_MAIN("knn", predictions_are_the_reference, ranks_together_score_what_one_rank_scores_alone,
         held_out_users_get_scores_and_change_nobody_elses, a_saved_model_scores_alike,
         lists_of_another_model_are_refused, one_rank_out_of_memory_fails_all_and_leaves_nothing,
         options_that_do_not_go_together_are_refused)
