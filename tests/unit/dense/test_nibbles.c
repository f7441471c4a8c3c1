/* Bounds of groups of small whole numbers: every instruction set against the plain formula. */
#include "base/memory.h"
#include "base/rng.h"
#include "dense/nibbles.h"
#include "unit_main.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_GROUPS = 9, MOST_COLS = 2048, MOST_RUNS = MOST_COLS / 8 };

static int8_t q[MOST_COLS];
static uint8_t high[MOST_GROUPS * MOST_RUNS * 64], low[MOST_GROUPS * MOST_RUNS * 64];
static float scale[MOST_GROUPS * 16], rest[MOST_GROUPS];
static uint16_t mark[MOST_GROUPS];

static int at(const uint8_t *table, int runs, int row, int column)
{
    const uint8_t *group = table + (int64_t)(row / 16) * runs * 64;
    const int byte = group[column / 8 * 64 + row % 16 * 4 + column % 4];
    return column % 8 < 4 ? byte & 15 : byte >> 4;
}

static double coarse(const dg_nibble_query *of, int row)
{
    double sum = 0;
    for (int c = 0; c < of->n_runs * 8; c++) sum += of->q[c] * 16 * at(high, of->n_runs, row, c);
    return (double)of->offset +
           (double)scale[row] * ((double)of->step * sum + (double)of->add_coarse +
                                 (double)of->norm * (double)rest[row / 16]);
}

static double fine(const dg_nibble_query *of, int row)
{
    double sum = 0;
    for (int c = 0; c < of->n_runs * 8; c++)
        sum += of->q[c] * (16 * at(high, of->n_runs, row, c) + at(low, of->n_runs, row, c));
    return (double)of->offset +
           (double)scale[row] * ((double)of->step * sum + (double)of->add_fine);
}

static void fill(dg_rng *rng, bool extreme)
{
    for (int c = 0; c < MOST_COLS; c++)
        q[c] = (int8_t)(extreme ? dg_rng_below(rng, 2) * 254 - 127 : dg_rng_below(rng, 255) - 127);
    for (size_t k = 0; k < sizeof high; k++) {
        high[k] = extreme ? 255 : (uint8_t)dg_rng_below(rng, 256);
        low[k] = extreme ? 255 : (uint8_t)dg_rng_below(rng, 256);
    }
    for (int k = 0; k < MOST_GROUPS * 16; k++) scale[k] = (float)(1 + dg_rng_below(rng, 9)) / 64;
    for (int k = 0; k < MOST_GROUPS; k++) rest[k] = (float)dg_rng_below(rng, 64) / 4;
    if (extreme) memset(q, 127, MOST_COLS / 2); /* sums as large as they get */
}

/* Sums are whole numbers; what floats round on the way to a bound is a few units. */
static void check(const dg_nibble_query *of, double bound, float threshold, bool marked, int row)
{
    const double size = 127.0 * 255 * of->n_runs * 8 * (double)(of->step * scale[row]);
    if (fabs(bound - (double)threshold) > 1e-6 * size + 1e-4)
        ck_assert_msg(marked == (bound >= (double)threshold), "row %d: %g against %g", row, bound,
                      (double)threshold);
}

START_TEST(marks_are_those_of_the_formula)
{
    static const int runs[] = {1, 3, 4, 5, 8, 33, MOST_RUNS};
    static const int groups[] = {1, 3, 4, 9};
    for (const dg_nibble_kernels *const *v = dg_nibble_variants(); *v != NULL; v++)
        for (size_t r = 0; r < sizeof runs / sizeof *runs; r++)
            for (size_t n = 0; n < sizeof groups / sizeof *groups; n++) {
                dg_rng rng = dg_rng_at(3, DG_RNG_TEST, r * 10 + n);
                fill(&rng, n % 3 == 2);
                const dg_nibble_query of = {q, runs[r], 0.125f, 3, 2, -5, 0.5f};
                const float threshold = (float)coarse(&of, 3);
                (*v)->mark(&of, groups[n], high, scale, rest, threshold, mark);
                for (int row = 0; row < groups[n] * 16; row++)
                    check(&of, coarse(&of, row), threshold, mark[row / 16] >> row % 16 & 1, row);
                for (int g = 0; g < groups[n]; g++) {
                    const int64_t bytes = (int64_t)g * runs[r] * 64;
                    const float limit = (float)fine(&of, g * 16 + 5);
                    const unsigned bits =
                        (*v)->mark_fine(&of, high + bytes, low + bytes, scale + g * 16, limit);
                    for (int l = 0; l < 16; l++)
                        check(&of, fine(&of, g * 16 + l), limit, bits >> l & 1, g * 16 + l);
                }
            }
}
END_TEST

START_TEST(every_row_is_marked_below_no_threshold_and_none_above_all)
{
    for (const dg_nibble_kernels *const *v = dg_nibble_variants(); *v != NULL; v++) {
        dg_rng rng = dg_rng_at(4, DG_RNG_TEST, 0);
        fill(&rng, false);
        const dg_nibble_query of = {q, 8, 0.5f, 1, 1, 1, 0};
        (*v)->mark(&of, 7, high, scale, rest, -INFINITY, mark);
        for (int g = 0; g < 7; g++) ck_assert_uint_eq(mark[g], 0xffff);
        (*v)->mark(&of, 7, high, scale, rest, INFINITY, mark);
        for (int g = 0; g < 7; g++) ck_assert_uint_eq(mark[g], 0);
    }
}
END_TEST

START_TEST(the_instruction_set_can_be_asked_for)
{
    setenv("DAOGOU_KERNELS", "portable", 1);
    ck_assert_str_eq(dg_nibbles()->name, "portable");
    setenv("DAOGOU_KERNELS", "none such", 1);
    ck_assert_ptr_eq(dg_nibbles(), dg_nibble_variants()[0]);
    unsetenv("DAOGOU_KERNELS");
}
END_TEST

UNIT_MAIN("nibbles", marks_are_those_of_the_formula,
          every_row_is_marked_below_no_threshold_and_none_above_all,
          the_instruction_set_can_be_asked_for)
