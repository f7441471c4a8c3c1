#include "ingest/picks.h"

#include "base/rng.h"
#include "unit_main.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 6000 };

static dg_pick pick[MOST], spare[MOST], expected[MOST];

static int compare(const void *a, const void *b)
{
    const dg_pick *x = a, *y = b;
    if (x->major != y->major) return x->major < y->major ? -1 : 1;
    return (x->minor > y->minor) - (x->minor < y->minor);
}

static uint64_t wide(dg_rng *r) { return (uint64_t)dg_rng_u32(r) << 32 | dg_rng_u32(r); }

/* Keys spread evenly, in a few heaps, all equal but one far away, doubling, or sorted already. */
static uint64_t draw_major(int shape, dg_rng *r, int64_t k)
{
    switch (shape) {
    case 0: return wide(r);
    case 1: return dg_rng_below(r, 7);
    case 2: return k == 3 ? UINT64_MAX : 5;
    case 3: return 1ULL << dg_rng_below(r, 64);
    case 4: return (uint64_t)k;
    default: return wide(r) >> dg_rng_below(r, 64);
    }
}

START_TEST(any_keys_come_out_in_the_order_of_qsort)
{
    for (uint64_t round = 0; round < 600; round++) {
        dg_rng r = dg_rng_at(3, DG_RNG_TEST, round);
        const int64_t n = dg_rng_below(&r, round % 20 == 0 ? MOST : 120);
        for (int64_t k = 0; k < n; k++)
            pick[k] = (dg_pick){draw_major((int)(round % 6), &r, k),
                                dg_rng_u32(&r) % 1000 * MOST + (uint32_t)k, (int32_t)k};
        memcpy(expected, pick, sizeof pick);
        qsort(expected, (size_t)n, sizeof *expected, compare);
        dg_picks_sort(pick, spare, n);
        ck_assert_mem_eq(pick, expected, (size_t)n * sizeof *pick);
    }
}
END_TEST

UNIT_MAIN("picks", any_keys_come_out_in_the_order_of_qsort)
