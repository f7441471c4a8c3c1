/* Hyper-parameters: defaults, every alias, what compat stands for, what is refused. */
#include "models/als/options.h"

#include "base/memory.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

static dg_err err;

static const struct {
    const dg_option *table;
    size_t n;
    dg_status (*settle)(void *options, dg_err *err);
} families[] = {{dg_als__ials_options, DG_ALS_N_IALS, dg_als__settle_ials},
                {dg_als__ratings_options, DG_ALS_N_RATINGS, dg_als__settle_ratings}};

enum { IALS, RATINGS };

static dg_als_options defaults(int family)
{
    dg_als_options o = {0};
    ck_assert(dg_options_default(families[family].table, families[family].n, &o, &err) == DG_OK);
    return o;
}

static dg_status set(int family, dg_als_options *o, const char *key, const char *text)
{
    const dg_option *row = dg_options_find(families[family].table, families[family].n, key);
    ck_assert_msg(row != NULL, "no key %s", key);
    return dg_option_set(row, o, text, &err);
}

/* The defaults of docs/algorithms/als.md. */
START_TEST(defaults_are_as_documented)
{
    const dg_als_options i = defaults(IALS), r = defaults(RATINGS);
    ck_assert(i.n_factors == 64 && i.iterations == 16 && i.reg == 0.003 && i.law.reg_exponent == 1);
    ck_assert(i.reg_user == -1 && i.reg_item == -1 && i.init_std == 0.1 && i.solver == 0);
    ck_assert(i.law.unobserved_weight == 0.1 && i.law.alpha == 1 && i.law.epsilon == 1);
    ck_assert(i.law.loss == DG_ALS_IALS && i.law.confidence == DG_ALS_NONE &&
              i.law.compat == DG_ALS_OURS);
    ck_assert(r.n_factors == 64 && r.iterations == 15 && r.reg == 0.1 && r.law.reg_exponent == 1);
    ck_assert(r.biases && i.block_size == 128 && r.block_size == 128);
}
END_TEST

START_TEST(each_key_is_there_once_and_explained)
{
    for (int f = 0; f < 2; f++)
        for (size_t k = 0; k < families[f].n; k++) {
            const dg_option *o = &families[f].table[k];
            ck_assert(o->key != NULL && strncmp(o->key, "model.", 6) == 0);
            ck_assert(o->help != NULL && strlen(o->help) > 5);
            ck_assert(dg_options_find(families[f].table, families[f].n, o->key) == o);
            for (size_t j = 0; j < k; j++)
                ck_assert(strcmp(families[f].table[j].key, o->key) != 0 &&
                          families[f].table[j].offset != o->offset);
        }
}
END_TEST

/* The names peers use, from the table of conventions: library by library. */
START_TEST(every_alias_finds_its_key)
{
    static const char *const names[][2] = {
        {"rank", "factors"},                         /* Spark */
        {"nFactors", "factors"},                     /* oneDAL */
        {"n_components", "factors"},                 /* irspack */
        {"embedding_dim", "factors"},                /* Google */
        {"embedding_size", "factors"},               /* LensKit */
        {"features", "factors"},                     /* LensKit */
        {"k", "factors"},                            /* cmfrec, LIBMF */
        {"num-latent", "factors"},                   /* SMURFF */
        {"NFactors", "factors"},                     /* gorse */
        {"n_factors", "factors"},                    /* Surprise */
        {"regParam", "regularization"},              /* Spark */
        {"reg", "regularization"},                   /* irspack */
        {"lambda", "regularization"},                /* oneDAL */
        {"lambda_", "regularization"},               /* cmfrec */
        {"lam", "regularization"},                   /* cmfrec */
        {"nu", "reg_exponent"},                      /* irspack */
        {"nu_star", "reg_exponent"},                 /* irspack */
        {"regularization_exp", "reg_exponent"},      /* Google */
        {"maxIter", "iterations"},                   /* Spark */
        {"maxIterations", "iterations"},             /* oneDAL */
        {"max_iter", "iterations"},                  /* scikit-learn */
        {"epochs", "iterations"},                    /* LensKit */
        {"train_epochs", "iterations"},              /* irspack */
        {"iters", "iterations"},                     /* SPLATT */
        {"stddev", "init_std"},                      /* Google */
        {"solver_type", "solver"},                   /* irspack */
        {"linear_solver", "solver"},                 /* ALX */
        {"alpha0", "unobserved_weight"},             /* irspack */
        {"confidence_scaling", "confidence"},        /* irspack */
        {"ialspp_subspace_dimension", "block_size"}, /* irspack */
        {"weight", "alpha"},                         /* LensKit */
    };
    char key[64], canonical[64];
    size_t aliases = 0;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        snprintf(key, sizeof key, "model.%s", names[k][0]);
        snprintf(canonical, sizeof canonical, "model.%s", names[k][1]);
        const dg_option *o = dg_options_find(families[IALS].table, families[IALS].n, key);
        ck_assert_msg(o != NULL && strcmp(o->key, canonical) == 0, "%s", key);
    }
    for (size_t k = 0; k < families[IALS].n; k++)
        for (const char *const *a = families[IALS].table[k].aliases; a != NULL && *a != NULL; a++)
            aliases++;
    ck_assert_uint_eq(aliases, sizeof names / sizeof *names); /* the list above misses none */
}
END_TEST

START_TEST(values_outside_their_range_are_refused)
{
    static const char *const wrong[][2] = {
        {"model.factors", "0"},           {"model.factors", "8193"},
        {"model.iterations", "-1"},       {"model.regularization", "-0.1"},
        {"model.regularization", "nan"},  {"model.reg_exponent", "2.1"},
        {"model.unobserved_weight", "x"}, {"model.epsilon", "0"},
        {"model.block_size", "0"},        {"model.loss", "ratings"},
        {"model.compat", "Spark"},        {"model.confidence", "quadratic"}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        dg_als_options o = defaults(IALS);
        ck_assert_msg(set(IALS, &o, wrong[k][0], wrong[k][1]) == DG_ERR_CONFIG, "%s", wrong[k][0]);
    }
}
END_TEST

START_TEST(a_side_without_its_own_lambda_takes_the_common_one)
{
    for (int f = 0; f < 2; f++) {
        dg_als_options o = defaults(f);
        ck_assert(set(f, &o, "model.lambda", "0.25") == DG_OK);
        ck_assert(set(f, &o, "model.reg_item", "0.5") == DG_OK);
        ck_assert(families[f].settle(&o, &err) == DG_OK);
        ck_assert(o.reg_user == 0.25 && o.reg_item == 0.5);
    }
}
END_TEST

START_TEST(compat_becomes_what_it_stands_for)
{
    static const struct {
        const char *name;
        double reg_exponent;
    } libraries[] = {{"implicit", 0}, {"spark", 1}, {"onedal", 1}, {"hkv", 0}};
    for (size_t k = 0; k < 4; k++) {
        dg_als_options o = defaults(IALS);
        ck_assert(set(IALS, &o, "model.compat", libraries[k].name) == DG_OK);
        ck_assert(dg_als__settle_ials(&o, &err) == DG_OK);
        ck_assert(o.law.loss == DG_ALS_HKV && o.law.confidence == DG_ALS_LINEAR);
        ck_assert(o.law.unobserved_weight == 1 && o.law.reg_exponent == libraries[k].reg_exponent);
        ck_assert(o.reg_user == o.reg && o.reg_item == o.reg);
    }
    dg_als_options o = defaults(IALS);
    ck_assert(dg_als__settle_ials(&o, &err) == DG_OK);
    ck_assert(o.law.loss == DG_ALS_IALS && o.law.unobserved_weight == 0.1 &&
              o.law.reg_exponent == 1);
}
END_TEST

/* Unseen pairs or lambda must hold a short row in place, on both sides. */
START_TEST(rows_without_a_single_solution_are_refused)
{
    static const struct {
        double unobserved, user, item;
        const char *named; /* NULL: accepted */
    } cases[] = {{0, 0, 0, "model.regularization"},
                 {0, 0.1, 0, "model.reg_item"},
                 {0, 0, 0.1, "model.reg_user"},
                 {0, 0.1, 0.1, NULL},
                 {0.1, 0, 0, NULL}};
    for (int f = 0; f < 2; f++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            dg_als_options o = defaults(f);
            o.law.unobserved_weight = cases[k].unobserved;
            o.reg_user = cases[k].user;
            o.reg_item = cases[k].item;
            const char *named = cases[k].named;
            if (f == RATINGS && cases[k].unobserved > 0) named = "model.regularization";
            err.text[0] = '\0';
            ck_assert(families[f].settle(&o, &err) == (named == NULL ? DG_OK : DG_ERR_CONFIG));
            if (named != NULL) ck_assert_msg(strstr(err.text, named) != NULL, "%s", err.text);
        }
}
END_TEST

UNIT_MAIN("als options", defaults_are_as_documented, each_key_is_there_once_and_explained,
          every_alias_finds_its_key, values_outside_their_range_are_refused,
          a_side_without_its_own_lambda_takes_the_common_one, compat_becomes_what_it_stands_for,
          rows_without_a_single_solution_are_refused)
