#include "ingest/rounds.h"

#include "unit_main.h"

START_TEST(every_shard_comes_once_in_ascending_order_at_its_owner)
{
    static const int shards[] = {64, 128, 4096};
    for (int s = 0; s < 3; s++)
        for (int size = 1; size <= 70; size++) {
            const dg_shards cut = {.n = shards[s]};
            const dg_rounds rounds = dg_rounds_plan(&cut, size, 1000 * size, 1700);
            int next = 0;
            ck_assert(rounds.n >= 1 && rounds.n <= DG_ROUNDS);
            for (int rank = 0; rank < size; rank++)
                for (int k = 0; k < rounds.n; k++) {
                    const dg_run run = dg_rounds_run(&rounds, k, rank);
                    ck_assert_int_eq(run.begin, next);
                    for (next = run.begin; next < run.end; next++)
                        ck_assert_int_eq(dg_shards_owner(shards[s], next, size), rank);
                }
            ck_assert_int_eq(next, shards[s]);
        }
}
END_TEST

START_TEST(little_data_takes_one_round_and_much_all_of_them)
{
    const dg_shards shards = {.n = 64};
    ck_assert_int_eq(dg_rounds_plan(&shards, 2, 100000, 0).n, 1);
    ck_assert_int_eq(dg_rounds_plan(&shards, 2, 1 << 20, 0).n, 5);
    ck_assert_int_eq(dg_rounds_plan(&shards, 2, INT64_MAX, 0).n, 32);
    ck_assert_int_eq(dg_rounds_plan(&shards, 5, INT64_MAX, 0).n, 13); /* its longest run */
    ck_assert_int_eq(dg_rounds_plan(&shards, 100, INT64_MAX, 0).n, 1);
}
END_TEST

START_TEST(rounds_are_about_equal)
{
    const dg_shards shards = {.n = 4096};
    const dg_rounds rounds = dg_rounds_plan(&shards, 3, INT64_MAX, 0);
    for (int k = 0; k < rounds.n; k++) {
        const dg_run run = dg_rounds_run(&rounds, k, 1);
        ck_assert_int_ge(run.end - run.begin, 4096 / 3 / DG_ROUNDS);
        ck_assert_int_le(run.end - run.begin, 4096 / 3 / DG_ROUNDS + 1);
    }
}
END_TEST

UNIT_MAIN("rounds", every_shard_comes_once_in_ascending_order_at_its_owner,
          little_data_takes_one_round_and_much_all_of_them, rounds_are_about_equal)
