#include "ingest/rounds.h"

#include "unit_main.h"

static int64_t begin[4097];

static dg_shards shards_of(int n, int64_t rows)
{
    for (int s = 0; s <= n; s++) begin[s] = rows * s * s / ((int64_t)n * n); /* of unequal length */
    return (dg_shards){.n = n, .begin = begin};
}

START_TEST(every_row_comes_once_in_ascending_order_at_its_owner)
{
    static const int counts[] = {64, 128, 4096};
    static const int64_t rows[] = {0, 1, 50, 3001};
    for (int s = 0; s < 12; s++)
        for (int size = 1; size <= 70; size += s % 3 == 0 ? 1 : 7) {
            const dg_shards shards = shards_of(counts[s % 3], rows[s / 3]);
            const dg_rounds rounds = dg_rounds_plan(&shards, size, 100000, 1700, 40);
            int64_t next = 0;
            for (int rank = 0; rank < size; rank++)
                for (int k = 0; k < rounds.n; k++) {
                    const dg_range own = dg_rounds_rows(&rounds, k, rank);
                    ck_assert_int_eq(own.begin, next);
                    for (next = own.begin; next < own.end; next++) {
                        const int shard = dg_shards_find(&shards, next);
                        ck_assert_int_eq(dg_shards_owner(shards.n, shard, size), rank);
                        ck_assert_int_eq(dg_rounds_find(&rounds, rank, next), k);
                    }
                }
            ck_assert_int_eq(next, rows[s / 3]);
        }
}
END_TEST

START_TEST(little_data_takes_one_round_and_much_all_of_them)
{
    const dg_shards shards = shards_of(64, 1000);
    ck_assert_int_eq(dg_rounds_plan(&shards, 2, 100000, 1 << 18, 32).n, 1);
    ck_assert_int_eq(dg_rounds_plan(&shards, 2, 1 << 20, 1 << 18, 32).n, 5);
    ck_assert_int_eq(dg_rounds_plan(&shards, 2, INT64_MAX, 1 << 18, 32).n, 32);
}
END_TEST

UNIT_MAIN("rounds", every_row_comes_once_in_ascending_order_at_its_owner,
          little_data_takes_one_round_and_much_all_of_them)
