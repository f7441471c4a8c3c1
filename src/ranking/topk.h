/* topk.h - keep the k best of a stream of scores, without allocating.
 *
 * One order everywhere: score descending, equal scores by index ascending. It is total, so the
 * list does not depend on the order in which blocks arrive. */
#ifndef DG_RANKING_TOPK_H
#define DG_RANKING_TOPK_H
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct dg_hit {
    float score;   /* finite; -0 comes out of a selection as 0 */
    int32_t index; /* item */
} dg_hit;

typedef struct dg_topk {
    dg_hit *hit;     /* (k,) the caller's; of no meaning to others until dg_topk_finish */
    int k, n;        /* room, and hits held */
    float threshold; /* a score below this cannot enter; -inf until n == k, +inf when k == 0 */
} dg_topk;

/** Does a stand before b in a list? LOCAL. */
static inline bool dg_hit_before(dg_hit a, dg_hit b)
{
    return a.score > b.score || (a.score == b.score && a.index < b.index);
}

/** An empty selection in the caller's `room` (k,), which must outlive it. k >= 0. LOCAL. */
dg_topk dg_topk_start(dg_hit *room, int k);

/** Offer one hit of finite score, whose index was not offered yet. LOCAL. O(log k). */
void dg_topk_offer(dg_topk *t, dg_hit hit);

/**
 * Offer scores of the consecutive indices first, first + 1, … first + n - 1. LOCAL.
 *
 * @param[in]  score  (n,) of index first + j; no index is offered twice
 * @param[in]  skip   (n_skip,) ascending indices to leave out, any range; NULL if n_skip == 0
 *
 * Cost    O(n) compares in the common case that few scores enter, O(log k) for each that does.
 * Errors  DG_ERR_NUMERIC "the score of item 7 is nan" for a score that is not finite; those of
 *         skipped indices are not looked at. The selection is then of no further use.
 */
dg_status dg_topk_push(dg_topk *t, const float *score, int32_t first, int32_t n,
                       const int32_t *skip, int64_t n_skip, dg_err *err);

/**
 * The same where a kernel has marked the scores that matter, lowest bit of a word first
 * (dense/scores.h): those not below a threshold this selection has had, and those not finite.
 * LOCAL.
 *
 * @param[in]  mark  ((n + 15) / 16,) no bits behind the n-th
 *
 * Cost    n / 64 words are looked at; scores only where a bit is set.
 * Errors  as dg_topk_push.
 */
dg_status dg_topk_push_marked(dg_topk *t, const float *score, const uint16_t *mark, int32_t first,
                              int32_t n, const int32_t *skip, int64_t n_skip, dg_err *err);

/** Sort the hits held, best first, and return how many there are. LOCAL, O(k log k). */
int dg_topk_finish(dg_topk *t);

/** The best k of two finished lists over different indices, into out (k,), which is neither of
 *  them; returns how many there are. LOCAL, O(k). */
int dg_topk_merge(const dg_hit *a, int n_a, const dg_hit *b, int n_b, dg_hit *out, int k);

#endif
