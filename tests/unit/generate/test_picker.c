#include "generate/shop.h"

#include "unit_main.h"

#include <math.h>

enum { ITEMS = 6, ROUNDS = 60000 };

static dg_err err;
static dg_generate_options options;
static dg_shop shop;
static dg_picker picker;
static float taste[2];

static void open_shop(int64_t items, double choosiness)
{
    ck_assert_int_eq(dg_generate_preset("shop-small", &options, &err), DG_OK);
    options.items = items;
    options.n_factors = 2;
    options.item_shift = 0;
    options.choosiness = choosiness;
    options.threshold = 1;
    ck_assert_int_eq(dg_shop_create(&options, &shop, &err), DG_OK);
    ck_assert_int_eq(dg_picker_create(&shop, items, &picker, &err), DG_OK);
    dg_shop_shopper(&shop, 0, taste);
}

static void close_shop(void)
{
    dg_picker_free(&picker);
    dg_picker_free(&picker);
    dg_shop_free(&shop);
    dg_shop_free(&shop);
}

/* The weight of an item for this shopper, from its definition in shop.h. */
static double weight_of(int64_t item)
{
    double z = 0;
    for (int f = 0; f < 2; f++) z += (double)(taste[f] * shop.taste[2 * item + f]);
    return shop.weight[item] / (1 + exp(-options.choosiness * (z - options.threshold)));
}

/* Chance that `item` is the first or second of draws without repeats. */
static double chance_in_two(int item)
{
    double total = 0, chance = 0;
    for (int k = 0; k < ITEMS; k++) total += weight_of(k);
    for (int k = 0; k < ITEMS; k++) {
        const double first = weight_of(k) / total;
        chance += k == item ? first : first * weight_of(item) / (total - weight_of(k));
    }
    return chance;
}

static void ck_assert_pairs_follow_the_weights(double choosiness)
{
    int count[ITEMS] = {0};
    open_shop(ITEMS, choosiness);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        dg_rng r = dg_rng_at(7, DG_RNG_TEST, round);
        dg_picker_reset(&picker);
        dg_picker_draw(&picker, taste, &r, 2);
        for (int k = 0; k < 2; k++) count[picker.picked[k].item]++;
    }
    for (int k = 0; k < ITEMS; k++) { /* five standard deviations */
        const double p = chance_in_two(k);
        ck_assert_double_eq_tol(count[k], p * ROUNDS, 5 * sqrt(ROUNDS * p * (1 - p)) + 1);
    }
    close_shop();
}

START_TEST(an_open_mind_takes_pairs_by_weight) { ck_assert_pairs_follow_the_weights(0.5); }
END_TEST

/* So choosy that proposals run out and the race decides most pairs. */
START_TEST(the_race_has_the_same_distribution) { ck_assert_pairs_follow_the_weights(6); }
END_TEST

START_TEST(nothing_is_taken_twice_even_when_everything_is)
{
    bool seen[ITEMS] = {0};
    open_shop(ITEMS, 20);
    dg_rng r = dg_rng_at(7, DG_RNG_TEST, 0);
    for (int k = 0; k < ITEMS; k++) dg_picker_draw(&picker, taste, &r, 1);
    ck_assert_int_eq(picker.n, ITEMS);
    for (int k = 0; k < ITEMS; k++) {
        ck_assert(!seen[picker.picked[k].item]);
        seen[picker.picked[k].item] = true;
    }
    close_shop();
}
END_TEST

START_TEST(a_reset_forgets_the_last_shopper)
{
    dg_picked first[100];
    open_shop(200, 2);
    for (int round = 0; round < 2; round++) {
        dg_rng r = dg_rng_at(7, DG_RNG_TEST, 3);
        dg_picker_reset(&picker);
        dg_picker_draw(&picker, taste, &r, 100);
        for (int k = 0; k < 100; k++) {
            if (round == 0) first[k] = picker.picked[k];
            ck_assert_int_eq(picker.picked[k].item, first[k].item);
        }
        ck_assert_int_eq(picker.n, 100);
    }
    close_shop();
}
END_TEST

START_TEST(picks_carry_their_affinity)
{
    open_shop(200, 2);
    dg_rng r = dg_rng_at(7, DG_RNG_TEST, 3);
    dg_picker_draw(&picker, taste, &r, 50);
    for (int k = 0; k < 50; k++)
        ck_assert_float_eq(picker.picked[k].z,
                           dg_shop_affinity(&shop, taste, picker.picked[k].item));
    close_shop();
}
END_TEST

UNIT_MAIN("picker", an_open_mind_takes_pairs_by_weight, the_race_has_the_same_distribution,
          nothing_is_taken_twice_even_when_everything_is, a_reset_forgets_the_last_shopper,
          picks_carry_their_affinity)
