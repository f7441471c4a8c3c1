#include "base/rng.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include <Random123/philox.h>
#pragma GCC diagnostic pop

#include <math.h>

dg_rng dg_rng_at(uint64_t seed, dg_rng_purpose purpose, uint64_t row)
{
    return (dg_rng){.seed = seed, .row = row, .purpose = (uint32_t)purpose};
}

static void refill(dg_rng *r)
{
    const philox4x32_ctr_t counter = {{(uint32_t)r->block, r->purpose ^ (uint32_t)(r->block >> 32),
                                       (uint32_t)r->row, (uint32_t)(r->row >> 32)}};
    const philox4x32_key_t key = {{(uint32_t)r->seed, (uint32_t)(r->seed >> 32)}};
    const philox4x32_ctr_t out = philox4x32(counter, key);
    for (int k = 0; k < 4; k++) r->word[k] = out.v[k];
    r->block++;
    r->have = 4;
}

uint32_t dg_rng_u32(dg_rng *r)
{
    if (r->have == 0) refill(r);
    return r->word[--r->have];
}

/* Block 0 of every row, written so that a compiler can take several rows at once. Whole numbers:
 * the same from any instruction set. */
__attribute__((always_inline)) static inline void first_words(uint64_t seed, uint32_t purpose,
                                                              const uint64_t *restrict row,
                                                              int64_t n, uint64_t *restrict out)
{
    for (int64_t k = 0; k < n; k++) {
        uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
        uint32_t c0 = 0, c1 = purpose, c2 = (uint32_t)row[k], c3 = (uint32_t)(row[k] >> 32);
        for (int round = 0; round < PHILOX4x32_DEFAULT_ROUNDS; round++) {
            const uint64_t low = (uint64_t)PHILOX_M4x32_0 * c0;
            const uint64_t high = (uint64_t)PHILOX_M4x32_1 * c2;
            c0 = (uint32_t)(high >> 32) ^ c1 ^ key0;
            c1 = (uint32_t)high;
            c2 = (uint32_t)(low >> 32) ^ c3 ^ key1;
            c3 = (uint32_t)low;
            key0 += PHILOX_W32_0;
            key1 += PHILOX_W32_1;
        }
        out[k] = (uint64_t)c3 << 32 | c2;
    }
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void
first_words_avx2(uint64_t seed, uint32_t purpose, const uint64_t *row, int64_t n, uint64_t *out)
{
    first_words(seed, purpose, row, n, out);
}
#endif

#ifdef __x86_64__
__attribute__((target("avx512f,avx512vl,avx512dq,prefer-vector-width=512"))) static void
first_words_avx512(uint64_t seed, uint32_t purpose, const uint64_t *row, int64_t n, uint64_t *out)
{
    first_words(seed, purpose, row, n, out);
}
#endif

void dg_rng_first(uint64_t seed, dg_rng_purpose purpose, const uint64_t *row, int64_t n,
                  uint64_t *out)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        first_words_avx512(seed, (uint32_t)purpose, row, n, out);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        first_words_avx2(seed, (uint32_t)purpose, row, n, out);
        return;
    }
#endif
    first_words(seed, (uint32_t)purpose, row, n, out);
}

double dg_rng_uniform(dg_rng *r)
{
    const uint64_t high = dg_rng_u32(r) >> 5, low = dg_rng_u32(r) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

uint32_t dg_rng_below(dg_rng *r, uint32_t n)
{
    return (uint32_t)((uint64_t)dg_rng_u32(r) * n >> 32);
}

double dg_rng_normal(dg_rng *r)
{
    const double u = 1.0 - dg_rng_uniform(r); /* in (0, 1]: log stays finite */
    const double angle = 6.283185307179586 * dg_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(angle);
}
