/* vectors.h - a vector type V of LANES floats, for kernels compiled once for each instruction set.
 *
 * The includer defines LANES (16, 8 or 4). GCC's vector extensions keep this plain C.
 * Internal to dense/. */
#ifndef DG_DENSE_VECTORS_H
#define DG_DENSE_VECTORS_H
#include <float.h>
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

typedef float V __attribute__((vector_size(4 * LANES), aligned(4 * LANES), may_alias));
typedef float VAny __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int I __attribute__((vector_size(4 * LANES)));

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)

static inline V load(const float *p) { return *(const V *)p; }
static inline void store(float *p, V v) { *(V *)p = v; }
static inline V load_any(const float *p) { return *(const VAny *)p; }
static inline void store_any(float *p, V v) { *(VAny *)p = v; }
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

/* A bit for each lane that is not below the threshold, or not finite. */
static inline unsigned marks_of(V v, V threshold)
{
#if LANES == 16 && defined(__AVX512F__)
    return (unsigned)_mm512_cmp_ps_mask(v, threshold, _CMP_NLT_UQ) |
           (unsigned)_mm512_cmp_ps_mask(v, spread(-FLT_MAX), _CMP_NGE_UQ);
#else
    const I plain = (v < threshold) & (v >= spread(-FLT_MAX));
#if LANES == 8 && defined(__AVX2__)
    return (unsigned)_mm256_movemask_ps((__m256)~plain);
#elif LANES == 4 && defined(__SSE2__)
    return (unsigned)_mm_movemask_ps((__m128)~plain);
#else
    unsigned bits = 0;
    for (int l = 0; l < LANES; l++) bits |= (unsigned)(plain[l] == 0) << l;
    return bits;
#endif
#endif
}

/* Stages of a transposition: vectors whose numbers differ in bit h exchange lanes likewise. */
static inline __attribute__((always_inline)) void transpose_below(int end, V v[LANES])
{
    _Pragma("GCC unroll 4") for (int h = 1; h < end; h *= 2)
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++)
    {
        if ((i & h) != 0) continue;
        const V a = v[i], b = v[i + h];
        v[i] = low_lanes(a, b, h);
        v[i + h] = high_lanes(a, b, h);
    }
}

/* Transpose LANES vectors. */
static inline __attribute__((always_inline)) void transpose(V v[LANES])
{
    transpose_below(LANES, v);
}

/* Half a vector from a, half from b. */
static inline V load_halves(const float *a, const float *b)
{
#if LANES == 16 && defined(__AVX512DQ__)
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(a)), _mm256_loadu_ps(b), 1);
#elif LANES == 8 && defined(__AVX2__)
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(a)), _mm_loadu_ps(b), 1);
#else
    V v;
    memcpy(&v, a, sizeof v / 2);
    memcpy((char *)&v + sizeof v / 2, b, sizeof v / 2);
    return v;
#endif
}

/* LANES rows of LANES floats, transposed. The last stage is done by the loads: a half put into a
 * vector from memory does not wait for the one unit that moves lanes. */
static inline __attribute__((always_inline)) void load_transposed(const float *rows, size_t stride,
                                                                  V v[LANES])
{
    enum { HALF = LANES / 2 };
    _Pragma("GCC unroll 8") for (int i = 0; i < HALF; i++)
    {
        const float *const a = rows + (size_t)i * stride, *const b = a + HALF * stride;
        v[i] = load_halves(a, b);
        v[i + HALF] = load_halves(a + HALF, b + HALF);
    }
    transpose_below(HALF, v);
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
