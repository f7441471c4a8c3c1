#include "dense/blas.h"

#include "base/memory.h"

#include <cblas.h>
#include <math.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* LAPACK inside OpenBLAS; Debian ships no C header for it. */
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dtrtri_(const char *uplo, const char *diag, const int *n, double *a, const int *lda,
             int *info);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info);
void spotrs_(const char *uplo, const int *n, const int *nrhs, const float *a, const int *lda,
             float *b, const int *ldb, int *info);

/* Before main, so that no caller can forget it on some rank. */
__attribute__((constructor)) static void one_thread(void) { openblas_set_num_threads(1); }

void dg_syrk_add_double(int n, int k, const double *rows, double *gram)
{
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, k, n, 1, rows, k, 1, gram, k);
}

void dg_gram_columns_add_double(int n, int k, const double *rows, int first, int m, double *out)
{
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, k, n, 1, rows + first, k, rows, k, 1,
                out, k);
}

void dg_gemm_tn_add(int n, int k, const float *a, const float *b, float *gram)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k, k, n, 1, a, k, b, k, 1, gram, k);
}

void dg_gemm_tn(int rows, int m, int n, const float *a, int a_stride, const float *b, int b_stride,
                float *out, int out_stride)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, rows, 1, a, a_stride, b, b_stride, 0,
                out, out_stride);
}

bool dg_cholesky_solve(int k, int stride, float *a, float *b)
{
    /* Row-major lower is column-major upper: LAPACK's own order, nothing is transposed. */
    const int one = 1;
    int info = 0;
    spotrf_("U", &k, a, &stride, &info);
    if (info != 0) return false;
    for (int i = 0; i < k; i++) /* LAPACK lets NaN pass; whatever is not finite ends up here */
        if (!isfinite(a[(size_t)i * (size_t)stride + (size_t)i])) return false;
    spotrs_("U", &k, &one, a, &stride, b, &k, &info);
    return info == 0;
}

dg_status dg_eigen(int k, double *a, double *value, dg_err *err)
{
    const int ask = -1;
    double best = 0;
    int best_whole = 0, info = 0;
    dsyevd_("V", "U", &k, a, &k, value, &best, &ask, &best_whole, &ask, &info);
    const int n = (int)best;
    double *work = dg_alloc((size_t)n, sizeof *work);
    int *whole = dg_alloc((size_t)best_whole, sizeof *whole);
    dg_status st = DG_OK;
    if (work == NULL || whole == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d eigenvectors", k);
    else
        dsyevd_("V", "U", &k, a, &k, value, work, &n, whole, &best_whole, &info);
    if (info != 0)
        st = DG_FAIL(err, DG_ERR_NUMERIC, "eigenvalues of %d factors do not converge", k);
    dg_free(work);
    dg_free(whole);
    return st;
}

void dg_multiply(int n, int k, int m, const float *rows, int stride, const float *q, float *out,
                 int out_stride)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, m, k, 1, rows, stride, q, k, 0, out,
                out_stride);
}

void dg_rotate(int n, int k, const float *rows, int stride, const float *q, float *out)
{
    dg_multiply(n, k, k, rows, stride, q, out, k);
}

void dg_blas_threads(int n) { openblas_set_num_threads(n); }

dg_status dg_blas_reserve(int threads, dg_err *err)
{
    static const size_t each = 144 << 20; /* as OpenBLAS 0.3 is built here, with room to spare */
    const size_t all = each * (size_t)threads;
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return DG_OK;
    void *room = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        DG_FAIL(err, DG_ERR_NOMEM,
                "out of memory: BLAS asks for %zu MB of addresses for %d thread%s", all >> 20,
                threads, threads == 1 ? "" : "s");
        return dg_err_hint(err, DG_ERR_NOMEM, "raise the limit (ulimit -v)%s",
                           threads == 1 ? "" : ", or set OMP_NUM_THREADS lower");
    }
    munmap(room, all);
    double one = 1, sum = 0;
    dg_syrk_add_double(1, 1, &one, &sum); /* what it takes it keeps */
    return DG_OK;
}

int dg_cholesky_double(int n, int stride, double *a)
{
    int info = 0;
    dpotrf_("L", &n, a, &stride, &info);
    return info;
}

void dg_cholesky_invert_double(int n, int stride, double *a)
{
    int info = 0; /* a factor with a positive diagonal has an inverse */
    dpotri_("L", &n, a, &stride, &info);
}

void dg_triangle_invert(int n, int stride, double *a)
{
    int info = 0;
    dtrtri_("L", "N", &n, a, &stride, &info);
}

void dg_gemm_nn_double(int m, int n, int k, double alpha, const double *a, int a_stride,
                       const double *b, int b_stride, double beta, double *c, int c_stride)
{
    if (m > 0 && n > 0)
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, m, n, k, alpha, a, a_stride, b,
                    b_stride, beta, c, c_stride);
}

void dg_gemm_nt_add_double(int m, int n, int k, const double *a, const double *b, double *c,
                           int stride)
{
    if (m > 0 && n > 0)
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, m, n, k, 1, a, k, b, k, 1, c, stride);
}

const char *dg_blas_core(void) { return openblas_get_corename(); }
