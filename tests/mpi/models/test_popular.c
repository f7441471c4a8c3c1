/* The goods most chosen, counted by hand. */
#include "models/popular/popular.h"

#include "base/memory.h"
#include "model_life.h"
#include "model_run.h"
#include "mpi_main.h"

#include <math.h>
#include <string.h>

enum { USERS = 70, ITEMS = 30 };

/* Item i is chosen by every (i + 2)-th user, item 11 by nobody; values are of many magnitudes, so
 * that another order of the sum would show. */
static float drawn(int64_t user, int64_t item)
{
    if (item == 11 || user % (item + 2) != 0) return NAN;
    return ldexpf(1 + (float)(user % 7), (int)(user % 23) - 11);
}

static const made_shop shop = {.n_users = USERS, .n_items = ITEMS, .train = drawn};
static const made_shop crowd = {
    .n_users = USERS, .n_items = ITEMS, .train = drawn, .crowded = true};

static float expected(int64_t item, bool sum)
{
    double total = 0;
    for (int64_t u = 0; u < USERS; u++)
        if (!isnan(drawn(u, item))) total += sum ? (double)drawn(u, item) : 1;
    return (float)total;
}

/* Saved by one model and loaded by another: that one's scores of every item for every own user. */
static void check_scores(const made_shop *of, const char *text, bool sum)
{
    const char *path = life_file("popular.h5");
    void *options = run_options(&dg_popular_class, text);
    dg_model *m = NULL;
    dg_scorer s;
    dg_dataset d;
    dg_err err;
    made_dataset(&world, of, &d);
    ck_assert_all(life_of(&dg_popular_class, &d, options, NULL, path, &err) == DG_OK);
    ck_assert_all(dg_popular_class.create(&world, &d, options, 1, &m, &err) == DG_OK);
    ck_assert_all(run_load(&world, &dg_popular_class, m, path, &err) == DG_OK);
    ck_assert_all(dg_popular_class.scorer(m, &s, &err) == DG_OK);
    for (int64_t u = d.train.begin; u < d.train.end; u++) {
        float row[ITEMS], part[ITEMS];
        ck_assert_int_eq(s.load(s.self, &u, 1, &err), DG_OK);
        s.score_row(s.self, 0, row);
        s.score(s.self, 3, ITEMS, part);
        for (int64_t i = 0; i < ITEMS; i++) {
            ck_assert_float_eq(row[i], expected(i, sum));
            ck_assert_float_eq(s.score_one(s.self, 0, i), row[i]);
            if (i >= 3) ck_assert_float_eq(part[i - 3], row[i]);
        }
    }
    s.destroy(&s);
    dg_popular_class.destroy(&m);
    dg_dataset_free(&d);
    dg_free(options);
    life_clean_up();
    ck_assert_all(dg_alloc_live() == 0);
}

START_TEST(items_are_counted) { check_scores(&shop, "", false); }
END_TEST

START_TEST(values_are_added_in_one_order_on_any_number_of_ranks)
{
    check_scores(&shop, "weigh=sum", true);
    check_scores(&crowd, "weigh=sum", true);
}
END_TEST

static float infinite(int64_t user, int64_t item)
{
    return user == 5 && item == 3 ? INFINITY : drawn(user, item);
}

START_TEST(a_sum_that_is_not_finite_fails_all)
{
    const made_shop bad = {.n_users = USERS, .n_items = ITEMS, .train = infinite};
    void *options = run_options(&dg_popular_class, "weigh=sum");
    dg_dataset d;
    dg_err err;
    made_dataset(&world, &bad, &d);
    ck_assert_all(life_of(&dg_popular_class, &d, options, NULL, "unused", &err) == DG_ERR_NUMERIC);
    ck_assert_all(strstr(err.text, "item row 3: its popularity is not finite") != NULL);
    dg_dataset_free(&d);
    dg_free(options);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(each_failing_allocation_fails_all)
{
    const made_shop small = {.n_users = 12, .n_items = 7, .train = drawn};
    life_fails_alike(&dg_popular_class, "", &small);
}
END_TEST

START_TEST(a_file_of_other_items_is_refused)
{
    life_refuses(&dg_popular_class, "", &shop, "popularity/score has");
}
END_TEST

MPI_MAIN("popular", items_are_counted, values_are_added_in_one_order_on_any_number_of_ranks,
         a_sum_that_is_not_finite_fails_all, each_failing_allocation_fails_all,
         a_file_of_other_items_is_refused)
