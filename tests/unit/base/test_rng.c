#include "base/rng.h"

#include "unit_main.h"

#include <math.h>

/* The three philox4x32 10 lines of tests/kat_vectors of Random123 1.14. A block is read from its
 * last word to its first. */
START_TEST(blocks_are_philox4x32_10)
{
    const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int v = 0; v < 3; v++) {
        dg_rng r = {.seed = known[v].key[0] | (uint64_t)known[v].key[1] << 32,
                    .row = known[v].counter[2] | (uint64_t)known[v].counter[3] << 32,
                    .block = known[v].counter[0],
                    .purpose = known[v].counter[1]};
        for (int w = 3; w >= 0; w--) ck_assert_uint_eq(dg_rng_u32(&r), known[v].out[w]);
    }
}
END_TEST

START_TEST(a_stream_is_a_function_of_seed_purpose_and_row)
{
    dg_rng a = dg_rng_at(7, DG_RNG_TEST, 1234567890123), b = a;
    for (int k = 0; k < 100; k++) ck_assert_uint_eq(dg_rng_u32(&a), dg_rng_u32(&b));
    dg_rng again = dg_rng_at(7, DG_RNG_TEST, 1234567890123);
    ck_assert_uint_ne(dg_rng_u32(&a), dg_rng_u32(&again));
}
END_TEST

/* Streams that differ in one bit of one part: about half of all bits differ. 3200 bits, fair:
 * standard deviation 28, so 1600 +- 200 is seven of them. */
START_TEST(neighbouring_streams_are_independent)
{
    for (int bit = 0; bit < 64; bit++) {
        const uint64_t one = (uint64_t)1 << bit;
        const dg_rng other[] = {
            dg_rng_at(5 ^ one, DG_RNG_TEST, 9), dg_rng_at(5, DG_RNG_TEST, 9 ^ one),
            dg_rng_at(5, (dg_rng_purpose)(DG_RNG_TEST ^ (int)(1u << bit % 10)), 9)};
        for (int o = 0; o < 3; o++) {
            dg_rng a = dg_rng_at(5, DG_RNG_TEST, 9), b = other[o];
            int differ = 0;
            for (int k = 0; k < 100; k++)
                differ += __builtin_popcount(dg_rng_u32(&a) ^ dg_rng_u32(&b));
            ck_assert_int_ge(differ, 1400);
            ck_assert_int_le(differ, 1800);
        }
    }
}
END_TEST

/* Means of n = 200,000 draws lie within 5 standard errors of their expectation. */
static void assert_mean(double sum, double n, double expect, double deviation)
{
    ck_assert_double_eq_tol(sum / n, expect, 5 * deviation / sqrt(n));
}

START_TEST(uniform_numbers_have_the_right_moments)
{
    dg_rng r = dg_rng_at(11, DG_RNG_TEST, 0);
    const double n = 200000;
    double sum = 0, square = 0, product = 0, previous = 0.5;
    for (int k = 0; k < (int)n; k++) {
        const double u = dg_rng_uniform(&r);
        if (!(u >= 0 && u < 1)) ck_abort_msg("%.17g", u); /* ck_assert is slow, 200,000 times */
        sum += u;
        square += u * u;
        product += u * previous;
        previous = u;
    }
    assert_mean(sum, n, 1.0 / 2, sqrt(1.0 / 12));
    assert_mean(square, n, 1.0 / 3, sqrt(1.0 / 5 - 1.0 / 9));
    assert_mean(product, n, 1.0 / 4, sqrt(1.0 / 9 - 1.0 / 16 + 1.0 / 24)); /* serial correlation */
}
END_TEST

START_TEST(normal_numbers_have_the_right_moments)
{
    dg_rng r = dg_rng_at(12, DG_RNG_TEST, 0);
    const double n = 200000;
    double sum[5] = {0};
    for (int k = 0; k < (int)n; k++) {
        const double x = dg_rng_normal(&r);
        if (!isfinite(x)) ck_abort_msg("%g", x);
        for (int p = 1; p <= 4; p++) sum[p] += pow(x, p);
    }
    assert_mean(sum[1], n, 0, 1);
    assert_mean(sum[2], n, 1, sqrt(2));
    assert_mean(sum[3], n, 0, sqrt(15));
    assert_mean(sum[4], n, 3, sqrt(96));
}
END_TEST

START_TEST(integers_fill_their_range_evenly)
{
    dg_rng r = dg_rng_at(13, DG_RNG_TEST, 0);
    int count[7] = {0};
    for (int k = 0; k < 70000; k++) count[dg_rng_below(&r, 7)]++;
    /* binomial(70000, 1/7): deviation 93 */
    for (int v = 0; v < 7; v++) ck_assert_int_lt(abs(count[v] - 10000), 465);
    for (int k = 0; k < 100; k++) ck_assert_uint_eq(dg_rng_below(&r, 1), 0);
}
END_TEST

START_TEST(first_bits_of_many_rows_are_those_of_each)
{
    enum { N = 37 }; /* not a multiple of any vector */
    uint64_t row[N], out[N];
    for (uint64_t k = 0; k < N; k++) row[k] = k * 0x9e3779b97f4a7c15u;
    for (int n = 0; n <= N; n++) {
        dg_rng_first(0x123456789abcdefu, DG_RNG_TEST, row, n, out);
        for (int k = 0; k < n; k++) {
            dg_rng r = dg_rng_at(0x123456789abcdefu, DG_RNG_TEST, row[k]);
            const uint64_t high = dg_rng_u32(&r);
            ck_assert_uint_eq(out[k], high << 32 | dg_rng_u32(&r));
        }
    }
}
END_TEST

UNIT_MAIN("rng", first_bits_of_many_rows_are_those_of_each, blocks_are_philox4x32_10,
          a_stream_is_a_function_of_seed_purpose_and_row, neighbouring_streams_are_independent,
          uniform_numbers_have_the_right_moments, normal_numbers_have_the_right_moments,
          integers_fill_their_range_evenly)
