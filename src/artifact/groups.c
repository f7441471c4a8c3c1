#include "artifact/groups.h"

#include "artifact/mapped.h"

#include <stdio.h>

/* Counts descending, ties by row ascending: a strict order, so no good stands twice. */
static dg_status check_list(const dg_mapped *m, const dg_groups *g, int32_t group, int64_t n_items,
                            dg_err *err)
{
    if (g->ptr[group + 1] - g->ptr[group] > DG_GROUP_LENGTH)
        return dg_mapped_wrong(m, g->ptr[group], "begins too long a list", err);
    for (int64_t k = g->ptr[group]; k < g->ptr[group + 1]; k++) {
        if (g->item[k] < 0 || g->item[k] >= n_items)
            return dg_mapped_wrong(m, k, "is not of an item", err);
        if (g->count[k] <= 0) return dg_mapped_wrong(m, k, "is not above 0", err);
        if (k > g->ptr[group] && (g->count[k] > g->count[k - 1] ||
                                  (g->count[k] == g->count[k - 1] && g->item[k] <= g->item[k - 1])))
            return dg_mapped_wrong(m, k, "is out of order", err);
    }
    return DG_OK;
}

dg_status dg_groups_map(const dg_container *f, const char *group, int64_t n_items, dg_groups *out,
                        dg_err *err)
{
    dg_mapped m = dg_mapped_in(f, group);
    char probe[96];
    int64_t rows = 0;
    const void *item, *count;
    *out = (dg_groups){0};
    snprintf(probe, sizeof probe, "%s/ptr", group);
    if (!dg_container_has(f, probe)) return DG_OK;
    dg_status st = dg_mapped_rows(&m, "ptr", &rows, err);
    if (st == DG_OK && (rows < 2 || rows > DG_GROUPS_MAX + 1))
        st = dg_mapped_wrong(&m, rows, "is the last: too few or too many groups", err);
    if (st == DG_OK) st = dg_mapped_texts(&m, "names", rows - 1, &out->offset, &out->bytes, err);
    if (st == DG_OK) st = dg_mapped_cut(&m, "ptr", "item", DG_I32, rows - 1, &out->ptr, &item, err);
    if (st == DG_OK) st = dg_mapped_array(&m, "count", DG_I64, out->ptr[rows - 1], &count, err);
    if (st != DG_OK) return st;
    out->item = item;
    out->count = count;
    for (int32_t g = 0; g < rows - 1 && st == DG_OK; g++) st = check_list(&m, out, g, n_items, err);
    out->n = (int32_t)(rows - 1);
    return st;
}

int32_t dg_groups_find(const dg_groups *g, const char *name, size_t n)
{
    return (int32_t)dg_mapped_find(g->n, g->offset, g->bytes, name, n);
}
