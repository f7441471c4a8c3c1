#include "sparse/csr.h"

#include "base/memory.h"

dg_status dg_csr_create(int64_t begin, int64_t end, int64_t n, dg_csr *out, dg_err *err)
{
    *out = (dg_csr){.begin = begin, .end = end};
    out->ptr = dg_alloc((size_t)(end - begin) + 1, sizeof *out->ptr);
    out->index = dg_alloc((size_t)n, sizeof *out->index);
    out->value = dg_alloc((size_t)n, sizeof *out->value);
    if (out->ptr != NULL && out->index != NULL && out->value != NULL) return DG_OK;
    dg_csr_free(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld ratings", (long long)n);
}

void dg_csr_free(dg_csr *m)
{
    dg_free(m->ptr);
    dg_free(m->index);
    dg_free(m->value);
    *m = (dg_csr){0};
}

int64_t dg_row_before(dg_row row, int64_t column)
{
    int64_t low = 0, high = row.n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (row.index[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int dg_row_has(dg_row row, int32_t column)
{
    const int64_t at = dg_row_before(row, column);
    return at < row.n && row.index[at] == column;
}
