/* alias.h - draw from a fixed discrete distribution in constant time. */
#ifndef DG_GENERATE_ALIAS_H
#define DG_GENERATE_ALIAS_H
#include "base/rng.h"
#include "base/status.h"

#include <stdint.h>

/* Zero-initialise; free with dg_alias_free. Slot k yields k below keep[k], other[k] above. */
typedef struct dg_alias {
    uint32_t n;
    uint32_t *keep;  /* (n,) share of the slot that is its own, of 2^32 */
    uint32_t *other; /* (n,) */
} dg_alias;

/**
 * The distribution proportional to weight. LOCAL.
 * Shapes  weight (n,) > 0, finite; 0 < n < 2^32. Cost O(n), 8 bytes a slot kept.
 * Errors  DG_ERR_NOMEM.
 * Source  Vose 1991, "A linear algorithm for generating random numbers with a given distribution".
 */
dg_status dg_alias_create(const double *weight, uint32_t n, dg_alias *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_alias_free(dg_alias *a);

/** One draw, from two 32-bit words of r. LOCAL, O(1). */
static inline uint32_t dg_alias_draw(const dg_alias *a, dg_rng *r)
{
    const uint32_t slot = dg_rng_below(r, a->n);
    return dg_rng_u32(r) <= a->keep[slot] ? slot : a->other[slot];
}

#endif
