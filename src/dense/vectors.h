/* vectors.h - a vector type V of LANES floats, for kernels compiled once for each instruction set.
 *
 * The includer defines LANES (16, 8 or 4). GCC's vector extensions keep this plain C. Internal to
 * dense/. */
#ifndef DG_DENSE_VECTORS_H
#define DG_DENSE_VECTORS_H
#include <stddef.h>

typedef float V __attribute__((vector_size(4 * LANES), aligned(4 * LANES), may_alias));
typedef int I __attribute__((vector_size(4 * LANES)));

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)

static inline V load(const float *p) { return *(const V *)p; }
static inline void store(float *p, V v) { *(V *)p = v; }
static inline V spread(float x) { return x - (V){0}; }

#if LANES == 16
static const I lane_number = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif LANES == 8
static const I lane_number = {0, 1, 2, 3, 4, 5, 6, 7};
#else
static const I lane_number = {0, 1, 2, 3};
#endif

/* Lanes of v where the mask is -1, 0 where it is 0. */
static inline V keep(V v, I mask) { return (V)((I)v & mask); }

static inline V choose(I mask, V yes, V no) { return (V)(((I)yes & mask) | ((I)no & ~mask)); }

/* Two vectors exchange their lanes that differ in bit h of the lane's number: `low` takes a's lanes
 * without the bit and puts b's behind them, `high` those with it. */
static inline V low_lanes(V a, V b, int h)
{
    const I without = (lane_number & h) == 0;
    return __builtin_shuffle(a, b,
                             (without & lane_number) | (~without & (lane_number + LANES - h)));
}

static inline V high_lanes(V a, V b, int h)
{
    const I without = (lane_number & h) == 0;
    return __builtin_shuffle(a, b,
                             (without & (lane_number + h)) | (~without & (lane_number + LANES)));
}

/* One lane in all lanes. */
static inline V lane(V v, int at) { return __builtin_shuffle(v, (lane_number & 0) + at); }

/* Transpose LANES vectors. */
static inline __attribute__((always_inline)) void transpose(V v[LANES])
{
    _Pragma("GCC unroll 4") for (int h = 1; h < LANES; h *= 2)
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++)
    {
        if ((i & h) != 0) continue;
        const V a = v[i], b = v[i + h];
        v[i] = low_lanes(a, b, h);
        v[i + h] = high_lanes(a, b, h);
    }
}

/* Lane l of the result is the sum of the lanes of v[l], halves folded onto each other. */
static inline __attribute__((always_inline)) V sum_each(V v[LANES])
{
    _Pragma("GCC unroll 4") for (int h = 1; h < LANES; h *= 2)
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i += 2 * h) v[i] =
            low_lanes(v[i], v[i + h], h) + high_lanes(v[i], v[i + h], h);
    return v[0];
}

#endif
