#include "dense/blas.h"

#include <cblas.h>
#include <math.h>
#include <stddef.h>

/* LAPACK inside OpenBLAS; Debian ships no C header for it. */
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info);
void spotrs_(const char *uplo, const int *n, const int *nrhs, const float *a, const int *lda,
             float *b, const int *ldb, int *info);

/* Before main, so that no caller can forget it on some rank. */
__attribute__((constructor)) static void one_thread(void) { openblas_set_num_threads(1); }

void dg_syrk_add(int n, int k, const float *rows, float *gram)
{
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, k, n, 1, rows, k, 1, gram, k);
}

void dg_syrk_add_double(int n, int k, const double *rows, double *gram)
{
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, k, n, 1, rows, k, 1, gram, k);
}

void dg_gemm_tn_add(int n, int k, const float *a, const float *b, float *gram)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k, k, n, 1, a, k, b, k, 1, gram, k);
}

void dg_gemv(int n, int k, const float *rows, const float *x, float *out)
{
    cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, 1, rows, k, x, 1, 0, out, 1);
}

void dg_gemv_t_add(int n, int k, const float *rows, const float *t, float *out)
{
    cblas_sgemv(CblasRowMajor, CblasTrans, n, k, 1, rows, k, t, 1, 1, out, 1);
}

bool dg_cholesky_solve(int k, float *a, float *b)
{
    /* Row-major lower is column-major upper: LAPACK's own order, nothing is transposed. */
    const int one = 1;
    int info = 0;
    spotrf_("U", &k, a, &k, &info);
    if (info != 0) return false;
    for (int i = 0; i < k; i++) /* LAPACK lets NaN pass; whatever is not finite ends up here */
        if (!isfinite(a[(size_t)i * (size_t)k + (size_t)i])) return false;
    spotrs_("U", &k, &one, a, &k, b, &k, &info);
    return info == 0;
}

const char *dg_blas_core(void) { return openblas_get_corename(); }
