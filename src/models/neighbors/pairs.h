/* pairs.h - sums over one rank's rows of products of two columns' entries, a tile of pairs at a
 * time. Internal to models/neighbors.
 *
 * Columns are renumbered by falling popularity ("places"): a pair (t, c) is kept once, as row t of
 * the triangle c < t, so the place that most products fall on is small and stays in cache. Rows
 * that are dense in the most popular places (the "head") are multiplied there as dense panels by
 * BLAS: their products are small integers, whose sums a float holds exactly. */
#ifndef DG_MODELS_NEIGHBORS_PAIRS_H
#define DG_MODELS_NEIGHBORS_PAIRS_H
#include "models/neighbors/weigh.h"

/* What is summed for a pair, x being the entry of its t, y that of its c. */
typedef enum dg_plane {
    DG_PLANE_XY,
    DG_PLANE_N,
    DG_PLANE_XX,
    DG_PLANE_YY,
    DG_PLANE_X,
    DG_PLANE_Y
} dg_plane;

enum { DG_PLANES = 6 };

typedef struct dg_pairs {
    const dg_comm *c;
    int32_t n;      /* columns */
    int32_t *id;    /* (n,) column of each place */
    int32_t *place; /* (n,) place of each column */
    int64_t *work;  /* (n,) products of each place with those before it, over all ranks */

    int64_t *ptr;             /* (rows+1,) own rows, those dense in the head first */
    int32_t *index, *value;   /* (entries,) places ascending within a row, and q */
    int64_t *start;           /* (n+1,) entries of each place in the two below */
    uint32_t *first, *before; /* (entries,) where the entry's row begins, and how many places of
                                 the row lie before it */
    int32_t head;             /* places that are multiplied as dense panels; 0: none */
    int64_t n_dense;          /* own rows that are */
    int64_t *light;           /* (head,) first entry of each head place in a row that is not */
    int panel_rows;           /* rows of a panel, for sums to stay exact */

    int n_planes;
    dg_plane plane[DG_PLANES];
    bool wide; /* cells are int64_t, else int32_t */
} dg_pairs;

/** Renumber and sort own rows; choose what is done densely. COLLECTIVE. Caller frees. */
dg_status dg_pairs_create(const dg_comm *c, const dg_weighed *w, const dg_plane *plane,
                          int n_planes, dg_pairs *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_pairs_free(dg_pairs *p);

/** Bytes of a cell: one sum. LOCAL. */
static inline size_t dg_pairs_cell(const dg_pairs *p) { return p->wide ? 8 : 4; }

/**
 * Own rows' sums for places t in [begin, end) with all c < t. LOCAL, by all threads.
 * @param[out] cells  (n_planes, end - begin, end) overwritten; of no meaning where c >= t
 * Errors  DG_ERR_NOMEM for panels.
 */
dg_status dg_pairs_dense(const dg_pairs *p, int32_t begin, int32_t end, void *cells, dg_err *err);

/* One pair that has own rows in common. */
typedef struct dg_pair_sums {
    int32_t t, c;
    int64_t sum[]; /* (n_planes,) */
} dg_pair_sums;

/** Bytes of such a record. LOCAL. */
static inline size_t dg_pairs_record(const dg_pairs *p)
{
    return sizeof(dg_pair_sums) + (size_t)p->n_planes * sizeof(int64_t);
}

/**
 * The same sums of own rows as records, only of pairs with rows in common, by t. LOCAL.
 * @param[out] out    dg_alloc'ed records
 * @param[out] count  (end - begin,) records of each t
 * Cost  the products; one row of the triangle in wide cells.
 */
dg_status dg_pairs_sparse(const dg_pairs *p, int32_t begin, int32_t end, void **out, int64_t *count,
                          dg_err *err);

#endif
