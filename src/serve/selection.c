#include "serve/selection.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static dg_status no_memory(dg_err *err)
{
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a selection of goods");
}

static dg_status include(const dg_artifact *a, const dg_ids *ids, dg_selection *s, dg_err *err)
{
    s->bits = dg_alloc(dg_allowed_words(a->n_items), sizeof *s->bits);
    if (s->bits == NULL) return no_memory(err);
    for (size_t k = 0; k < ids->n; k++) {
        const int64_t item = dg_names_find(&a->item_id, ids->at[k].at, ids->at[k].n);
        s->unknown += item < 0;
        if (item >= 0) s->bits[item / 64] |= (uint64_t)1 << item % 64;
    }
    s->allowed.bits = s->wanted.bits = s->bits;
    return DG_OK;
}

static int ascending(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Rows of the ids, ascending, and of the goods seen as well. */
static dg_status exclude(const dg_artifact *a, const dg_ids *ids, dg_selection *s, dg_err *err)
{
    const dg_allowed seen = s->allowed;
    int64_t n = 0, both = 0;
    s->exclude = dg_alloc(ids->n, sizeof *s->exclude);
    s->skip = dg_alloc(ids->n + (size_t)seen.n_skip, sizeof *s->skip);
    if (s->exclude == NULL || s->skip == NULL) return no_memory(err);
    for (size_t k = 0; k < ids->n; k++) {
        const int64_t item = dg_names_find(&a->item_id, ids->at[k].at, ids->at[k].n);
        s->unknown += item < 0;
        if (item >= 0) s->exclude[n++] = (int32_t)item;
    }
    qsort(s->exclude, (size_t)n, sizeof *s->exclude, ascending);
    for (int64_t x = 0, y = 0; x < n || y < seen.n_skip;)
        s->skip[both++] = y == seen.n_skip || (x < n && s->exclude[x] <= seen.skip[y])
                              ? s->exclude[x++]
                              : seen.skip[y++];
    s->wanted.skip = s->exclude;
    s->wanted.n_skip = n;
    s->allowed.skip = s->skip;
    s->allowed.n_skip = both;
    return DG_OK;
}

dg_status dg_selection_make(const dg_artifact *a, const dg_request *request,
                            const dg_allowed *unseen, dg_selection *out, dg_err *err)
{
    const dg_ids *only = &request->list[DG_LIST_INCLUDE], *not = &request->list[DG_LIST_EXCLUDE];
    *out = (dg_selection){0};
    if (request->exclude_seen) out->allowed = *unseen;
    dg_status st = only->at != NULL ? include(a, only, out, err) : DG_OK;
    if (st == DG_OK && not ->n > 0) st = exclude(a, not, out, err);
    return st;
}

void dg_selection_free(dg_selection *s)
{
    dg_free(s->bits);
    dg_free(s->skip);
    dg_free(s->exclude);
    *s = (dg_selection){0};
}
