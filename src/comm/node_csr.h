/* node_csr.h - a sparse matrix held once per node in shared memory, for ranks that read rows of
 * all.
 *
 * Built from rows that ranks own; then read-only. */
#ifndef DG_COMM_NODE_CSR_H
#define DG_COMM_NODE_CSR_H
#include "comm/matrix.h"
#include "sparse/csr.h"

typedef struct dg_node_entry {
    int32_t index; /* column */
    float value;
} dg_node_entry;

typedef struct dg_node_csr {
    int64_t n_rows, n_entries;
    const int64_t *first;          /* (n_rows,) first entry of each row */
    const dg_node_entry *entry;    /* (n_entries,) */
    dg_matrix of_rows, of_entries; /* the memory */
} dg_node_csr;

typedef struct dg_node_row { /* borrowed, columns ascending */
    const dg_node_entry *entry;
    int64_t n;
} dg_node_row;

/**
 * Put every rank's rows where all can read them. COLLECTIVE.
 *
 * @param[in]  own  rows of this rank's shards
 * Cost    8 bytes an entry and a row per node, and as much received by it.
 * Errors  DG_ERR_NOMEM, agreed; *out zeroed.
 */
dg_status dg_node_csr_create(const dg_comm *c, const dg_shards *shards, const dg_csr *own,
                             dg_node_csr *out, dg_err *err);

/** COLLECTIVE, twice-safe. */
void dg_node_csr_destroy(dg_node_csr *s);

/** A row. LOCAL, O(1). */
static inline dg_node_row dg_node_csr_row(const dg_node_csr *s, int64_t row)
{
    const int64_t end = row + 1 < s->n_rows ? s->first[row + 1] : s->n_entries;
    return (dg_node_row){s->entry + s->first[row], end - s->first[row]};
}

/** The first entry of a row whose column is not below `column`. LOCAL, O(log n). */
int64_t dg_node_row_find(dg_node_row row, int64_t column);

/** The part of a row whose columns are in [begin, end). LOCAL, O(log n), O(1) where that is all. */
static inline dg_node_row dg_node_row_part(dg_node_row row, int64_t begin, int64_t end)
{
    if (row.n > 0 && row.entry[0].index < begin) {
        const int64_t first = dg_node_row_find(row, begin);
        row = (dg_node_row){row.entry + first, row.n - first};
    }
    if (row.n > 0 && row.entry[row.n - 1].index >= end) row.n = dg_node_row_find(row, end);
    return row;
}

/** out[column - begin] += value * entry, for the columns in [begin, end). LOCAL. */
static inline void dg_node_row_add(dg_node_row row, float value, int64_t begin, int64_t end,
                                   float *out)
{
    row = dg_node_row_part(row, begin, end);
    for (int64_t e = 0; e < row.n; e++)
        out[row.entry[e].index - begin] += value * row.entry[e].value;
}

#endif
