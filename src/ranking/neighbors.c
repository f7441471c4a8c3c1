#include "ranking/neighbors.h"

#include "base/memory.h"

dg_status dg_neighbors_create(int64_t begin, int64_t end, int64_t n, dg_neighbors *out, dg_err *err)
{
    *out = (dg_neighbors){.begin = begin, .end = end};
    out->ptr = dg_alloc((size_t)(end - begin) + 1, sizeof *out->ptr);
    out->index = dg_alloc((size_t)n, sizeof *out->index);
    out->weight = dg_alloc((size_t)n, sizeof *out->weight);
    if (out->ptr != NULL && out->index != NULL && out->weight != NULL) return DG_OK;
    dg_neighbors_free(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld neighbours", (long long)n);
}

void dg_neighbors_free(dg_neighbors *l)
{
    dg_free(l->ptr);
    dg_free(l->index);
    dg_free(l->weight);
    *l = (dg_neighbors){0};
}
