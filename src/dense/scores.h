/* scores.h - many dot products at once, each summed in one fixed order.
 *
 * BLAS takes another kernel, hence another order of sums, for another shape: sgemm of OpenBLAS
 * 0.3.21 gives a user other bits alone than among others, on most cores. Here a score is
 * start + a[0] b[0] + a[1] b[1] + …, rounded to float at every step, whoever else is scored, on
 * every instruction set. */
#ifndef DG_DENSE_SCORES_H
#define DG_DENSE_SCORES_H

/**
 * out (m, n) = start (m, 1) + a (m, k) * b (n, k)^T, row-major, contiguous. LOCAL.
 * Cost  2 m n k flops, at a half to two thirds of the speed of sgemm for m = 64; 16 KB of stack.
 */
void dg_scores(int m, int n, int k, const float *a, const float *b, const float *start, float *out);

/** One of those scores, the same bits. LOCAL. 2 k flops. */
float dg_score_one(int k, const float *a, const float *b, float start);

#endif
