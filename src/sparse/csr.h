/* csr.h - one rank's rows of a sparse rating matrix, compressed by row. */
#ifndef DG_SPARSE_CSR_H
#define DG_SPARSE_CSR_H
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Rows [begin, end) are global; row r is entries [ptr[r-begin], ptr[r-begin+1]).
 * Within a row, entries are sorted by column and no column repeats. */
typedef struct dg_csr {
    int64_t begin, end;
    int64_t *ptr;   /* (end-begin+1,) ptr[0] = 0 */
    int32_t *index; /* (n,) global column */
    float *value;   /* (n,) rating or weight of the entry */
} dg_csr;

typedef struct dg_row {   /* borrowed view of one row, valid until the dg_csr is freed */
    const int32_t *index; /* (n,) */
    const float *value;   /* (n,) */
    int64_t n;
    int64_t follow; /* entries of the rows behind it, to be fetched ahead; they may be read */
} dg_row;

/** Room for rows [begin, end) and n entries; all zero. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_csr_create(int64_t begin, int64_t end, int64_t n, dg_csr *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_csr_free(dg_csr *m);

/** Entries held. LOCAL. */
static inline int64_t dg_csr_count(const dg_csr *m)
{
    return m->ptr == NULL ? 0 : m->ptr[m->end - m->begin];
}

/** Borrow the row of a global row number owned here. LOCAL, O(1). */
static inline dg_row dg_csr_row(const dg_csr *m, int64_t row)
{
    const int64_t *p = m->ptr + (row - m->begin);
    return (dg_row){m->index + p[0], m->value + p[0], p[1] - p[0],
                    m->ptr[m->end - m->begin] - p[1]};
}

/** Entries of the row whose column is below `column`. Binary search. LOCAL, O(log n). */
int64_t dg_row_before(dg_row row, int64_t column);

/** Is `column` in the row? Binary search. LOCAL, O(log n). */
int dg_row_has(dg_row row, int32_t column);

#endif
