/* panel.h - the kernels, by instruction set. Most work on a panel: the factor rows one row-solve
 * gathers, side by side in cache.
 *
 * A panel is (n, width) floats, width = dg_panel_width(d): d rounded up to a multiple of 16, padded
 * with zeros, 64-byte aligned. Vectors of a panel's width are padded the same way. Variants for
 * AVX-512, AVX2 and plain C are chosen at run time by the processor. Sums within a call go in the
 * stored order with a fixed pattern, so a call's bits depend on its arguments and the variant only;
 * variants differ from each other by rounding. */
#ifndef DG_DENSE_PANEL_H
#define DG_DENSE_PANEL_H
#include "dense/scores.h"

#include <stdbool.h>
#include <stdint.h>

enum { DG_PANEL_ALIGN = 16 }; /* floats */

/** d rounded up to whole vectors. LOCAL. */
static inline int dg_panel_width(int d)
{
    return (d + DG_PANEL_ALIGN - 1) / DG_PANEL_ALIGN * DG_PANEL_ALIGN;
}

/* Where the rows of a panel come from: a table of floats, or of halves (IEEE binary16) of the same
 * numbers times 1/unscale, which is half as much to fetch. Rows of halves are `width` long. */
typedef struct dg_panel_table {
    int d;
    const float *at;      /* (n, d), used where `half` is NULL */
    const uint16_t *half; /* (n, width) or NULL; 32-byte aligned */
    float unscale;        /* a power of two */
} dg_panel_table;

typedef struct dg_panel_kernels {
    const char *name; /* "avx512", "avx2", "portable" */

    /** panel (n, width) = the table's rows at index (n,). Rows to come are fetched ahead: index is
     *  readable for `follow` more entries. Halves come out the same from every variant. */
    void (*gather)(int n, int64_t follow, int width, const dg_panel_table *from,
                   const int32_t *index, float *panel);

    /** half (n,) = value (n,) times scale, rounded to nearest, ties to even. n is a multiple of 16.
     *  What is too large becomes infinite. */
    void (*pack)(int64_t n, float scale, const float *value, uint16_t *half);

    /** out (width,) += sum_j (pull_j - weight_j (f_j . x)) f_j; pull may be NULL for zeros, weight
     *  NULL for ones. score (n,) = f_j . x, where it is not NULL. One pass over the panel.
     *  4 n width flops. */
    void (*apply)(int n, int width, const float *panel, const float *weight, const float *pull,
                  const float *x, float *score, float *out);

    /** a . b, both (width,). */
    float (*dot)(int width, const float *a, const float *b);

    /** score (n,) = panel x. 2 n width flops. */
    void (*score)(int n, int width, const float *panel, const float *x, float *score);

    /** gram (width, width) += sum_j left_j f_j', lower triangle of 16 x 16 blocks (all of a
     * diagonal block). left is the panel itself, or its rows times their weights. n width^2 useful
     * flops. */
    void (*gram)(int n, int width, const float *left, const float *panel, float *gram);

    /**
     * Solve a x = b for symmetric positive definite a, by Cholesky. k^3/3 flops.
     * @param[in,out] a  (k, stride) its lower triangle is read, all of its rows are overwritten;
     *                   64-byte aligned, stride a multiple of 16, at least dg_panel_width(k)
     * @param[in,out] b  (dg_panel_width(k),) k of right side; the solution afterwards, then zeros
     * Returns false where a is not positive definite or not finite; a and b are then of no use.
     * What is not finite in b stays so. The backward error is that of the textbook's algorithm,
     * about k roundings of the diagonal: divisions are true divisions, nothing is inverted.
     * Source  Golub, Van Loan: Matrix Computations, 4.2 (gaxpy Cholesky, by blocks).
     */
    bool (*cholesky_solve)(int k, int stride, float *a, float *b);

    /** See scores.h. */
    dg_scores_kernel *scores;

    /** start + a . b of k columns from left to right: see scores.h. */
    float (*score_one)(int k, const float *a, const float *b, float start);

    /** The marks of scores (n,) that are there already: see scores.h. */
    void (*mark)(int n, const float *score, float threshold, uint16_t *mark);
} dg_panel_kernels;

/** The variant for this processor; DAOGOU_KERNELS=avx512|avx2|portable picks a lower one. LOCAL. */
const dg_panel_kernels *dg_panel(void);

/** All variants this processor can run, NULL-terminated, best first: for tests and bench. LOCAL. */
const dg_panel_kernels *const *dg_panel_variants(void);

#endif
