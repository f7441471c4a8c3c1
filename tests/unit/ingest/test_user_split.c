#include "ingest/split.h"

#include "base/rng.h"
#include "ref_ingest.h"
#include "unit_main.h"

#include <string.h>

enum { MOST = 40 };

static dg_pick pick[2 * MOST];
static uint64_t draw[2 * MOST];
static const dg_split_scratch room = {pick, draw};

static int make_row(uint64_t round, dg_event *row, uint64_t *user)
{
    dg_rng r = dg_rng_at(11, DG_RNG_TEST, round);
    const int n = 1 + (int)dg_rng_below(&r, MOST - 1);
    *user = (uint64_t)dg_rng_u32(&r) << 32 | dg_rng_u32(&r);
    for (int k = 0; k < n; k++) {
        const uint64_t item = (uint64_t)dg_rng_u32(&r) << 32 | dg_rng_u32(&r);
        row[k] = (dg_event){.item = k * 3,
                            .order = dg_rng_u32(&r) % 1000000 * MOST + (uint32_t)k,
                            .time = (int64_t)dg_rng_below(&r, 12),
                            .key = dg_pair_key(*user, item)};
    }
    return n;
}

static void count_parts(const uint8_t *part, int n, int64_t count[DG_PARTS])
{
    for (int k = 0; k < n; k++) count[part[k]]++;
}

static dg_split_rule rule_for(dg_split_method method, uint64_t round)
{
    static const double shares[][2] = {{.2, 0}, {.2, .1}, {.5, .4}, {0, .3}, {.9, .05}};
    const double *share = shares[round % 5];
    return (dg_split_rule){.method = method,
                           .seed = round / 3,
                           .test = share[0],
                           .valid = share[1],
                           .n = 1 + (int64_t)(round % 3),
                           .time_test = 8,
                           .time_valid = round % 2 == 0 ? 8 : 5,
                           .holdout_test = INT64_MAX / 3,
                           .holdout_valid = INT64_MAX / 3 * 2,
                           .fold_in = share[0] + .05,
                           .k = 2 + (int64_t)(round % 4),
                           .fold = 1 + (int64_t)(round % 2)};
}

START_TEST(every_method_splits_as_the_reference_splits)
{
    for (uint64_t round = 0; round < 3000; round++) {
        const dg_split_rule rule = rule_for((dg_split_method)(round % 8), round / 8);
        dg_event row[MOST];
        uint8_t part[MOST], expected[MOST];
        uint64_t user;
        const int n = make_row(round, row, &user);
        dg_split_row(&rule, user, row, n, &room, part);
        ref_split(&rule, user, row, n, expected);
        ck_assert_mem_eq(part, expected, (size_t)n);
    }
}
END_TEST

/* 20,000 users, half a million ratings: a share is off by far less than half a percent. */
START_TEST(ratio_gives_the_shares_it_was_asked_for)
{
    const dg_split_rule rule = {.method = DG_SPLIT_RATIO, .seed = 3, .test = .2, .valid = .1};
    int64_t count[DG_PARTS] = {0};
    double total = 0;
    for (uint64_t round = 0; round < 20000; round++) {
        dg_event row[MOST];
        uint8_t part[MOST];
        uint64_t user;
        const int n = make_row(round, row, &user);
        if (n < 10) continue; /* the rating that must stay in train shifts short histories */
        dg_split_row(&rule, user, row, n, &room, part);
        count_parts(part, n, count);
        total += n;
    }
    ck_assert_double_eq_tol((double)count[DG_PART_TEST] / total, .2, .005);
    ck_assert_double_eq_tol((double)count[DG_PART_VALID] / total, .1, .005);
}
END_TEST

START_TEST(a_rating_keeps_its_part_when_the_input_order_changes)
{
    static const dg_split_method methods[] = {DG_SPLIT_RATIO, DG_SPLIT_USER_HOLDOUT,
                                              DG_SPLIT_KFOLD};
    for (uint64_t round = 0; round < 300; round++) {
        const dg_split_rule rule = rule_for(methods[round % 3], round);
        dg_event row[MOST], turned[MOST];
        uint8_t part[MOST], of_turned[MOST];
        uint64_t user;
        const int n = make_row(round, row, &user);
        for (int k = 0; k < n; k++) {
            turned[n - 1 - k] = row[k];
            turned[n - 1 - k].order = (uint32_t)(n - 1 - k);
        }
        dg_split_row(&rule, user, row, n, &room, part);
        dg_split_row(&rule, user, turned, n, &room, of_turned);
        for (int k = 0; k < n; k++) ck_assert_int_eq(part[k], of_turned[n - 1 - k]);
    }
}
END_TEST

START_TEST(the_folds_of_kfold_part_the_ratings)
{
    for (uint64_t round = 0; round < 200; round++) {
        dg_split_rule rule = {.method = DG_SPLIT_KFOLD, .seed = 5, .k = 5};
        dg_event row[MOST];
        int tested[MOST] = {0};
        uint64_t user;
        const int n = make_row(round, row, &user);
        for (rule.fold = 1; rule.fold <= rule.k; rule.fold++) {
            uint8_t part[MOST];
            dg_split_row(&rule, user, row, n, &room, part);
            for (int k = 0; k < n; k++) tested[k] += part[k] == DG_PART_TEST;
        }
        for (int k = 0; k < n; k++) ck_assert_int_eq(tested[k], 1);
    }
}
END_TEST

START_TEST(one_rating_alone_is_never_a_target_of_a_user_rule)
{
    static const dg_split_method methods[] = {DG_SPLIT_RATIO, DG_SPLIT_LEAVE_LAST,
                                              DG_SPLIT_HOLD_LAST, DG_SPLIT_USER_HOLDOUT};
    for (uint64_t round = 0; round < 800; round++) {
        const dg_split_rule rule = rule_for(methods[round % 4], round);
        dg_event row[MOST];
        uint8_t part;
        uint64_t user;
        make_row(round, row, &user);
        dg_split_row(&rule, user, row, 1, &room, &part);
        ck_assert(part == DG_PART_TRAIN || part == DG_PART_FOLD_IN);
    }
}
END_TEST

/* By hand: a half goes up, and of what is left one rating stays in train. */
START_TEST(hold_last_rounds_to_the_nearest_number)
{
    static const struct {
        double test, valid;
        int n, n_test, n_valid;
    } by_hand[] = {{.2, 0, 1, 0, 0},    {.2, 0, 2, 0, 0},    {.2, 0, 3, 1, 0},  {.2, 0, 7, 1, 0},
                   {.2, 0, 8, 2, 0},    {.2, 0, 10, 2, 0},   {.25, 0, 2, 1, 0}, {.25, 0, 10, 3, 0},
                   {.29, 0, 50, 15, 0}, /* 14.499999999999998 in doubles */
                   {.9, 0, 2, 1, 0},    {.99, 0, 40, 39, 0}, {0, .2, 10, 0, 2}, {.1, .1, 10, 1, 1},
                   {.1, .1, 5, 1, 0},   {.1, .1, 3, 0, 1},   {.5, .4, 2, 1, 0}, {.3, .3, 20, 6, 6}};
    for (size_t c = 0; c < sizeof by_hand / sizeof *by_hand; c++) {
        const dg_split_rule rule = {
            .method = DG_SPLIT_HOLD_LAST, .test = by_hand[c].test, .valid = by_hand[c].valid};
        const int n = by_hand[c].n, test = n - by_hand[c].n_test;
        dg_event row[MOST + 10];
        dg_pick picks[2 * (MOST + 10)];
        uint64_t draws[2 * (MOST + 10)];
        const dg_split_scratch scratch = {picks, draws};
        uint8_t part[MOST + 10];
        for (int k = 0; k < n; k++) /* newest first, two of each second */
            row[k] = (dg_event){.item = k, .order = (uint32_t)(n - k), .time = (n - k) / 2};
        dg_split_row(&rule, 77, row, n, &scratch, part);
        for (int k = 0; k < n; k++) {
            const int age = n - 1 - k;
            const int expected = age >= test                        ? DG_PART_TEST
                                 : age >= test - by_hand[c].n_valid ? DG_PART_VALID
                                                                    : DG_PART_TRAIN;
            ck_assert_int_eq(part[k], expected);
        }
    }
}
END_TEST

START_TEST(leave_last_serves_test_before_valid)
{
    const dg_split_rule rule = {.method = DG_SPLIT_LEAVE_LAST, .n = 2, .valid = 1e-9};
    static const uint8_t expected[] = {DG_PART_TRAIN, DG_PART_VALID, DG_PART_TEST, DG_PART_TEST};
    dg_event row[MOST];
    uint8_t part[MOST];
    for (int k = 0; k < 4; k++) row[k] = (dg_event){.item = k, .order = (uint32_t)k, .time = 7};
    dg_split_row(&rule, 1, row, 4, &room, part);
    ck_assert_mem_eq(part, expected, 4);
}
END_TEST

UNIT_MAIN("user split", every_method_splits_as_the_reference_splits,
          ratio_gives_the_shares_it_was_asked_for,
          a_rating_keeps_its_part_when_the_input_order_changes, the_folds_of_kfold_part_the_ratings,
          one_rating_alone_is_never_a_target_of_a_user_rule, leave_last_serves_test_before_valid,
          hold_last_rounds_to_the_nearest_number)
