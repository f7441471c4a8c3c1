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
 *     A_ij += G_i M_kj    with G_i = M_ki' (i < k), T' (i = k), L_ik (i > k),
 * where block row and column k, which it uses up, count as 0 before. */
typedef struct dg_inverse {
    const dg_symmetric *a;
    int64_t k0, k1;     /* the block's rows */
    int width;          /* k1 - k0 */
    double *panel;      /* (n, width): X_k' of rows < k0, L_k of the others; on every rank */
    double *sending;    /* (n, width) packed */
    double *inverse;    /* (width, width) T, column-major */
    double *of_rows;    /* (n_rows, width) G of the rows here */
    double *of_columns; /* (n_columns, width) M_k' of the columns here */
} dg_inverse;

static dg_status allocate(dg_inverse *v, dg_err *err)
{
    const dg_symmetric *a = v->a;
    const size_t block = (size_t)a->grid.block;
    v->panel = dg_alloc((size_t)a->n * block, sizeof(double));
    v->sending = dg_alloc((size_t)a->n * block, sizeof(double));
    v->inverse = dg_alloc(block * block, sizeof(double));
    v->of_rows = dg_alloc((size_t)a->n_rows * block, sizeof(double));
    v->of_columns = dg_alloc((size_t)a->n_columns * block, sizeof(double));
    if (v->panel != NULL && v->sending != NULL && v->inverse != NULL && v->of_rows != NULL &&
        v->of_columns != NULL)
        return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an inverse of %lld rows", (long long)a->n);
}

static void release(dg_inverse *v)
{
    dg_free(v->panel);
    dg_free(v->sending);
    dg_free(v->inverse);
    dg_free(v->of_rows);
    dg_free(v->of_columns);
}

/* Block row k left of the diagonal, from the ranks that have it, a process column each. */
static void share_row(const dg_inverse *v, int place)
{
    const dg_symmetric *a = v->a;
    const dg_grid *g = &a->grid;
    const int root = dg_grid_place(g, v->k0, g->rows) * g->columns + place;
    const int64_t n = dg_grid_below(g, v->k0, place, g->columns);
    const size_t bytes = (size_t)v->width * sizeof(double);
    for (int64_t c = 0; root == a->comm.rank && c < n; c++)
        memcpy(v->sending + c * v->width, a->at + c * a->stride + a->place_row[v->k0], bytes);
    dg_bcast(&a->comm, v->sending, (size_t)n * bytes, root);
    for (int64_t c = 0; c < n; c++)
        memcpy(v->panel + dg_grid_row(g, c, place, g->columns) * v->width,
               v->sending + c * v->width, bytes);
}

/* Block column k from the diagonal down, a process row each. */
static void share_column(const dg_inverse *v, int place)
{
    enum { ROWS = 8 }; /* turned at a time: a cache line of each column */
    const dg_symmetric *a = v->a;
    const dg_grid *g = &a->grid;
    const int root = place * g->columns + dg_grid_place(g, v->k0, g->columns);
    const int64_t first = dg_grid_below(g, v->k0, place, g->rows);
    const int64_t n = dg_grid_below(g, a->n, place, g->rows) - first;
    const double *block = a->at + (int64_t)a->place_column[v->k0] * a->stride + first;
    for (int64_t r0 = 0; root == a->comm.rank && r0 < n; r0 += ROWS)
        for (int c = 0; c < v->width; c++)
            for (int64_t r = r0; r < n && r < r0 + ROWS; r++)
                v->sending[r * v->width + c] = block[(int64_t)c * a->stride + r];
    dg_bcast(&a->comm, v->sending, (size_t)(n * v->width) * sizeof(double), root);
    for (int64_t r = 0; r < n; r++)
        memcpy(v->panel + dg_grid_row(g, first + r, place, g->rows) * v->width,
               v->sending + r * v->width, (size_t)v->width * sizeof(double));
}

/* T. The factor's diagonal is positive, so it has an inverse. */
static void invert_diagonal(const dg_inverse *v)
{
    const int w = v->width;
    for (int c = 0; c < w; c++)
        for (int r = 0; r < w; r++)
            v->inverse[c * w + r] = r < c ? 0 : v->panel[(v->k0 + r) * w + c];
    dg_triangle_invert(w, w, v->inverse);
}

/* Columns of `out` become M_ki' of the rows listed that are below k0, which come first, and copies
 * of the panel for the others. Rows of a block lie together in the panel. */
static void multiply(const dg_inverse *v, const int32_t *row, int n, int n_below, double *out)
{
    const int w = v->width, block = v->a->grid.block;
    for (int k = 0; k < n_below; k += block)
        dg_gemm_nn_double(w, n_below - k < block ? n_below - k : block, w, -1, v->inverse,
                          v->panel + (int64_t)row[k] * w, out + (int64_t)k * w);
    for (int k = n_below; k < n; k++)
        memcpy(out + (int64_t)k * w, v->panel + (int64_t)row[k] * w, (size_t)w * sizeof *out);
}

static void prepare(const dg_inverse *v, int rows_below, int columns_below, int n_columns)
{
    const dg_symmetric *a = v->a;
    const int w = v->width;
    multiply(v, a->row, a->n_rows, rows_below, v->of_rows);
    for (int r = rows_below; r < a->n_rows && a->row[r] < v->k1; r++) /* G = T' */
        for (int c = 0; c < w; c++)
            v->of_rows[(int64_t)r * w + c] = v->inverse[(a->row[r] - v->k0) * w + c];
    multiply(v, a->column, n_columns, columns_below, v->of_columns);
    for (int c = columns_below; c < n_columns; c++) /* M_kk = T */
        memcpy(v->of_columns + (int64_t)c * w, v->inverse + (a->column[c] - v->k0) * w,
               (size_t)w * sizeof(double));
}

/* Block row and column k are in the panel now. */
static void clear(const dg_inverse *v, int rows_below, int columns_below, int n_columns)
{
    const dg_symmetric *a = v->a;
    const int32_t first = a->place_row[v->k0];
    for (int c = 0; first >= 0 && c < n_columns; c++)
        memset(a->at + (int64_t)c * a->stride + first, 0, (size_t)v->width * sizeof(double));
    for (int c = columns_below; c < n_columns; c++)
        memset(a->at + (int64_t)c * a->stride + rows_below, 0,
               (size_t)(a->n_rows - rows_below) * sizeof(double));
}

/* A part of the product: rows from r, `width` columns from c. */
static void update_part(const dg_inverse *v, int r, int n_rows, int c, int width)
{
    const dg_symmetric *a = v->a;
    dg_gemm_nt_add_double(n_rows, width, v->width, v->of_rows + (int64_t)r * v->width,
                          v->of_columns + (int64_t)c * v->width, a->at + (int64_t)c * a->stride + r,
                          a->stride);
}

/* The product, from the diagonal down: the steps of some block columns one by one, and what is
 * below all of them at once, so that BLAS packs the rows once for them. */
static void update(const dg_inverse *v, int n_columns)
{
    enum { TOGETHER = 8 };
    const dg_symmetric *a = v->a;
    const int block = a->grid.block, place = a->comm.rank / a->grid.columns;
    for (int c = 0; c < n_columns; c += TOGETHER * block) {
        const int end = n_columns - c < TOGETHER * block ? n_columns : c + TOGETHER * block;
        const int below = (int)dg_grid_below(&a->grid, a->column[end - 1], place, a->grid.rows);
        for (int b = c; b < end; b += block) {
            const int width = end - b < block ? end - b : block;
            const int r = (int)dg_grid_below(&a->grid, a->column[b], place, a->grid.rows);
            update_part(v, r, below - r, b, width);
        }
        update_part(v, below, a->n_rows - below, c, end - c);
    }
}

static void step(dg_inverse *v)
{
    const dg_symmetric *a = v->a;
    const dg_grid *g = &a->grid;
    const int row = a->comm.rank / g->columns, column = a->comm.rank % g->columns;
    const int rows_below = (int)dg_grid_below(g, v->k0, row, g->rows);
    const int columns_below = (int)dg_grid_below(g, v->k0, column, g->columns);
    const int n_columns = (int)dg_grid_below(g, v->k1, column, g->columns);
    for (int place = 0; place < g->columns; place++) share_row(v, place);
    for (int place = 0; place < g->rows; place++) share_column(v, place);
    invert_diagonal(v);
    prepare(v, rows_below, columns_below, n_columns);
    clear(v, rows_below, columns_below, n_columns);
    update(v, n_columns);
}

dg_status dg_symmetric__inverse(dg_symmetric *a, dg_err *err)
{
    dg_inverse v = {.a = a};
    const int64_t blocks = (a->n + a->grid.block - 1) / a->grid.block;
    dg_status st = dg_agree(&a->comm, allocate(&v, err), err);
    dg_progress_begin("inverting", "block", blocks);
    for (int64_t k = 0; k < blocks && st == DG_OK; k++) {
        v.k0 = k * a->grid.block;
        v.k1 = v.k0 + a->grid.block < a->n ? v.k0 + a->grid.block : a->n;
        v.width = (int)(v.k1 - v.k0);
        step(&v);
        dg_progress(k + 1, NULL);
        st = dg_agree(&a->comm, DG_OK, err); /* a stop asked for comes through here */
    }
    dg_progress_end();
    release(&v);
    return st;
}
