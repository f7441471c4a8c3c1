/* tally.h - one prediction from the neighbours that match: the same sums wherever they are taken,
 * in training, evaluation and serving.
 *
 * prediction = base + sum(w x) / norm, over matches in a fixed order: w the similarity of a
 * neighbour, x what it says, norm one of three. Everything is rounded to float at every step. */
#ifndef DG_RANKING_TALLY_H
#define DG_RANKING_TALLY_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { DG_TALLY_MOST = 1024 }; /* largest k */

typedef enum dg_tally_norm {
    DG_TALLY_SUM,        /* 1 */
    DG_TALLY_MEAN,       /* sum |w| */
    DG_TALLY_SIGNED_MEAN /* sum w */
} dg_tally_norm;

typedef struct dg_tally_rule {
    int norm;       /* dg_tally_norm */
    int64_t k;      /* only the k matches of the largest weight count; 0: all, DG_TALLY_MOST */
    int64_t min_k;  /* fewer matches than this say nothing */
    float fallback; /* added to the base where nothing is said */
} dg_tally_rule;

typedef struct dg_tally {
    float sum, norm;
    int32_t n;
} dg_tally;

/** Count a match. LOCAL. */
static inline void dg_tally_add(const dg_tally_rule *r, dg_tally *t, float weight, float value)
{
    t->sum += weight * value;
    t->norm += r->norm == DG_TALLY_MEAN ? fabsf(weight) : weight;
    t->n++;
}

/** What the sum is divided by; 0 where nothing is said: too few matches, or weights whose sum is
 *  not above 0. LOCAL. */
static inline float dg_tally_divisor(const dg_tally_rule *r, dg_tally t)
{
    if (t.n == 0 || t.n < r->min_k) return 0;
    if (r->norm == DG_TALLY_SUM) return 1;
    return t.norm > 0 ? t.norm : 0;
}

/** The prediction. LOCAL. */
static inline float dg_tally_score(const dg_tally_rule *r, dg_tally t, float base)
{
    const float divisor = dg_tally_divisor(r, t);
    return divisor == 0 ? base + r->fallback : base + t.sum / divisor;
}

/** Which of n matches count: those with the k largest weights, the first ones among equals; all
 *  where k is 0. LOCAL, O(n log k).
 *  @param[out] counts  (n,) */
void dg_tally_choose(const dg_tally_rule *r, const float *weight, int64_t n, bool *counts);

/** Count n matches in order, those chosen. LOCAL.
 *  @param[in] counts  (n,) overwritten room */
dg_tally dg_tally_of(const dg_tally_rule *r, const float *weight, const float *value, int64_t n,
                     bool *counts);

#endif
