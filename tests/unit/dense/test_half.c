/* Conversions of halves, in plain C and in each variant, against the definition of binary16. */
#include "base/rng.h"
#include "dense/half.h"
#include "dense/panel.h"
#include "unit_main.h"

#include <math.h>

/* IEEE 754-2008, 3.4: sign, 5 bits of exponent, 10 of fraction. */
static double defined(uint16_t half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double size = exponent == 31  ? (fraction ? NAN : INFINITY)
                        : exponent == 0 ? ldexp(fraction, -24)
                                        : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -size : size;
}

START_TEST(every_half_is_the_number_it_is_defined_to_be)
{
    for (int h = 0; h < 65536; h++) {
        const double want = defined((uint16_t)h);
        const float f = dg_half_to_float((uint16_t)h);
        ck_assert_msg(isnan(want) ? isnan(f) : f == want, "%04x is %g, not %g", (unsigned)h,
                      (double)f, want);
        ck_assert_int_eq(signbit(f) != 0, h >> 15);
        if (!isnan(want)) ck_assert_uint_eq(dg_half_of_float(f), (unsigned)h);
    }
}
END_TEST

/* The nearest of the two neighbours; in the middle the even one. */
static void check_rounding(float f)
{
    const uint16_t got = dg_half_of_float(f);
    const double value = fabs((double)f), at = fabs(defined(got));
    const uint16_t size = got & 0x7fff;
    if (value >= 65520) { /* half way to what would come next */
        ck_assert_uint_eq(size, 0x7c00);
        return;
    }
    const double up = size == 0x7bff ? 65536 : defined(size + 1);
    const double down = size == 0 ? 0 : defined(size - 1);
    ck_assert_msg(value - at <= up - value && at - value <= value - down, "%g became %g", (double)f,
                  at);
    if (value - at == up - value || (size != 0 && at - value == value - down))
        ck_assert_msg((size & 1) == 0, "%g is half way: %04x is odd", (double)f, got);
}

START_TEST(floats_round_to_the_nearest_half)
{
    dg_rng r = dg_rng_at(13, DG_RNG_TEST, 0);
    for (int k = 0; k < 200000; k++)
        check_rounding((float)ldexp(dg_rng_uniform(&r) * 2 - 1, (int)dg_rng_below(&r, 45) - 27));
    for (int h = 0; h < 0x7c00; h++) { /* the middle between neighbours, and just beside it */
        const float middle =
            (float)((defined((uint16_t)h) + (h == 0x7bff ? 65536 : defined((uint16_t)(h + 1)))) /
                    2);
        check_rounding(middle);
        check_rounding(nextafterf(middle, 0));
        check_rounding(-nextafterf(middle, INFINITY));
    }
    ck_assert(isnan(dg_half_to_float(dg_half_of_float(NAN))));
    ck_assert(isinf(dg_half_to_float(dg_half_of_float(-INFINITY))));
}
END_TEST

START_TEST(every_variant_packs_alike)
{
    enum { N = 4096 };
    static _Alignas(64) float value[N];
    static _Alignas(64) uint16_t half[N];
    dg_rng r = dg_rng_at(14, DG_RNG_TEST, 0);
    for (int k = 0; k < N; k++)
        value[k] = (float)ldexp(dg_rng_uniform(&r) * 2 - 1, (int)dg_rng_below(&r, 45) - 27);
    value[0] = INFINITY;
    value[1] = -0.0f;
    for (const dg_panel_kernels *const *k = dg_panel_variants(); *k != NULL; k++) {
        (*k)->pack(N, 8, value, half);
        for (int j = 0; j < N; j++) ck_assert_uint_eq(half[j], dg_half_of_float(8 * value[j]));
    }
}
END_TEST

UNIT_MAIN("half", every_half_is_the_number_it_is_defined_to_be, floats_round_to_the_nearest_half,
          every_variant_packs_alike)
