#include "ingest/picks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 24, BITS_MAX = 12 };

static bool before(dg_pick a, dg_pick b)
{
    return a.major != b.major ? a.major < b.major : a.minor < b.minor;
}

static int compare(const void *a, const void *b)
{
    const dg_pick *x = a, *y = b;
    return before(*x, *y) ? -1 : before(*y, *x);
}

static void insert_all(dg_pick *pick, int64_t n)
{
    for (int64_t k = 1; k < n; k++) {
        const dg_pick moving = pick[k];
        int64_t at = k;
        for (; at > 0 && before(moving, pick[at - 1]); at--) pick[at] = pick[at - 1];
        pick[at] = moving;
    }
}

typedef struct range {
    uint64_t least, width;
    bool sorted;
} range;

static range look(const dg_pick *pick, int64_t n)
{
    uint64_t least = pick[0].major, most = least;
    bool sorted = true;
    for (int64_t k = 1; k < n; k++) {
        sorted = sorted && !before(pick[k], pick[k - 1]);
        if (pick[k].major < least) least = pick[k].major;
        if (pick[k].major > most) most = pick[k].major;
    }
    return (range){least, most - least, sorted};
}

void dg_picks_sort(dg_pick *pick, dg_pick *spare, int64_t n)
{
    int32_t end[(1 << BITS_MAX) + 1];
    if (n <= FEW) {
        insert_all(pick, n);
        return;
    }
    const range r = look(pick, n);
    if (r.sorted) return;
    if (r.width == 0) {
        qsort(pick, (size_t)n, sizeof *pick, compare);
        return;
    }
    const int wide = 64 - __builtin_clzll(r.width);
    int bits = 64 - __builtin_clzll((uint64_t)n);
    if (bits > BITS_MAX) bits = BITS_MAX;
    const int shift = wide > bits ? wide - bits : 0, buckets = 1 << (wide - shift);
    memset(end, 0, (size_t)(buckets + 1) * sizeof *end);
    for (int64_t k = 0; k < n; k++) end[((pick[k].major - r.least) >> shift) + 1]++;
    for (int b = 0; b < buckets; b++) end[b + 1] += end[b];
    for (int64_t k = 0; k < n; k++) spare[end[(pick[k].major - r.least) >> shift]++] = pick[k];
    memcpy(pick, spare, (size_t)n * sizeof *pick);
    for (int b = 0, begin = 0; b < buckets; begin = end[b++])
        if (end[b] - begin > 1) dg_picks_sort(pick + begin, spare + begin, end[b] - begin);
}
