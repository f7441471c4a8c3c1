/* What a search may try, and where its trials lie. */
#include "unit_main.h"

#include "base/rng.h"
#include "tune/space.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static dg_status read_pair(const char *key, const char *value, dg_space *out, dg_err *err)
{
    dg_map map = {0};
    ck_assert_int_eq(dg_strings_add(&map.key, key, strlen(key), err), DG_OK);
    ck_assert_int_eq(dg_strings_add(&map.value, value, strlen(value), err), DG_OK);
    *out = (dg_space){0};
    const dg_status st = dg_space_read(&map, out, err);
    dg_strings_free(&map.key);
    dg_strings_free(&map.value);
    return st;
}

/* The value of `text` at u. */
static const char *at(const char *text, double u)
{
    static char value[DG_SPACE_VALUE];
    dg_space s;
    dg_err err;
    ck_assert_msg(read_pair("model.x", text, &s, &err) == DG_OK, "%s: %s", text, err.text);
    dg_space_value(&s.at[0], u, value);
    dg_space_free(&s);
    return value;
}

START_TEST(values_are_what_the_range_says)
{
    const double last = nextafter(1, 0);
    ck_assert_str_eq(at("uniform(2, 4)", 0.25), "2.5");
    ck_assert_str_eq(at("log(0.001, 10)", 0.5), "0.1"); /* the middle in magnitude */
    ck_assert_str_eq(at(" log ( 1e-3 ,1e1 ) ", 0), "0.001");
    ck_assert_str_eq(at("int(3, 5)", 0), "3");
    ck_assert_str_eq(at("int(3, 5)", 0.5), "4");
    ck_assert_str_eq(at("int(3, 5)", last), "5");
    ck_assert_str_eq(at("int(-2, 2)", 0.5), "0");
    ck_assert_str_eq(at("double(16, 256)", 0), "16");
    ck_assert_str_eq(at("double(16, 256)", 0.41), "64");
    ck_assert_str_eq(at("double(16, 256)", last), "256");
    ck_assert_str_eq(at("double(16, 255)", last), "128");
    ck_assert_str_eq(at("choice(cosine, jaccard , bm25)", 0.34), "jaccard");
    ck_assert_str_eq(at("choice(true)", last), "true");
}
END_TEST

START_TEST(what_is_no_range_is_told_with_its_key)
{
    static const struct {
        const char *key, *value, *says;
    } cases[] = {
        {"model.x", "", "tune.space: model.x: \"\" is no range"},
        {"model.x", "0.1", "tune.space: model.x: \"0.1\" is no range"},
        {"model.x", "normal(0, 1)", "tune.space: model.x: \"normal(0, 1)\" is no range"},
        {"model.x", "uniform(0, 1", "tune.space: model.x: \"uniform(0, 1\" is no range"},
        {"model.x", "uniform(0)", "uniform takes two numbers, the smaller first"},
        {"model.x", "uniform(0, 1, 2)", "uniform takes two numbers, the smaller first"},
        {"model.x", "uniform(1, 1)", "uniform takes two numbers, the smaller first"},
        {"model.x", "uniform(0, nan)", "uniform takes two numbers, the smaller first"},
        {"model.x", "log(0, 1)", "log begins above 0"},
        {"model.x", "int(0.5, 3)", "int takes whole numbers"},
        {"model.x", "choice(a,,b)", "a word of 1 to 63 bytes stands between commas"},
        {"data.ratings.path", "choice(a, b)", "keys of model and of prepare"},
        {"prepare.split.test", "uniform(0, 1)", "keys of model and of prepare"},
        {"seed", "int(1, 9)", "keys of model and of prepare"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        dg_space s;
        dg_err err;
        ck_assert_int_eq(read_pair(cases[k].key, cases[k].value, &s, &err), DG_ERR_CONFIG);
        ck_assert_msg(strstr(err.text, cases[k].says) != NULL, "%s", err.text);
        dg_space_free(&s);
    }
}
END_TEST

START_TEST(a_key_may_belong_to_one_algorithm)
{
    dg_space s;
    dg_err err;
    ck_assert_int_eq(read_pair("item-knn/model.k", "int(1, 9)", &s, &err), DG_OK);
    ck_assert_str_eq(s.at[0].algorithm, "item-knn");
    ck_assert_str_eq(s.at[0].key, "model.k");
    dg_space_free(&s);
}
END_TEST

static const dg_space six = {.n = 6};

START_TEST(a_point_depends_on_seed_and_number_alone)
{
    for (int how = DG_SPACE_RANDOM; how <= DG_SPACE_QUASI; how++) {
        double a[6], b[6], other[6], seeded[6];
        dg_space_point(&six, (dg_space_draw)how, 7, 12, a);
        dg_space_point(&six, (dg_space_draw)how, 7, 13, other);
        dg_space_point(&six, (dg_space_draw)how, 8, 12, seeded);
        dg_space_point(&six, (dg_space_draw)how, 7, 12, b);
        ck_assert_mem_eq(a, b, sizeof a);
        for (int k = 0; k < 6; k++) {
            ck_assert_double_ne(a[k], other[k]);
            ck_assert_double_ne(a[k], seeded[k]);
        }
    }
}
END_TEST

/* Halton's sequence leaves no half, third, … of a side empty for long: of b^2 consecutive points,
 * each b-th part of side number k with prime b holds b, but for one at the shift's seam. */
START_TEST(quasi_points_are_spread_evenly_and_random_ones_are_not)
{
    static const int prime[] = {2, 3, 5, 7, 11, 13};
    for (int k = 0; k < 6; k++) {
        int most = 0, least = 1 << 20;
        int count[13] = {0};
        for (int64_t trial = 1; trial <= prime[k] * prime[k]; trial++) {
            double u[6];
            dg_space_point(&six, DG_SPACE_QUASI, 3, trial, u);
            ck_assert(u[k] >= 0 && u[k] < 1);
            count[(int)(u[k] * prime[k])]++;
        }
        for (int part = 0; part < prime[k]; part++) {
            most = count[part] > most ? count[part] : most;
            least = count[part] < least ? count[part] : least;
        }
        ck_assert_int_ge(least, prime[k] - 1);
        ck_assert_int_le(most, prime[k] + 1);
    }
    double sum = 0, squares = 0;
    for (int64_t trial = 1; trial <= 4000; trial++) {
        double u[6];
        dg_space_point(&six, DG_SPACE_RANDOM, 3, trial, u);
        sum += u[5];
        squares += u[5] * u[5];
    }
    /* mean 1/2 and mean square 1/3 of a uniform number, 5 standard errors */
    ck_assert_double_eq_tol(sum / 4000, 0.5, 5 * 0.2887 / sqrt(4000));
    ck_assert_double_eq_tol(squares / 4000, 1.0 / 3, 5 * 0.2981 / sqrt(4000));
}
END_TEST

START_TEST(any_text_is_read_or_refused)
{
    static const char *const seeds[] = {"choice(a, b)", "log(0.01, 10)", "double(16, 256)",
                                        "int(1, 9)"};
    for (uint64_t round = 0; round < 20000; round++) {
        char text[48], value[DG_SPACE_VALUE];
        dg_rng r = dg_rng_at(5, DG_RNG_TEST, round);
        dg_space s;
        dg_err err;
        snprintf(text, sizeof text, "%s", seeds[round % 4]);
        for (int k = 0; k < 3; k++)
            text[dg_rng_below(&r, (uint32_t)strlen(text))] = (char)(1 + dg_rng_below(&r, 126));
        const dg_status st = read_pair("model.x", text, &s, &err);
        ck_assert(st == DG_OK || st == DG_ERR_CONFIG);
        for (int k = 0; st == DG_OK && k < 8; k++)
            ck_assert_uint_gt(strlen(dg_space_value(&s.at[0], k / 8.0, value)), 0);
        dg_space_free(&s);
    }
}
END_TEST

UNIT_MAIN("space", values_are_what_the_range_says, what_is_no_range_is_told_with_its_key,
          a_key_may_belong_to_one_algorithm, a_point_depends_on_seed_and_number_alone,
          quasi_points_are_spread_evenly_and_random_ones_are_not, any_text_is_read_or_refused)
