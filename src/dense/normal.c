#include "dense/normal.h"

#include "base/memory.h"
#include "dense/blas.h"

#include <math.h>
#include <string.h>

/* Changes of a factor until it is made anew, so that roundings do not pile up. */
enum { MOST_CHANGES = 256 };

struct dg_normal {
    int d;
    double lambda;
    bool factored;    /* the factor is that of the matrix as it is */
    int changes;      /* of the factor since it was made */
    double *a;        /* (d, d) strictly below the diagonal the matrix; from it upwards the factor's
                         transpose, so that both are gone through row by row */
    double *diagonal; /* (d,) of the matrix, without lambda */
    double *right;    /* (d,) */
    double *spare;    /* (d,) */
};

size_t dg_normal_bytes(int d)
{
    return sizeof(dg_normal) + ((size_t)d + 3) * (size_t)d * sizeof(double);
}

static dg_status allocate(int d, dg_normal **out, dg_err *err)
{
    const size_t n = (size_t)d;
    dg_normal *at = *out = dg_alloc(1, sizeof *at);
    if (at != NULL) {
        at->d = d;
        at->a = dg_alloc(n * n, sizeof(double));
        at->diagonal = dg_alloc(n, sizeof(double));
        at->right = dg_alloc(n, sizeof(double));
        at->spare = dg_alloc(n, sizeof(double));
        if (at->a != NULL && at->diagonal != NULL && at->right != NULL && at->spare != NULL)
            return DG_OK;
    }
    dg_normal_destroy(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a system of %d unknowns", d);
}

dg_status dg_normal_create(int d, const double *shared, dg_normal **out, dg_err *err)
{
    const dg_status st = allocate(d, out, err);
    if (st != DG_OK || shared == NULL) return st;
    const size_t n = (size_t)d;
    memcpy((*out)->a, shared, n * n * sizeof(double));
    for (size_t k = 0; k < n; k++) (*out)->diagonal[k] = shared[k * n + k];
    return DG_OK;
}

void dg_normal_destroy(dg_normal **at)
{
    if (*at == NULL) return;
    dg_free((*at)->a);
    dg_free((*at)->diagonal);
    dg_free((*at)->right);
    dg_free((*at)->spare);
    dg_free(*at);
    *at = NULL;
}

dg_status dg_normal_copy(const dg_normal *n, dg_normal **out, dg_err *err)
{
    const dg_status st = allocate(n->d, out, err);
    if (st != DG_OK) return st;
    const size_t d = (size_t)n->d;
    memcpy((*out)->a, n->a, d * d * sizeof(double));
    memcpy((*out)->diagonal, n->diagonal, d * sizeof(double));
    memcpy((*out)->right, n->right, d * sizeof(double));
    (*out)->lambda = n->lambda;
    (*out)->factored = n->factored;
    (*out)->changes = n->changes;
    return DG_OK;
}

void dg_normal_regularize(dg_normal *n, double lambda)
{
    if (lambda == n->lambda) return;
    n->lambda = lambda;
    n->factored = false;
}

/* The factor of the matrix plus x x', by rotations; x is used up. */
static void update(dg_normal *n, double *x)
{
    for (int k = 0; k < n->d; k++) {
        double *row = n->a + (size_t)k * (size_t)n->d;
        const double length = hypot(row[k], x[k]), c = length / row[k], s = x[k] / row[k];
        row[k] = length;
        for (int i = k + 1; i < n->d; i++) {
            row[i] = (row[i] + s * x[i]) / c;
            x[i] = c * x[i] - s * row[i];
        }
    }
}

/* The same minus x x'. False where too little of a pivot is left to be trusted; the factor is then
 * of no use. */
static bool downdate(dg_normal *n, double *x)
{
    static const double least = 1e-3; /* of the pivot's square: three digits are lost at most */
    for (int k = 0; k < n->d; k++) {
        double *row = n->a + (size_t)k * (size_t)n->d;
        const double s = x[k] / row[k], left = (1 - s) * (1 + s);
        if (!(left > least)) return false;
        const double c = sqrt(left);
        row[k] *= c;
        for (int i = k + 1; i < n->d; i++) {
            row[i] = (row[i] - s * x[i]) / c;
            x[i] = c * x[i] - s * row[i];
        }
    }
    return true;
}

void dg_normal_add(dg_normal *n, const double *f, double weight, double pull)
{
    for (int i = 0; i < n->d; i++) {
        double *row = n->a + (size_t)i * (size_t)n->d;
        for (int j = 0; j < i; j++) row[j] += weight * f[i] * f[j];
        n->diagonal[i] += weight * f[i] * f[i];
        n->right[i] += pull * f[i];
    }
    if (!n->factored || weight == 0) return;
    const double root = sqrt(fabs(weight));
    for (int i = 0; i < n->d; i++) n->spare[i] = root * f[i];
    if (weight > 0)
        update(n, n->spare);
    else
        n->factored = downdate(n, n->spare);
    n->factored = n->factored && ++n->changes < MOST_CHANGES;
}

static dg_status factor(dg_normal *n, dg_err *err)
{
    const size_t d = (size_t)n->d;
    for (size_t i = 0; i < d; i++) {
        for (size_t j = i + 1; j < d; j++) n->a[i * d + j] = n->a[j * d + i];
        n->a[i * d + i] = n->diagonal[i] + n->lambda;
    }
    n->changes = 0;
    n->factored = dg_cholesky_double(n->d, n->d, n->a) == 0; /* its columns are rows here */
    if (n->factored) return DG_OK;
    return DG_FAIL(err, DG_ERR_NUMERIC, "a system of %d unknowns is not positive definite", n->d);
}

dg_status dg_normal_solve_for(dg_normal *n, const double *f, double *z, dg_err *err)
{
    const int d = n->d;
    const dg_status st = n->factored ? DG_OK : factor(n, err);
    if (st != DG_OK) return st;
    if (z != f) memcpy(z, f, (size_t)d * sizeof *z);
    for (int k = 0; k < d; k++) {
        const double *row = n->a + (size_t)k * (size_t)d;
        z[k] /= row[k];
        for (int i = k + 1; i < d; i++) z[i] -= row[i] * z[k];
    }
    bool finite = true;
    for (int k = d - 1; k >= 0; k--) {
        const double *row = n->a + (size_t)k * (size_t)d;
        for (int i = k + 1; i < d; i++) z[k] -= row[i] * z[i];
        z[k] /= row[k];
        finite = finite && isfinite(z[k]);
    }
    if (finite) return DG_OK;
    n->factored = false;
    return DG_FAIL(err, DG_ERR_NUMERIC, "a solution of %d unknowns is not finite", d);
}

dg_status dg_normal_solve(dg_normal *n, double *x, dg_err *err)
{
    return dg_normal_solve_for(n, n->right, x, err);
}
