#include "store/groups.h"

#include "base/memory.h"
#include "comm/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_pair(const void *a, const void *b)
{
    const dg_group_count *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* By group, then as lists stand: most chosen first, equal ones by row. */
static int by_place(const void *a, const void *b)
{
    const dg_group_count *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Each pair once; returns how many. */
static int64_t add_up(dg_group_count *at, int64_t n)
{
    int64_t kept = 0;
    qsort(at, (size_t)n, sizeof *at, by_pair);
    for (int64_t k = 0; k < n; k++) {
        if (kept > 0 && by_pair(&at[kept - 1], &at[k]) == 0)
            at[kept - 1].count += at[k].count;
        else
            at[kept++] = at[k];
    }
    return kept;
}

/* The first of each group; returns how many. */
static int64_t cut_lists(dg_group_count *at, int64_t n)
{
    int64_t kept = 0, length = 0;
    qsort(at, (size_t)n, sizeof *at, by_place);
    for (int64_t k = 0; k < n; k++) {
        length = k > 0 && at[k].group == at[k - 1].group ? length + 1 : 1;
        if (length <= DG_GROUP_LENGTH) at[kept++] = at[k];
    }
    return kept;
}

static int owner_of(const dg_comm *c, const dg_shards *shards, int64_t row)
{
    return dg_shards_owner(shards->n, dg_shards_find(shards, row), c->size);
}

/* Grouped by the owner of the item. */
static dg_status pack(const dg_comm *c, const dg_group_count *at, int64_t n, const dg_shards *items,
                      dg_group_count **out, int64_t *count, dg_err *err)
{
    int64_t *next = dg_alloc((size_t)c->size + 1, sizeof *next);
    *out = dg_alloc((size_t)n, sizeof **out);
    if (next == NULL || *out == NULL) {
        dg_free(next);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory counting %lld pairs", (long long)n);
    }
    for (int64_t k = 0; k < n; k++) count[owner_of(c, items, at[k].item)]++;
    for (int r = 0; r < c->size; r++) next[r + 1] = next[r] + count[r];
    for (int64_t k = 0; k < n; k++) (*out)[next[owner_of(c, items, at[k].item)]++] = at[k];
    dg_free(next);
    return DG_OK;
}

/* Send `at`, count[r] to each rank, and add up what comes. */
static dg_status gather(const dg_comm *c, const dg_group_count *at, int64_t *count,
                        dg_group_count **out, int64_t *n, dg_err *err)
{
    void *arrived = NULL;
    const dg_status st = dg_exchange(c, at, sizeof *at, count, &arrived, count + c->size, err);
    *n = 0;
    for (int r = 0; r < c->size && st == DG_OK; r++) *n += count[c->size + r];
    *out = arrived;
    return st;
}

static dg_status keep_lists(const dg_group_count *at, int64_t n, const dg_strings *names,
                            dg_group_lists *out, dg_err *err)
{
    dg_status st = DG_OK;
    out->ptr = dg_alloc((size_t)names->n + 1, sizeof *out->ptr);
    out->item = dg_alloc((size_t)n, sizeof *out->item);
    out->count = dg_alloc((size_t)n, sizeof *out->count);
    if (out->ptr == NULL || out->item == NULL || out->count == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for lists of groups");
    for (int64_t k = 0; k < n; k++) {
        out->item[k] = at[k].item;
        out->count[k] = at[k].count;
        out->ptr[at[k].group + 1] = k + 1;
    }
    for (int64_t g = 0; g < names->n; g++)
        if (out->ptr[g + 1] == 0) out->ptr[g + 1] = out->ptr[g];
    for (int64_t g = 0; g < names->n && st == DG_OK; g++) {
        size_t length;
        const char *name = dg_strings_at(names, g, &length);
        st = dg_strings_add(&out->name, name, length, err);
    }
    return st;
}

/* Sums at the owners of the items, then everybody's best at rank 0. */
static dg_status make(const dg_comm *c, dg_group_count *at, int64_t n, const dg_strings *names,
                      const dg_shards *items, int64_t *count, dg_group_lists *out, dg_err *err)
{
    dg_group_count *sent = NULL, *own = NULL, *all = NULL;
    int64_t n_own = 0, n_all = 0;
    n = add_up(at, n);
    dg_status st = dg_agree(c, pack(c, at, n, items, &sent, count, err), err);
    if (st == DG_OK) st = gather(c, sent, count, &own, &n_own, err);
    dg_free(sent);
    if (st == DG_OK) {
        memset(count, 0, 2 * (size_t)c->size * sizeof *count);
        count[0] = cut_lists(own, add_up(own, n_own));
        st = gather(c, own, count, &all, &n_all, err);
    }
    dg_free(own);
    if (st == DG_OK) {
        if (c->rank == 0) st = keep_lists(all, cut_lists(all, n_all), names, out, err);
        st = dg_agree(c, st, err);
    }
    dg_free(all);
    return st;
}

dg_status dg_group_lists_make(const dg_comm *c, dg_group_count *count, int64_t n,
                              const dg_strings *names, const dg_shards *items, dg_group_lists *out,
                              dg_err *err)
{
    *out = (dg_group_lists){0};
    int64_t *counts = dg_alloc(2 * (size_t)c->size, sizeof *counts);
    dg_status st = counts == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = make(c, count, n, names, items, counts, out, err);
    dg_free(counts);
    if (st == DG_OK)
        out->n = (int32_t)names->n;
    else
        dg_group_lists_free(out);
    return st;
}

void dg_group_lists_write(dg_writer *w, const char *group, const dg_group_lists *g)
{
    char path[128];
    int64_t entries = 0;
    if (g->n == 0) return;
    if (g->ptr != NULL) entries = g->ptr[g->n];
    snprintf(path, sizeof path, "%s/names", group);
    dg_writer_small_strings(w, path, &g->name);
    snprintf(path, sizeof path, "%s/ptr", group);
    dg_writer_small(w, path, DG_I64, g->n + 1, 1, g->ptr);
    snprintf(path, sizeof path, "%s/item", group);
    dg_writer_small(w, path, DG_I32, entries, 1, g->item);
    snprintf(path, sizeof path, "%s/count", group);
    dg_writer_small(w, path, DG_I64, entries, 1, g->count);
}

dg_status dg_group_lists_load(const dg_comm *c, const dg_container *f, const char *group,
                              int64_t n_items, dg_group_lists *out, dg_err *err)
{
    dg_groups all;
    *out = (dg_group_lists){0};
    dg_status st = dg_groups_map(f, group, n_items, &all, err);
    out->n = all.n;
    if (st != DG_OK || c->rank != 0 || all.n == 0) return st;
    const size_t n = (size_t)all.ptr[all.n];
    out->ptr = dg_alloc((size_t)all.n + 1, sizeof *out->ptr);
    out->item = dg_alloc(n, sizeof *out->item);
    out->count = dg_alloc(n, sizeof *out->count);
    if (out->ptr == NULL || out->item == NULL || out->count == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for lists of groups");
    memcpy(out->ptr, all.ptr, ((size_t)all.n + 1) * sizeof *out->ptr);
    memcpy(out->item, all.item, n * sizeof *out->item);
    memcpy(out->count, all.count, n * sizeof *out->count);
    for (int32_t g = 0; g < all.n && st == DG_OK; g++)
        st = dg_strings_add(&out->name, all.bytes + all.offset[g],
                            (size_t)(all.offset[g + 1] - all.offset[g]), err);
    return st;
}

void dg_group_lists_free(dg_group_lists *g)
{
    dg_strings_free(&g->name);
    dg_free(g->ptr);
    dg_free(g->item);
    dg_free(g->count);
    *g = (dg_group_lists){0};
}
