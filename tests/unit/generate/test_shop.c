#include "generate/shop.h"

#include "base/fault.h"
#include "base/memory.h"
#include "unit_main.h"

#include <math.h>
#include <stdio.h>

enum { FACTORS = 5, USERS = 4000, ITEMS = 2000 };

static dg_err err;
static dg_generate_options options;
static dg_shop shop;

static void open_shop(void)
{
    ck_assert_int_eq(dg_generate_preset("shop-small", &options, &err), DG_OK);
    options.users = USERS;
    options.items = ITEMS;
    options.n_factors = FACTORS;
    ck_assert_int_eq(dg_shop_create(&options, &shop, &err), DG_OK);
}

START_TEST(affinity_has_mean_zero_and_variance_one)
{
    double sum = 0, squares = 0, n = 0;
    open_shop();
    for (int64_t user = 0; user < USERS; user++) {
        float taste[FACTORS];
        dg_shop_shopper(&shop, user, taste);
        for (int64_t item = user % 7; item < ITEMS; item += 7) {
            const double z = (double)dg_shop_affinity(&shop, taste, item);
            sum += z;
            squares += z * z;
            n++;
        }
    }
    /* Group vectors are few and shared, so the moments of one shop wander by some percent. */
    ck_assert_double_eq_tol(sum / n, 0, 0.1);
    ck_assert_double_eq_tol(squares / n, 1, 0.25);
    dg_shop_free(&shop);
}
END_TEST

START_TEST(biases_have_the_spread_asked_for)
{
    double squares = 0;
    open_shop();
    for (int64_t item = 0; item < ITEMS; item++)
        squares += (double)(shop.bias[item] * shop.bias[item]);
    /* standard error of a standard deviation from 2000 normals: 1.6 percent */
    ck_assert_double_eq_tol(sqrt(squares / ITEMS), options.item_spread, 0.08 * options.item_spread);
    dg_shop_free(&shop);
}
END_TEST

START_TEST(goods_of_a_kind_are_more_alike_than_others)
{
    double alike = 0, n_alike = 0, other = 0, n_other = 0;
    open_shop();
    for (int64_t a = 0; a < 400; a++)
        for (int64_t b = 0; b < a; b++) {
            const double product =
                (double)dg_shop_affinity(&shop, shop.taste + a * FACTORS, b) / FACTORS;
            const bool same = dg_shop_good(&shop, a).category == dg_shop_good(&shop, b).category;
            *(same ? &alike : &other) += product;
            *(same ? &n_alike : &n_other) += 1;
        }
    /* expected difference: attribute_share / 2 = 0.2 */
    ck_assert_double_gt(alike / n_alike - other / n_other, 0.05);
    dg_shop_free(&shop);
}
END_TEST

START_TEST(a_shopper_depends_on_seed_and_row_alone)
{
    float before[FACTORS], again[FACTORS], seeded[FACTORS];
    open_shop();
    const dg_shopper u = dg_shop_shopper(&shop, 17, before);
    const double activity = dg_shop_activity(&shop, 17);
    dg_shop_free(&shop);
    options.users = 20;
    ck_assert_int_eq(dg_shop_create(&options, &shop, &err), DG_OK);
    const dg_shopper v = dg_shop_shopper(&shop, 17, again);
    ck_assert_int_eq(u.age, v.age);
    ck_assert_int_eq(u.city, v.city);
    ck_assert_mem_eq(before, again, sizeof before);
    ck_assert_double_eq(activity, dg_shop_activity(&shop, 17));
    dg_shop_free(&shop);
    options.seed++;
    ck_assert_int_eq(dg_shop_create(&options, &shop, &err), DG_OK);
    dg_shop_shopper(&shop, 17, seeded);
    ck_assert_mem_ne(before, seeded, sizeof before);
    dg_shop_free(&shop);
}
END_TEST

START_TEST(weights_fall_as_the_exponent_says_in_no_order_of_ids)
{
    double least = 1;
    int64_t first = -1, ascents = 0;
    open_shop();
    for (int64_t k = 0; k < ITEMS; k++) {
        if (shop.weight[k] >= 1) first = k;
        if (shop.weight[k] < least) least = shop.weight[k];
        if (k > 0 && shop.weight[k] > shop.weight[k - 1]) ascents++;
    }
    ck_assert_int_gt(first, 0);
    /* (items + shift)^-1 over (1 + shift)^-1 */
    ck_assert_double_eq_tol(least, 11.0 / (ITEMS + 10.0), 1e-12);
    ck_assert_int_gt(ascents, ITEMS / 3);
    dg_shop_free(&shop);
}
END_TEST

START_TEST(every_failed_allocation_is_reported_and_leaves_nothing)
{
    const size_t before = dg_alloc_live();
    ck_assert_int_eq(dg_generate_preset("shop-small", &options, &err), DG_OK);
    dg_status st = DG_ERR_NOMEM;
    int nth = 1;
    for (; st == DG_ERR_NOMEM; nth++) {
        char spec[32];
        snprintf(spec, sizeof spec, "alloc:0:%d", nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_shop_create(&options, &shop, &err);
        if (st != DG_OK) ck_assert_uint_eq(dg_alloc_live(), before);
    }
    ck_assert_int_eq(st, DG_OK);
    ck_assert_int_gt(nth, 8);
    dg_shop_free(&shop);
    ck_assert_uint_eq(dg_alloc_live(), before);
}
END_TEST

UNIT_MAIN("shop", affinity_has_mean_zero_and_variance_one, biases_have_the_spread_asked_for,
          goods_of_a_kind_are_more_alike_than_others, a_shopper_depends_on_seed_and_row_alone,
          weights_fall_as_the_exponent_says_in_no_order_of_ids,
          every_failed_allocation_is_reported_and_leaves_nothing)
