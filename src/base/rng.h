/* rng.h - counter-based random numbers: a stream is a pure function of (seed, purpose, row), so
 * any rank that owns a row draws the same numbers for it.
 *
 * Source  Philox 4x32-10: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as
 *         1, 2, 3"; the Random123 library. Normals: Box and Muller 1958. */
#ifndef DG_BASE_RNG_H
#define DG_BASE_RNG_H
#include <stdint.h>

typedef enum dg_rng_purpose { /* part of every file's bytes: append only */
                              DG_RNG_INIT_USER = 1,
                              DG_RNG_INIT_ITEM,
                              DG_RNG_SPLIT,
                              DG_RNG_HOLDOUT,
                              DG_RNG_GENERATE_ITEM,
                              DG_RNG_GENERATE_USER,
                              DG_RNG_GENERATE_EVENT,
                              DG_RNG_GENERATE_FRIEND,
                              DG_RNG_GENERATE_SCENE,
                              DG_RNG_GENERATE_RATING,
                              DG_RNG_BOOTSTRAP,
                              DG_RNG_TUNE,
                              DG_RNG_SAMPLED,
                              DG_RNG_TEST = 1000
} dg_rng_purpose;

typedef struct dg_rng {
    uint64_t seed, row, block; /* next Philox counter */
    uint32_t purpose;
    uint32_t have, word[4]; /* unread words of the last block */
} dg_rng;

/** The stream of (seed, purpose, row), at its start. LOCAL. */
dg_rng dg_rng_at(uint64_t seed, dg_rng_purpose purpose, uint64_t row);

/** Next 32 random bits. LOCAL. */
uint32_t dg_rng_u32(dg_rng *r);

/** The first 64 random bits of the streams of n rows: what two dg_rng_u32 give, the first one on
 * top. LOCAL; row and out do not overlap. Many rows at a time take a fraction of the time. */
void dg_rng_first(uint64_t seed, dg_rng_purpose purpose, const uint64_t *row, int64_t n,
                  uint64_t *out);

/** Uniform in [0, 1), 53 bits. LOCAL. */
double dg_rng_uniform(dg_rng *r);

/** Uniform integer in [0, n), n > 0, unbiased enough for n < 2^32 (multiply-shift). LOCAL. */
uint32_t dg_rng_below(dg_rng *r, uint32_t n);

/** Standard normal. LOCAL. */
double dg_rng_normal(dg_rng *r);

#endif
