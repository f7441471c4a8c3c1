#include "generate/options.h"

#include "base/memory.h"
#include "unit_main.h"

#include <string.h>

static dg_err err;
static dg_generate_options options;

static void ck_assert_same(const dg_generate_options *x, const dg_generate_options *y)
{
    for (size_t k = 0; k < dg_generate_table_size; k++) {
        char *a = NULL, *b = NULL;
        ck_assert_int_eq(dg_option_show(&dg_generate_table[k], x, &a, &err), DG_OK);
        ck_assert_int_eq(dg_option_show(&dg_generate_table[k], y, &b, &err), DG_OK);
        ck_assert_str_eq(a, b);
        dg_free(a);
        dg_free(b);
    }
}

START_TEST(every_preset_fits_together)
{
    for (size_t k = 0; dg_generate_presets[k] != NULL; k++) {
        ck_assert_int_eq(dg_generate_preset(dg_generate_presets[k], &options, &err), DG_OK);
        ck_assert_int_eq(dg_generate_check(&options, &err), DG_OK);
        ck_assert_int_gt(options.events + options.ratings, 0);
    }
}
END_TEST

START_TEST(the_first_preset_is_the_defaults)
{
    dg_generate_options defaults = {0};
    ck_assert_int_eq(dg_options_default(dg_generate_table, dg_generate_table_size, &defaults, &err),
                     DG_OK);
    ck_assert_int_eq(dg_generate_preset(dg_generate_presets[0], &options, &err), DG_OK);
    ck_assert_same(&defaults, &options);
}
END_TEST

/* Sizes of MovieLens 20M: Harper and Konstan 2015, and the README of that data set. */
START_TEST(ratings_20m_has_the_size_of_movielens_20m)
{
    ck_assert_int_eq(dg_generate_preset("ratings-20m", &options, &err), DG_OK);
    ck_assert_int_eq(options.users, 138493);
    ck_assert_int_eq(options.items, 26744);
    ck_assert_int_eq(options.ratings, 20000263);
    ck_assert_int_eq(options.n_factors, 16);
}
END_TEST

START_TEST(an_unknown_preset_is_refused_with_the_nearest_one)
{
    ck_assert_int_eq(dg_generate_preset("rating-1m", &options, &err), DG_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "\"rating-1m\""));
    ck_assert_ptr_nonnull(strstr(err.hint, "\"ratings-1m\""));
    ck_assert_int_eq(dg_generate_preset("supermarket chain", &options, &err), DG_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.hint, "shop-medium"));
}
END_TEST

START_TEST(more_rows_than_pairs_are_refused)
{
    ck_assert_int_eq(dg_generate_preset("shop-small", &options, &err), DG_OK);
    options.users = 10;
    options.items = 100;
    options.most = 0.5;
    options.events = 500;
    options.ratings = 500;
    ck_assert_int_eq(dg_generate_check(&options, &err), DG_OK);
    options.ratings = 501;
    ck_assert_int_eq(dg_generate_check(&options, &err), DG_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "generate.ratings"));
    ck_assert_ptr_nonnull(strstr(err.hint, "generate.most"));
}
END_TEST

START_TEST(the_planted_rank_has_the_name_users_know)
{
    const dg_option *rank =
        dg_options_find(dg_generate_table, dg_generate_table_size, "generate.rank");
    ck_assert_ptr_nonnull(rank);
    ck_assert_ptr_eq(dg_options_find(dg_generate_table, dg_generate_table_size, "generate.factors"),
                     rank);
}
END_TEST

UNIT_MAIN("generate options", every_preset_fits_together, the_first_preset_is_the_defaults,
          ratings_20m_has_the_size_of_movielens_20m,
          an_unknown_preset_is_refused_with_the_nearest_one, more_rows_than_pairs_are_refused,
          the_planted_rank_has_the_name_users_know)
