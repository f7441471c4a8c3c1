#include "comm/shards.h"

#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <stdbool.h>

static dg_err err;

START_TEST(count_follows_the_data_only)
{
    ck_assert_int_eq(dg_shards_count(0), 64);
    ck_assert_int_eq(dg_shards_count(100000), 64);
    ck_assert_int_eq(dg_shards_count((int64_t)64 << 20), 64);
    ck_assert_int_eq(dg_shards_count((int64_t)65 << 20), 128);
    ck_assert_int_eq(dg_shards_count((int64_t)129 << 20), 256);
    ck_assert_int_eq(dg_shards_count((int64_t)1000 << 20), 1024);
    ck_assert_int_eq(dg_shards_count(INT64_MAX), 4096);
}
END_TEST

START_TEST(runs_cover_all_shards_once_and_owner_is_their_inverse)
{
    for (int n = DG_SHARDS_MIN; n <= DG_SHARDS_MAX; n *= 2) {
        for (int size = 1; size <= 130; size++) {
            int next = 0;
            bool right = true;
            for (int rank = 0; rank < size; rank++) {
                const dg_run run = dg_shards_run(n, rank, size);
                right &= run.begin == next && run.end - run.begin <= n / size + 1;
                for (int s = run.begin; s < run.end; s++)
                    right &= dg_shards_owner(n, s, size) == rank;
                next = run.end;
            }
            ck_assert_msg(right && next == n, "%d shards on %d ranks", n, size);
        }
    }
}
END_TEST

static int64_t work_of(const int64_t *work, int64_t begin, int64_t end)
{
    int64_t sum = 0;
    for (int64_t r = begin; r < end; r++) sum += work[r];
    return sum;
}

/* A cut falls between two rows, so the work before it misses its mark by less than one row. */
static void assert_balanced(const dg_shards *s, const int64_t *work, int64_t n_rows)
{
    int64_t largest = 0;
    const int64_t total = work_of(work, 0, n_rows);
    for (int64_t r = 0; r < n_rows; r++) largest = work[r] > largest ? work[r] : largest;
    ck_assert_int_eq(s->begin[0], 0);
    ck_assert_int_eq(s->begin[s->n], n_rows);
    for (int k = 0; k < s->n; k++) {
        ck_assert_int_le(s->begin[k], s->begin[k + 1]);
        const double mark = (double)total * k / s->n;
        const double before = (double)work_of(work, 0, s->begin[k]);
        ck_assert(before > mark - 1 && before <= mark + (double)largest);
    }
}

START_TEST(cuts_balance_the_work)
{
    int64_t work[3000];
    dg_rng r = dg_rng_at(41, DG_RNG_TEST, 0);
    for (int round = 0; round < 40; round++) {
        dg_shards s;
        const int64_t n_rows = round == 0 ? 0 : dg_rng_below(&r, 3001);
        for (int64_t k = 0; k < n_rows; k++)
            work[k] = 1 + (int64_t)(1000 / (1 + dg_rng_below(&r, 500)));
        ck_assert(dg_shards_create(64, &s, &err) == DG_OK);
        dg_shards_cut(&s, work, n_rows);
        assert_balanced(&s, work, n_rows);
        dg_shards_destroy(&s);
    }
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

/* One row with nearly all the work leaves empty shards behind it; no row is lost or found twice. */
START_TEST(every_row_is_found_in_its_shard)
{
    int64_t work[200];
    dg_shards s;
    for (int k = 0; k < 200; k++) work[k] = k == 50 ? 1000000 : 1;
    ck_assert(dg_shards_create(64, &s, &err) == DG_OK);
    dg_shards_cut(&s, work, 200);
    assert_balanced(&s, work, 200);
    for (int64_t row = 0; row < 200; row++) {
        const int shard = dg_shards_find(&s, row);
        ck_assert(s.begin[shard] <= row && row < s.begin[shard + 1]);
    }
    for (int size = 1; size < 70; size++) {
        int64_t next = 0;
        for (int rank = 0; rank < size; rank++) {
            const dg_range rows = dg_shards_rows(&s, rank, size);
            ck_assert_int_eq(rows.begin, next);
            next = rows.end;
        }
        ck_assert_int_eq(next, 200);
    }
    dg_shards_destroy(&s);
    dg_shards_destroy(&s);
}
END_TEST

START_TEST(work_near_the_limit_of_integers_does_not_overflow)
{
    const int64_t work[] = {INT64_MAX / 4, INT64_MAX / 4, INT64_MAX / 4, INT64_MAX / 4};
    dg_shards s;
    ck_assert(dg_shards_create(64, &s, &err) == DG_OK);
    dg_shards_cut(&s, work, 4);
    for (int k = 0; k <= 64; k++) ck_assert_int_eq(s.begin[k], (k + 15) / 16);
    dg_shards_destroy(&s);
}
END_TEST

UNIT_MAIN("shards", count_follows_the_data_only,
          runs_cover_all_shards_once_and_owner_is_their_inverse, cuts_balance_the_work,
          every_row_is_found_in_its_shard, work_near_the_limit_of_integers_does_not_overflow)
