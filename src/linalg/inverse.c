#include "base/log.h"
#include "base/memory.h"
#include "dense/blas.h"
#include "linalg/grid.h"

#include <string.h>

/* The inverse P = M'M, M = L^-1, from the factor L, in place, one block row of M after the other.
 *
 * With M's block rows m < k known, rows i >= k hold X_i = sum over m < k of L_im M_m left of block
 * column k, and rows i < k hold the part of P that those m make. Row k of M is -T X_k, and T in
 * column k, with T = L_kk^-1. One product then brings all of columns <= k up to date:
 *     A_ij += G_i M_kj    with G_i = M_ki' (i <= k), L_ik (i > k),
 * where block row and column k, which it uses up, count as 0 before. Of L, the ranks of a process
 * row see their own rows; of M, those of a process column make or get their own columns, and from
 * each other, along the process row, what they need as G. */
typedef struct dg_inverse {
    const dg_symmetric *a;
    dg_comm row, column;      /* the ranks of this process row, of this process column */
    int64_t k0, k1;           /* the block's rows */
    int width;                /* k1 - k0 */
    int rows_before, rows_to; /* rows here below k0, below k1 */
    int columns_before, columns_to;
    double *room;       /* (n_rows + block, block) of_rows, and behind it: */
    double *lower;      /* (width, n_rows - rows_before) L_k of rows >= k0 here */
    double *of_rows;    /* (rows_to, width) G of rows < k1 here */
    double *of_columns; /* (columns_to, width) M_k' of the columns here */
    double *passing;    /* (n_columns at most, width) somebody else's of_columns */
    double *inverse;    /* (width, width) T, column-major */
} dg_inverse;

static dg_status allocate(dg_inverse *v, dg_err *err)
{
    const dg_symmetric *a = v->a;
    const size_t block = (size_t)a->grid.block;
    const size_t most = (size_t)dg_grid_below(&a->grid, a->n, 0, a->grid.columns);
    v->room = dg_alloc(((size_t)a->n_rows + block) * block, sizeof(double));
    v->of_columns = dg_alloc((size_t)a->n_columns * block, sizeof(double));
    v->passing = dg_alloc(most * block, sizeof(double));
    v->inverse = dg_alloc(block * block, sizeof(double));
    if (v->room != NULL && v->of_columns != NULL && v->passing != NULL && v->inverse != NULL)
        return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an inverse of %lld rows", (long long)a->n);
}

static void release(dg_inverse *v)
{
    dg_free(v->room);
    dg_free(v->of_columns);
    dg_free(v->passing);
    dg_free(v->inverse);
}

static void begin(dg_inverse *v, int64_t k)
{
    const dg_symmetric *a = v->a;
    const dg_grid *g = &a->grid;
    const int row = v->column.rank, column = v->row.rank;
    v->k0 = k * g->block;
    v->k1 = v->k0 + g->block < a->n ? v->k0 + g->block : a->n;
    v->width = (int)(v->k1 - v->k0);
    v->rows_before = (int)dg_grid_below(g, v->k0, row, g->rows);
    v->rows_to = (int)dg_grid_below(g, v->k1, row, g->rows);
    v->columns_before = (int)dg_grid_below(g, v->k0, column, g->columns);
    v->columns_to = (int)dg_grid_below(g, v->k1, column, g->columns);
    v->of_rows = v->room;
    v->lower = v->room + (int64_t)v->rows_to * v->width;
}

/* Block column k from the diagonal down, along each process row. */
static void share_lower(const dg_inverse *v)
{
    const dg_symmetric *a = v->a;
    const int root = dg_grid_place(&a->grid, v->k0, a->grid.columns);
    const int n = a->n_rows - v->rows_before;
    for (int c = 0; root == v->row.rank && c < v->width; c++)
        memcpy(v->lower + (int64_t)c * n,
               a->at + (int64_t)(v->columns_before + c) * a->stride + v->rows_before,
               (size_t)n * sizeof(double));
    dg_bcast(&v->row, v->lower, (size_t)n * (size_t)v->width * sizeof(double), root);
}

/* T, by ranks that have row k. The factor's diagonal is positive, so it has an inverse. */
static void invert_diagonal(const dg_inverse *v)
{
    const int w = v->width, n = v->a->n_rows - v->rows_before;
    for (int c = 0; c < w; c++) {
        memset(v->inverse + c * w, 0, (size_t)c * sizeof(double));
        memcpy(v->inverse + c * w + c, v->lower + (int64_t)c * n + c,
               (size_t)(w - c) * sizeof(double));
    }
    dg_triangle_invert(w, w, v->inverse);
}

/* Block row k of M, of the columns here. */
static void make_row(const dg_inverse *v)
{
    const dg_symmetric *a = v->a;
    const int w = v->width, before = v->columns_before;
    const int root = dg_grid_place(&a->grid, v->k0, a->grid.rows);
    if (root == v->column.rank) {
        invert_diagonal(v);
        dg_gemm_nn_double(w, before, w, -1, v->inverse, w, a->at + v->rows_before, a->stride, 0,
                          v->of_columns, w);
        memcpy(v->of_columns + (int64_t)before * w, v->inverse,
               (size_t)(v->columns_to - before) * (size_t)w * sizeof(double));
    }
    dg_bcast(&v->column, v->of_columns, (size_t)v->columns_to * (size_t)w * sizeof(double), root);
}

/* Of the columns of M_k that the process column `place` has, those that are rows here too. A block
 * of columns is a block of rows. */
static void take_rows(const dg_inverse *v, int place, const double *columns, int64_t n)
{
    const dg_symmetric *a = v->a;
    const dg_grid *g = &a->grid;
    for (int64_t c = 0; c < n; c += g->block) {
        const int64_t here = a->place_row[dg_grid_row(g, c, place, g->columns)];
        const int64_t many = n - c < g->block ? n - c : g->block;
        if (here >= 0)
            memcpy(v->of_rows + here * v->width, columns + c * v->width,
                   (size_t)(many * v->width) * sizeof(double));
    }
}

static void share_row(const dg_inverse *v)
{
    const dg_grid *g = &v->a->grid;
    for (int place = 0; place < g->columns; place++) {
        const int64_t n = dg_grid_below(g, v->k1, place, g->columns);
        double *columns = place == v->row.rank ? v->of_columns : v->passing;
        dg_bcast(&v->row, columns, (size_t)(n * v->width) * sizeof(double), place);
        take_rows(v, place, columns, n);
    }
}

/* Block row and column k are used up. */
static void clear(const dg_inverse *v)
{
    const dg_symmetric *a = v->a;
    for (int c = 0; v->rows_before < v->rows_to && c < v->columns_to; c++)
        memset(a->at + (int64_t)c * a->stride + v->rows_before, 0,
               (size_t)v->width * sizeof(double));
    for (int c = v->columns_before; c < v->columns_to; c++)
        memset(a->at + (int64_t)c * a->stride + v->rows_before, 0,
               (size_t)(a->n_rows - v->rows_before) * sizeof(double));
}

/* A part of the product: rows [r, end), `width` columns from c. */
static void update_part(const dg_inverse *v, int r, int end, int c, int width)
{
    const dg_symmetric *a = v->a;
    const int w = v->width, middle = end < v->rows_to ? end : r < v->rows_to ? v->rows_to : r;
    const double *columns = v->of_columns + (int64_t)c * w;
    double *out = a->at + (int64_t)c * a->stride;
    dg_gemm_nt_add_double(middle - r, width, w, v->of_rows + (int64_t)r * w, columns, out + r,
                          a->stride);
    dg_gemm_nn_double(end - middle, width, w, 1, v->lower + (middle - v->rows_before),
                      a->n_rows - v->rows_before, columns, w, 1, out + middle, a->stride);
}

/* The product, from the diagonal down: the steps of some block columns one by one, and what is
 * below all of them at once, so that BLAS packs the rows once for them. */
static void update(const dg_inverse *v)
{
    enum { TOGETHER = 8 };
    const dg_symmetric *a = v->a;
    const dg_grid *g = &a->grid;
    const int n = v->columns_to, row = v->column.rank;
    for (int c = 0; c < n; c += TOGETHER * g->block) {
        const int end = n - c < TOGETHER * g->block ? n : c + TOGETHER * g->block;
        const int below = (int)dg_grid_below(g, a->column[end - 1], row, g->rows);
        for (int b = c; b < end; b += g->block) {
            const int width = end - b < g->block ? end - b : g->block;
            update_part(v, (int)dg_grid_below(g, a->column[b], row, g->rows), below, b, width);
        }
        update_part(v, below, a->n_rows, c, end - c);
    }
}

dg_status dg_symmetric__inverse(dg_symmetric *a, dg_err *err)
{
    dg_inverse v = {.a = a};
    const int64_t blocks = (a->n + a->grid.block - 1) / a->grid.block;
    dg_comm_split(&a->comm, a->comm.rank / a->grid.columns, &v.row);
    dg_comm_split(&a->comm, a->comm.rank % a->grid.columns, &v.column);
    dg_status st = dg_agree(&a->comm, allocate(&v, err), err);
    dg_progress_begin("inverting", "block", blocks);
    for (int64_t k = 0; k < blocks && st == DG_OK; k++) {
        begin(&v, k);
        share_lower(&v);
        make_row(&v);
        share_row(&v);
        clear(&v);
        update(&v);
        dg_progress(k + 1, NULL);
        st = dg_agree(&a->comm, DG_OK, err); /* a stop asked for comes through here */
    }
    dg_progress_end();
    release(&v);
    dg_comm_free(&v.row);
    dg_comm_free(&v.column);
    return st;
}
