/* half.h - IEEE 754 binary16 numbers in 16-bit words: 11 bits of precision, up to 65504. */
#ifndef DG_DENSE_HALF_H
#define DG_DENSE_HALF_H
#include <stdint.h>
#include <string.h>

/** The number a half holds: exact. LOCAL. */
static inline float dg_half_to_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
    uint32_t bits = (rest << 13) + ((127u - 15u) << 23);
    float f;
    if (rest >= 0x7c00) bits = 0x7f800000 | rest << 13; /* infinite, or not a number */
    memcpy(&f, &bits, sizeof f);
    if (rest < 0x0400) f = (float)rest * 0x1p-24f; /* subnormal */
    memcpy(&bits, &f, sizeof bits);
    bits |= sign;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/** The nearest half, ties to even; beyond 65504 infinite. LOCAL. */
static inline uint16_t dg_half_of_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (bits >> 13 & 0x1ff));
    if (bits >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (bits < 0x38800000) { /* subnormal: let the addition of 0.5 round to steps of 2^-24 */
        float small;
        memcpy(&small, &bits, sizeof small);
        small += 0.5f;
        memcpy(&bits, &small, sizeof bits);
        return (uint16_t)(sign | (bits & 0x7ff));
    }
    bits += 0xfff + (bits >> 13 & 1) - ((127u - 15u) << 23);
    return (uint16_t)(sign | bits >> 13);
}

#endif
