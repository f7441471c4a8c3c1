#include "linalg/symmetric.h"

#include "base/cast.h"
#include "base/fault.h"
#include "base/memory.h"
#include "dense/blas.h"
#include "linalg/grid.h"

#include <float.h>
#include <math.h>
#include <omp.h>

/* ScaLAPACK and BLACS; Debian ships no C header for them. */
int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int columns);
void Cblacs_gridexit(int context);
void pdpotrf_(const char *uplo, const int *n, double *a, const int *i, const int *j,
              const int *descriptor, int *info);

dg_grid dg_grid_choose(int64_t n, int ranks)
{
    dg_grid g = {.rows = 1, .block = DG_BLOCK_MAX};
    for (int k = 1; k * k <= ranks; k++)
        if (ranks % k == 0) g.rows = k;
    g.columns = ranks / g.rows;
    while (g.block > 1 && n < (int64_t)11 * g.block * g.columns) g.block /= 2;
    return g;
}

int64_t dg_grid_below(const dg_grid *g, int64_t end, int place, int places)
{
    const int64_t blocks = end / g->block; /* whole ones below */
    int64_t n = blocks / places * g->block;
    if (blocks % places > place) n += g->block;
    if (blocks % places == place) n += end % g->block;
    return n;
}

/* Of one side: the rows here, and where each row of the matrix is here. */
static dg_status number(const dg_grid *g, int64_t n, int place, int places, int *n_here,
                        int32_t **here, int32_t **where, dg_err *err)
{
    const int64_t count = dg_grid_below(g, n, place, places);
    *n_here = (int)count;
    *here = dg_alloc((size_t)count, sizeof **here);
    *where = dg_alloc((size_t)n, sizeof **where);
    if (*here == NULL || *where == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a matrix of %lld rows", (long long)n);
    for (int64_t k = 0; k < n; k++) (*where)[k] = -1;
    for (int64_t k = 0; k < count; k++) {
        (*here)[k] = (int32_t)dg_grid_row(g, k, place, places);
        (*where)[(*here)[k]] = (int32_t)k;
    }
    return DG_OK;
}

/* The local stage: own part and its numbering. */
static dg_status allocate(dg_symmetric *a, dg_err *err)
{
    const dg_grid *g = &a->grid;
    const int rank = a->comm.rank;
    int elements;
    dg_status st =
        number(g, a->n, rank / g->columns, g->rows, &a->n_rows, &a->row, &a->place_row, err);
    if (st == DG_OK)
        st = number(g, a->n, rank % g->columns, g->columns, &a->n_columns, &a->column,
                    &a->place_column, err);
    if (st != DG_OK) return st;
    a->stride = a->n_rows > 0 ? a->n_rows : 1;
    if (!dg_to_int((int64_t)a->stride * a->n_columns, &elements)) {
        st = DG_FAIL(err, DG_ERR_CONFIG,
                     "a matrix of %lld rows is more than ScaLAPACK can hold on %d ranks",
                     (long long)a->n, a->comm.size);
        return dg_err_hint(err, st, "use more ranks");
    }
    a->at = dg_alloc((size_t)elements, sizeof *a->at);
    if (a->at != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %.1f GB of a matrix of %lld rows",
                   (double)elements * sizeof *a->at / 1e9, (long long)a->n);
}

static void open_grid(dg_symmetric *a)
{
    const int n = (int)a->n;
    a->handle = a->context = Csys2blacs_handle(a->comm.comm);
    Cblacs_gridinit(&a->context, "Row", a->grid.rows, a->grid.columns);
    const int descriptor[] = {1, a->context, n, n, a->grid.block, a->grid.block, 0, 0, a->stride};
    for (int k = 0; k < 9; k++) a->descriptor[k] = descriptor[k];
}

dg_status dg_symmetric_create(const dg_comm *c, int64_t n, dg_symmetric **out, dg_err *err)
{
    dg_symmetric *a = *out = dg_alloc(1, sizeof *a);
    dg_status st = a == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a matrix") : DG_OK;
    if (st == DG_OK && (n < 1 || n > INT32_MAX))
        st = DG_FAIL(err, DG_ERR_CONFIG, "a matrix cannot have %lld rows", (long long)n);
    st = dg_agree(c, st, err);
    if (st != DG_OK) {
        dg_free(a);
        *out = NULL;
        return st;
    }
    *a = (dg_symmetric){.n = n, .grid = dg_grid_choose(n, c->size), .handle = -1};
    dg_comm_init(&a->comm, c->comm);
    st = dg_agree(c, allocate(a, err), err);
    if (st == DG_OK)
        open_grid(a);
    else
        dg_symmetric_destroy(out);
    return st;
}

void dg_symmetric_destroy(dg_symmetric **a)
{
    if (*a == NULL) return;
    if ((*a)->handle >= 0) {
        Cblacs_gridexit((*a)->context);
        Cfree_blacs_system_handle((*a)->handle);
    }
    dg_comm_free(&(*a)->comm);
    dg_free((*a)->row);
    dg_free((*a)->column);
    dg_free((*a)->place_row);
    dg_free((*a)->place_column);
    dg_free((*a)->at);
    dg_free(*a);
    *a = NULL;
}

dg_tiles dg_symmetric_tiles(const dg_symmetric *a)
{
    return (dg_tiles){a->at,  a->stride, a->n_rows,    a->n_columns,
                      a->row, a->column, a->place_row, a->place_column};
}

/* The own elements of the diagonal, one a row here; 0 for rows whose diagonal is elsewhere. */
static void read_diagonal(const dg_symmetric *a, double *out)
{
    for (int r = 0; r < a->n_rows; r++) {
        const int32_t c = a->place_column[a->row[r]];
        out[r] = c < 0 ? 0 : a->at[(int64_t)c * a->stride + r];
    }
}

/* The first own row whose pivot says that it depends on those before, or n. Rounding leaves a
 * dependent row a pivot of either sign, of the size of what was taken off its diagonal. */
static int64_t first_dependent(const dg_symmetric *a, const double *before, const double *factor)
{
    for (int r = 0; r < a->n_rows; r++)
        if (a->place_column[a->row[r]] >= 0 &&
            !(factor[r] * factor[r] > (double)a->n * DBL_EPSILON * before[r]))
            return a->row[r];
    return a->n;
}

/* The Cholesky factor in place; *dependent the first row that has none, n where all have. */
static dg_status factorise(dg_symmetric *a, int64_t *dependent, dg_err *err)
{
    const int n = (int)a->n, one = 1;
    int info = 0;
    double *before = dg_alloc((size_t)a->n_rows, sizeof *before);
    double *factor = dg_alloc((size_t)a->n_rows, sizeof *factor);
    dg_status st = before == NULL || factor == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a factorisation")
                       : DG_OK;
    st = dg_agree(&a->comm, st, err);
    if (st == DG_OK) {
        read_diagonal(a, before);
        if (a->comm.size == 1)
            info = dg_cholesky_double(n, a->stride, a->at);
        else
            pdpotrf_("L", &n, a->at, &one, &one, a->descriptor, &info);
        read_diagonal(a, factor);
        /* What stands behind a row that failed was never factorised. */
        *dependent = info > 0 ? info - 1 : a->n;
        const int64_t found = first_dependent(a, before, factor);
        if (found < *dependent) *dependent = found;
        int64_t first = -*dependent;
        dg_max_int64(&a->comm, &first, 1);
        *dependent = -first;
    }
    dg_free(before);
    dg_free(factor);
    return st;
}

dg_status dg_symmetric_invert(dg_symmetric *a, int64_t *pivot, dg_err *err)
{
    *pivot = -1;
    dg_blas_threads(omp_get_max_threads());
    int64_t dependent = a->n;
    dg_status st = factorise(a, &dependent, err);
    if (st == DG_OK && dependent < a->n) {
        *pivot = dependent;
        st = DG_FAIL(err, DG_ERR_NUMERIC, "the matrix is not positive definite at row %lld",
                     (long long)dependent);
    } else if (st == DG_OK && a->comm.size == 1) {
        dg_cholesky_invert_double((int)a->n, a->stride, a->at);
    } else if (st == DG_OK) {
        st = dg_symmetric__inverse(a, err);
    }
    dg_blas_threads(1);
    return dg_agree(&a->comm, st, err);
}
