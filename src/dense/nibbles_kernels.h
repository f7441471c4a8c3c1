/* nibbles_kernels.h - the kernels of nibbles.h, once for each instruction set. The includer defines
 * LANES, VARIANT and VARIANT_NAME. Internal to dense/. */
#include "dense/nibbles.h"
#include "dense/vectors.h"

#include <string.h>

enum { TOGETHER = 4 }; /* groups at a time, which share what is made of the query */

static inline int32_t four_of(const int8_t *q)
{
    int32_t four;
    memcpy(&four, q, sizeof four);
    return four;
}

/* Sums of the rows of `count` groups with the query, of one table. The whole numbers are 0 to 15,
 * so that two products fit 16 bits eight times over. */
#if defined(__AVX512VNNI__)
static inline __attribute__((always_inline)) void group_sums(const dg_nibble_query *q, int count,
                                                             const uint8_t *table, int32_t *sum)
{
    const __m512i low = _mm512_set1_epi8(15);
    const int64_t next = (int64_t)q->n_runs * 64;
    __m512i a[TOGETHER], b[TOGETHER];
    _Pragma("GCC unroll 4") for (int g = 0; g < count; g++) a[g] = b[g] = _mm512_setzero_si512();
    for (int32_t r = 0; r < q->n_runs; r++) {
        const __m512i first = _mm512_set1_epi32(four_of(q->q + r * DG_NIBBLE_COLS));
        const __m512i second = _mm512_set1_epi32(four_of(q->q + r * DG_NIBBLE_COLS + 4));
        _Pragma("GCC unroll 4") for (int g = 0; g < count; g++)
        {
            const __m512i both = _mm512_loadu_si512(table + g * next + r * 64);
            a[g] = _mm512_dpbusd_epi32(a[g], _mm512_and_si512(both, low), first);
            b[g] = _mm512_dpbusd_epi32(b[g], _mm512_and_si512(_mm512_srli_epi16(both, 4), low),
                                       second);
        }
    }
    _Pragma("GCC unroll 4") for (int g = 0; g < count; g++)
        _mm512_store_si512(sum + g * 16, _mm512_add_epi32(a[g], b[g]));
}
#elif defined(__AVX512BW__) || defined(__AVX2__)
#ifdef __AVX512BW__
typedef __m512i W;
#define W_(name, ...) _mm512_##name(__VA_ARGS__)
#define W_AND         _mm512_and_si512
#define W_LOAD(p)     _mm512_loadu_si512(p)
#define W_ZERO        _mm512_setzero_si512()
#define W_STORE(p, v) _mm512_store_si512(p, v)
#else
typedef __m256i W;
#define W_(name, ...) _mm256_##name(__VA_ARGS__)
#define W_AND         _mm256_and_si256
#define W_LOAD(p)     _mm256_loadu_si256((const void *)(p))
#define W_ZERO        _mm256_setzero_si256()
#define W_STORE(p, v) _mm256_store_si256((void *)(p), v)
#endif
enum { RUNS_OF_16_BITS = 4 };

/* Of as many rows as W has lanes of 32 bits. */
static inline __attribute__((always_inline)) void part_sums(const dg_nibble_query *q, int count,
                                                            const uint8_t *table, int32_t *sum)
{
    const W low = W_(set1_epi8, 15), ones = W_(set1_epi16, 1);
    const int64_t next = (int64_t)q->n_runs * 64;
    W all[TOGETHER], pairs[TOGETHER];
    _Pragma("GCC unroll 4") for (int g = 0; g < count; g++) all[g] = W_ZERO;
    for (int32_t r = 0; r < q->n_runs;) {
        _Pragma("GCC unroll 4") for (int g = 0; g < count; g++) pairs[g] = W_ZERO;
        for (int k = 0; k < RUNS_OF_16_BITS && r < q->n_runs; k++, r++) {
            const W first = W_(set1_epi32, four_of(q->q + r * DG_NIBBLE_COLS));
            const W second = W_(set1_epi32, four_of(q->q + r * DG_NIBBLE_COLS + 4));
            _Pragma("GCC unroll 4") for (int g = 0; g < count; g++)
            {
                const W both = W_LOAD(table + g * next + r * 64);
                pairs[g] = W_(add_epi16, pairs[g], W_(maddubs_epi16, W_AND(both, low), first));
                pairs[g] = W_(add_epi16, pairs[g],
                              W_(maddubs_epi16, W_AND(W_(srli_epi16, both, 4), low), second));
            }
        }
        _Pragma("GCC unroll 4") for (int g = 0; g < count; g++) all[g] =
            W_(add_epi32, all[g], W_(madd_epi16, pairs[g], ones));
    }
    _Pragma("GCC unroll 4") for (int g = 0; g < count; g++) W_STORE(sum + g * 16, all[g]);
}

static inline __attribute__((always_inline)) void group_sums(const dg_nibble_query *q, int count,
                                                             const uint8_t *table, int32_t *sum)
{
    for (int begin = 0; begin < 16; begin += (int)sizeof(W) / 4)
        part_sums(q, count, table + begin * 4, sum + begin);
}
#else
static inline void group_sums(const dg_nibble_query *q, int count, const uint8_t *table,
                              int32_t *sum)
{
    const int64_t next = (int64_t)q->n_runs * 64;
    memset(sum, 0, (size_t)count * 16 * sizeof *sum);
    for (int g = 0; g < count; g++, table += next, sum += 16)
        for (int32_t r = 0; r < q->n_runs; r++)
            for (int l = 0; l < 16; l++) {
                const uint8_t *four = table + r * 64 + l * 4;
                const int8_t *columns = q->q + r * DG_NIBBLE_COLS;
                for (int b = 0; b < 4; b++)
                    sum[l] += columns[b] * (four[b] & 15) + columns[4 + b] * (four[b] >> 4);
            }
}
#endif

static inline uint16_t marks_of_sums(const dg_nibble_query *q, const int32_t sum[16], float add,
                                     const float *scale, float threshold)
{
    unsigned bits = 0;
    for (int l = 0; l < 16; l += LANES) {
        I whole;
        memcpy(&whole, sum + l, sizeof whole);
        const V inner = __builtin_convertvector(whole, V) * spread(q->step) + spread(add);
        bits |= marks_of(load_any(scale + l) * inner + spread(q->offset), spread(threshold)) << l;
    }
    return (uint16_t)bits;
}

static void JOIN(mark_, VARIANT)(const dg_nibble_query *q, int n_groups, const uint8_t *high,
                                 const float *scale, const float *rest, float threshold,
                                 uint16_t *mark)
{
    const dg_nibble_query of_high = {q->q, q->n_runs, 16 * q->step, 0, 0, 0, q->offset};
    const int64_t next = (int64_t)q->n_runs * 64;
    int32_t sum[TOGETHER * 16] __attribute__((aligned(64)));
    for (int begin = 0, n; begin < n_groups; begin += n) {
        n = n_groups - begin >= TOGETHER ? TOGETHER : 1;
        if (n == TOGETHER)
            group_sums(q, TOGETHER, high + begin * next, sum);
        else
            group_sums(q, 1, high + begin * next, sum);
        for (int g = begin; g < begin + n; g++)
            mark[g] = marks_of_sums(&of_high, sum + (g - begin) * 16,
                                    q->add_coarse + q->norm * rest[g], scale + g * 16, threshold);
    }
}

static uint16_t JOIN(mark_fine_, VARIANT)(const dg_nibble_query *q, const uint8_t *high,
                                          const uint8_t *low, const float *scale, float threshold)
{
    int32_t sum[16] __attribute__((aligned(64))), rest[16] __attribute__((aligned(64)));
    group_sums(q, 1, high, sum);
    group_sums(q, 1, low, rest);
    for (int l = 0; l < 16; l++) sum[l] = 16 * sum[l] + rest[l];
    return marks_of_sums(q, sum, q->add_fine, scale, threshold);
}

extern const dg_nibble_kernels JOIN(dg_nibbles_, VARIANT);
const dg_nibble_kernels JOIN(dg_nibbles_, VARIANT) = {
    .name = VARIANT_NAME, .mark = JOIN(mark_, VARIANT), .mark_fine = JOIN(mark_fine_, VARIANT)};
