#include "ranking/popularity.h"

#include "base/memory.h"
#include "unit_main.h"

#include <math.h>
#include <string.h>

static dg_err err;

/* Items 0 … 7 with these counts, of 10 users; 20 ratings. In order: 0 (8), 1 and 6 (4 each, by
 * row), 2 (2), 3 and 4 (1 each), 5 and 7 cold. Before them stand 0, 8, 12, 16, 18, 19 ratings: the
 * head is what begins below 4, the tail what begins at 16 or later. */
static dg_popularity made(void)
{
    static const int64_t count[] = {8, 4, 2, 1, 1, 0, 4, 0};
    dg_popularity p;
    ck_assert(dg_popularity_create(8, &p, &err) == DG_OK);
    memcpy(p.count, count, sizeof count);
    p.n_users = 10;
    ck_assert(dg_popularity_sort(&p, &err) == DG_OK);
    return p;
}

START_TEST(items_are_grouped_by_the_fifths_of_ratings)
{
    static const int32_t order[] = {0, 1, 6, 2, 3, 4, 5, 7};
    static const uint8_t group[] = {DG_ITEM_HEAD, DG_ITEM_MIDDLE, DG_ITEM_TAIL,   DG_ITEM_TAIL,
                                    DG_ITEM_TAIL, DG_ITEM_COLD,   DG_ITEM_MIDDLE, DG_ITEM_COLD};
    dg_popularity p = made();
    ck_assert_int_eq(memcmp(p.order, order, sizeof order), 0);
    ck_assert_int_eq(memcmp(p.group, group, sizeof group), 0);
    for (int k = 0; k < 8; k++) ck_assert_int_eq(p.order[p.place[k]], k);
    ck_assert(p.n_ratings == 20 && p.items[DG_ITEM_HEAD] == 1 && p.items[DG_ITEM_MIDDLE] == 2 &&
              p.items[DG_ITEM_TAIL] == 3 && p.items[DG_ITEM_COLD] == 2);
    ck_assert_str_eq(dg_popularity_group_name(DG_ITEM_MIDDLE), "middle");
    dg_popularity_free(&p);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* numpy: -log2(max(count, 1) / 10) is .32192809 of 8, 1.32192809 of 4, 2.32192809 of 2, 3.32192809
 * of 1 and of 0. The list 0 2 5: arp (8 + 2 + 0) / 3, two of three in the tail. */
START_TEST(what_a_list_owes_to_popularity)
{
    dg_popularity p = made();
    dg_list_popularity sum = {0};
    for (int k = 0; k < 3; k++) dg_list_popularity_add(&p, (int[]){0, 2, 5}[k], &sum);
    const dg_list_popularity x = dg_list_popularity_mean(sum);
    ck_assert(x.n == 3 && x.tail == 2);
    ck_assert_double_eq_tol(x.arp, 10.0 / 3, 1e-12);
    ck_assert_double_eq_tol(x.aplt, 2.0 / 3, 1e-12);
    ck_assert_double_eq_tol(x.novelty, (0.32192809 + 2.32192809 + 3.32192809) / 3, 1e-7);
    const dg_list_popularity none = dg_list_popularity_mean((dg_list_popularity){0});
    ck_assert(none.arp == 0 && none.novelty == 0);
    dg_popularity_free(&p);
}
END_TEST

/* Without items 0 and 6, the most popular are 1, then 2, 3, 4: they end at places 2, 4, 6. */
START_TEST(the_most_popular_that_a_user_has_not)
{
    static const int32_t skip[] = {0, 6};
    const int k[] = {1, 2, 4, 50};
    int64_t end[4];
    dg_popularity p = made();
    dg_popularity_ends(&p, skip, 2, k, 4, end);
    ck_assert(end[0] == 2 && end[1] == 4 && end[2] == 6 && end[3] == 8);
    dg_popularity_ends(&p, NULL, 0, k, 1, end);
    ck_assert(end[0] == 1);
    dg_popularity_free(&p);
}
END_TEST

/* Exposure 12 0 3 20 5 0. numpy: sum((2 k - n - 1) e_(k)) / (n sum e) = .575, the same as the mean
 * difference of all pairs over twice the mean; entropy 1.16196566169617. */
START_TEST(gini_and_entropy_of_a_worked_example)
{
    int64_t e[] = {12, 0, 3, 20, 5, 0};
    ck_assert_double_eq_tol(dg_entropy(e, 6), 1.16196566169617, 1e-12);
    ck_assert_double_eq_tol(dg_gini(e, 6), 0.575, 1e-12);
    int64_t alike[] = {7, 7, 7, 7}, one[] = {0, 9, 0, 0}, none[] = {0, 0};
    ck_assert_double_eq_tol(dg_gini(alike, 4), 0, 1e-15);
    ck_assert_double_eq_tol(dg_entropy(alike, 4), log(4), 1e-12);
    ck_assert_double_eq_tol(dg_gini(one, 4), 0.75, 1e-15); /* 1 - 1 / n */
    ck_assert_double_eq(dg_entropy(one, 4), 0);
    ck_assert_double_eq(dg_gini(none, 2), 0);
    ck_assert_double_eq(dg_entropy(none, 2), 0);
}
END_TEST

/* numpy: std / mean of .2 .1 .03 is .6341954404986772. */
START_TEST(spread_is_of_the_whole_not_a_sample)
{
    const double x[] = {0.2, 0.1, 0.03}, zero[] = {0, 0};
    ck_assert_double_eq_tol(dg_relative_spread(x, 3), 0.6341954404986772, 1e-12);
    ck_assert_double_eq(dg_relative_spread(zero, 2), 0);
    ck_assert_double_eq(dg_relative_spread(NULL, 0), 0);
}
END_TEST

UNIT_MAIN("popularity", items_are_grouped_by_the_fifths_of_ratings, what_a_list_owes_to_popularity,
          the_most_popular_that_a_user_has_not, gini_and_entropy_of_a_worked_example,
          spread_is_of_the_whole_not_a_sample)
