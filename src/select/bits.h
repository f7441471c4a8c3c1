/* bits.h - sets of goods: one bit each, bits behind the last good always 0. */
#ifndef DG_SELECT_BITS_H
#define DG_SELECT_BITS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* All LOCAL. */

static inline size_t dg_bits_words(int64_t n) { return (size_t)((n + 63) / 64); }

static inline bool dg_bits_has(const uint64_t *b, int64_t k) { return b[k / 64] >> (k % 64) & 1; }

static inline void dg_bits_set(uint64_t *b, int64_t k) { b[k / 64] |= (uint64_t)1 << (k % 64); }

static inline void dg_bits_clear(uint64_t *b, int64_t k)
{
    b[k / 64] &= ~((uint64_t)1 << (k % 64));
}

static inline void dg_bits_none(uint64_t *b, int64_t n) { memset(b, 0, dg_bits_words(n) * 8); }

static inline void dg_bits_all(uint64_t *b, int64_t n)
{
    memset(b, 0xff, dg_bits_words(n) * 8);
    if (n % 64 != 0) b[n / 64] = ((uint64_t)1 << (n % 64)) - 1;
}

static inline void dg_bits_and(uint64_t *to, const uint64_t *b, int64_t n)
{
    for (size_t w = 0; w < dg_bits_words(n); w++) to[w] &= b[w];
}

static inline void dg_bits_or(uint64_t *to, const uint64_t *b, int64_t n)
{
    for (size_t w = 0; w < dg_bits_words(n); w++) to[w] |= b[w];
}

static inline void dg_bits_without(uint64_t *to, const uint64_t *b, int64_t n)
{
    for (size_t w = 0; w < dg_bits_words(n); w++) to[w] &= ~b[w];
}

static inline void dg_bits_not(uint64_t *b, int64_t n)
{
    for (size_t w = 0; w < dg_bits_words(n); w++) b[w] = ~b[w];
    if (n % 64 != 0) b[n / 64] &= ((uint64_t)1 << (n % 64)) - 1;
}

static inline int64_t dg_bits_count(const uint64_t *b, int64_t n)
{
    int64_t count = 0;
    for (size_t w = 0; w < dg_bits_words(n); w++) count += __builtin_popcountll(b[w]);
    return count;
}

static inline bool dg_bits_any(const uint64_t *b, int64_t n)
{
    for (size_t w = 0; w < dg_bits_words(n); w++)
        if (b[w] != 0) return true;
    return false;
}

#endif
