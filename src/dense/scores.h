/* scores.h - scores of many pairs, each summed in one fixed order, and marks for those that matter.
 *
 * BLAS takes another kernel, hence another order of sums, for another shape: sgemm of OpenBLAS
 * 0.3.21 gives a user other bits alone than among others, on most cores. Here a score is
 *     start + a[0] b[0] + a[1] b[1] + … + a[k-1] b[k-1] + finish
 * summed from left to right, whoever else is scored. Evaluation, recommendation and serving all sum
 * so: a served score equals the evaluated one to the bit. Where the processor has fused
 * multiply-add (variants avx512 and avx2, the same bits) a product is not rounded before it is
 * added; in the portable variant it is, which moves scores by rounding. */
#ifndef DG_DENSE_SCORES_H
#define DG_DENSE_SCORES_H
#include <stddef.h>
#include <stdint.h>

enum {
    DG_MARKS = 16,         /* scores a word of marks stands for, lowest bit first */
    DG_SCORE_BLOCK = 1920, /* items at a time that keep 64 queries' scores in cache; whole words of
                              marks and whole tiles of every variant */
};

/** Items to score next where `done` are: few at first, while no selection has a threshold yet, then
 *  DG_SCORE_BLOCK. LOCAL. */
static inline int64_t dg_score_block(int64_t done)
{
    const int64_t first = DG_SCORE_BLOCK / 20;
    return done < first ? first : done < DG_SCORE_BLOCK ? done : DG_SCORE_BLOCK;
}

/** Words of marks for n scores. LOCAL. */
static inline size_t dg_mark_words(size_t n) { return (n + DG_MARKS - 1) / DG_MARKS; }

typedef struct dg_queries {
    int n, k;            /* queries, columns */
    size_t stride;       /* floats from one query to the next, >= k */
    const float *row;    /* (n, stride) */
    const float *start;  /* (n,) first terms */
    const float *finish; /* (n,) last terms; NULL for none */
} dg_queries;

/* Scores of queries with n_rows rows, rows (n_rows, stride) of which k columns are read:
 * out (queries, n_rows) row-major. With marks, bit j of mark (queries, dg_mark_words(n_rows)) is
 * set where score j is not below the query's threshold, or is not finite. LOCAL, in
 * dg_panel_kernels. 2 k flops a score at nearly the speed of sgemm for whole tiles of queries; for
 * a single query the rows are streamed once. 40 KB of stack. */
typedef void dg_scores_kernel(const dg_queries *q, int n_rows, const float *rows, size_t stride,
                              const float *threshold, float *out, uint16_t *mark);

/** The same, by the variant for this processor, of contiguous rows without marks:
 *  out (m, n) = start (m, 1) + a (m, k) * b (n, k)^T. LOCAL. */
void dg_scores(int m, int n, int k, const float *a, const float *b, const float *start, float *out);

/** One of those scores, the same bits. LOCAL. 2 k flops. */
float dg_score_one(int k, const float *a, const float *b, float start);

#endif
