/* picks.h - events of one user put in order by small keys, the events themselves left in place. */
#ifndef DG_INGEST_PICKS_H
#define DG_INGEST_PICKS_H
#include <stdint.h>

typedef struct dg_pick { /* one event's key and place */
    uint64_t major;
    uint32_t minor;
    int32_t at;
} dg_pick;

/**
 * Sort by (major, minor), the same order in whatever order they come. LOCAL, cannot fail.
 *
 * @param[in,out] spare  (n,) scratch
 *
 * Cost    O(n) where major keys are spread evenly between their smallest and largest, as random
 *         draws and item rows are; O(n log n) whatever they are.
 * Source  interpolation of keys into as many buckets as keys: Knuth, TAOCP vol. 3, section 5.2.5.
 */
void dg_picks_sort(dg_pick *pick, dg_pick *spare, int64_t n);

#endif
