/* blas.h - the only door to BLAS and LAPACK. One thread per call, from before main: rows and tiles
 * are the parallelism here, and threaded BLAS inside threaded rows is 10 to 30 times slower. Only
 * linalg/ asks for more, around one large matrix. */
#ifndef DG_DENSE_BLAS_H
#define DG_DENSE_BLAS_H
#include "base/status.h"

#include <stdbool.h>

/** gram (k, k) += rows (n, k)^T rows, lower triangle only, row-major. LOCAL. n k^2 flops. */
void dg_syrk_add_double(int n, int k, const double *rows, double *gram);

/** out (m, k) += columns [first, first + m) of rows (n, k), transposed, times rows; row-major.
 * LOCAL. 2 n m k flops. */
void dg_gram_columns_add_double(int n, int k, const double *rows, int first, int m, double *out);

/** gram (k, k) += a (n, k)^T b (n, k), whole square, row-major. LOCAL. 2 n k^2 flops. */
void dg_gemm_tn_add(int n, int k, const float *a, const float *b, float *gram);

/** out (m, n) = a (rows, m)^T b (rows, n), row-major with the given row strides. LOCAL.
 *  2 rows m n flops. */
void dg_gemm_tn(int rows, int m, int n, const float *a, int a_stride, const float *b, int b_stride,
                float *out, int out_stride);

/**
 * Solve a x = b for symmetric positive definite a, by Cholesky. LOCAL. k^3/3 flops.
 * @param[in,out] a     (k, stride) lower triangle; the factor afterwards
 * @param[in,out] b     (k,) right side; the solution afterwards
 * Returns false where a is not positive definite or not finite; a and b are then of no use. What
 * is not finite in b stays so.
 * Source  LAPACK spotrf and spotrs.
 */
bool dg_cholesky_solve(int k, int stride, float *a, float *b);

/**
 * Eigenvalues, ascending, and eigenvectors of a symmetric matrix. LOCAL. About 9 k^3 flops.
 * @param[in,out] a      (k, k) finite, its lower triangle is read; afterwards row i is the
 *                       eigenvector of value[i]
 * @param[out]    value  (k,)
 * Errors  DG_ERR_NUMERIC it does not converge; DG_ERR_NOMEM.
 * Source  LAPACK dsyevd.
 */
dg_status dg_eigen(int k, double *a, double *value, dg_err *err);

/** out (n, m) = rows (n, k) * q (m, k)^T, all row-major, rows and out with row strides. LOCAL. */
void dg_multiply(int n, int k, int m, const float *rows, int stride, const float *q, float *out,
                 int out_stride);

/** out (n, k) = rows (n, k) * q (k, k)^T, all row-major with the given row strides. LOCAL. */
void dg_rotate(int n, int k, const float *rows, int stride, const float *q, float *out);

/** Threads of each BLAS call from now on, in the whole process; back to 1 when done. LOCAL, not
 *  thread-safe. */
void dg_blas_threads(int n);

/**
 * Cholesky factor of a large positive definite matrix in place. LOCAL. n^3/3 flops.
 * @param[in,out] a  column j is a + j stride; its lower triangle is read and replaced
 * Returns 0, or k where the leading minor of order k is not positive.
 * Source  LAPACK dpotrf.
 */
int dg_cholesky_double(int n, int stride, double *a);

/** Inverse of the matrix whose factor dg_cholesky_double left, lower triangle, in place. LOCAL.
 *  2 n^3/3 flops. Source LAPACK dpotri. */
void dg_cholesky_invert_double(int n, int stride, double *a);

/** Inverse of a lower triangle with a diagonal that is nowhere 0, in place; column j is a + j
 * stride. LOCAL. n^3/3 flops. Source LAPACK dtrtri. */
void dg_triangle_invert(int n, int stride, double *a);

/** c (m, n) = alpha a b + beta c for a (m, k), b (k, n); all column-major, column j at j stride.
 *  LOCAL. 2 m n k flops. */
void dg_gemm_nn_double(int m, int n, int k, double alpha, const double *a, int a_stride,
                       const double *b, int b_stride, double beta, double *c, int c_stride);

/** c += a b' for a (m, k), b (n, k) row-major and c column-major, column j at c + j stride. LOCAL.
 *  2 m n k flops. */
void dg_gemm_nt_add_double(int m, int n, int k, const double *a, const double *b, double *c,
                           int stride);

/**
 * Have the library take what it needs in memory now, for calls from so many threads. Later it would
 * wait for ever for what a limit of address space (ulimit -v) does not leave; without one nothing
 * is done. LOCAL. Errors DG_ERR_NOMEM.
 */
dg_status dg_blas_reserve(int threads, dg_err *err);

/** Core BLAS computes on ("SkylakeX"). LOCAL. */
const char *dg_blas_core(void);

#endif
