/* allowed.h - the goods that may stand in a list. */
#ifndef DG_SERVE_RANK_ALLOWED_H
#define DG_SERVE_RANK_ALLOWED_H
#include "artifact/artifact.h"

/* Everything is borrowed. A good may be listed where both parts let it; {0} lets every one. */
typedef struct dg_allowed {
    const uint64_t *bits; /* (dg_allowed_words(n_items),) bit i % 64 of word i / 64: good i may be
                             listed; bits behind the last good count for nothing. NULL: every one */
    const int32_t *skip;  /* (n_skip,) ascending: never listed */
    int64_t n_skip;
} dg_allowed;

/** Words of a bitset over n goods. LOCAL. */
static inline size_t dg_allowed_words(int64_t n) { return (size_t)((n + 63) / 64); }

/** All but what a user has seen; all for row -1. LOCAL. */
dg_allowed dg_allowed_unseen(const dg_artifact *a, int64_t user);

/** May this good be listed? LOCAL, O(log n_skip). */
bool dg_allowed_has(const dg_allowed *allowed, int32_t item);

/**
 * Clear the marks (ranking/topk.h) of goods that `bits` keeps out; skip is not looked at. LOCAL.
 * @param[in]     first  the good of the first mark, a multiple of 16
 * @param[in,out] mark   ((n + 15) / 16,) of goods first … first + n - 1
 */
void dg_allowed_mask(const dg_allowed *allowed, int64_t first, int32_t n, uint16_t *mark);

#endif
