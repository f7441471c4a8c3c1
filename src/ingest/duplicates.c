#include "ingest/duplicates.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int compare_events(const void *a, const void *b)
{
    const dg_event *x = a, *y = b;
    if (x->item != y->item) return x->item < y->item ? -1 : 1;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static float sum_of(const dg_event *run, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += (double)run[k].value;
    return (float)sum;
}

static float largest_of(const dg_event *run, int64_t n)
{
    float largest = run[0].value;
    for (int64_t k = 1; k < n; k++)
        if (run[k].value > largest) largest = run[k].value;
    return largest;
}

/* One event out of n >= 1 about the same item, oldest first. */
static dg_event merge_run(const dg_event *run, int64_t n, dg_duplicates policy)
{
    dg_event merged = run[policy == DG_DUPLICATES_FIRST ? 0 : n - 1];
    if (policy == DG_DUPLICATES_SUM) merged.value = sum_of(run, n);
    if (policy == DG_DUPLICATES_MAX) merged.value = largest_of(run, n);
    if (policy == DG_DUPLICATES_COUNT) merged.value = (float)n;
    return merged;
}

static bool has_repeats(const dg_event *row, int64_t n)
{
    bool any = false;
    for (int64_t k = 1; k < n; k++) any |= row[k].item == row[k - 1].item;
    return any;
}

dg_status dg_merge_duplicates(dg_event *row, int64_t *n, dg_duplicates policy, dg_err *err)
{
    int64_t kept = 0;
    if (policy != DG_DUPLICATES_COUNT && !has_repeats(row, *n)) return DG_OK;
    for (int64_t begin = 0, end; begin < *n; begin = end) {
        for (end = begin + 1; end < *n && row[end].item == row[begin].item;) end++;
        if (end - begin > 1) qsort(row + begin, (size_t)(end - begin), sizeof *row, compare_events);
        row[kept] = merge_run(row + begin, end - begin, policy);
        if (!isfinite(row[kept++].value))
            return DG_FAIL(err, DG_ERR_DATA,
                           "%lld events about one item add up to more than a number can hold",
                           (long long)(end - begin));
    }
    *n = kept;
    return DG_OK;
}
