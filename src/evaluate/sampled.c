#include "evaluate/sampled.h"

#include "ranking/metrics.h"
#include "ranking/topk.h"

#include <string.h>

/* Draw one item more that is not among the n so far, which stay ascending. */
static void draw(const dg_scorer *s, dg_row target, dg_row skip, dg_rng *rng, int n, int32_t *drawn)
{
    for (;;) {
        const int32_t item = (int32_t)dg_rng_below(rng, (uint32_t)s->n_items);
        if (dg_row_has(target, item) || dg_row_has(skip, item) ||
            dg_row_has((dg_row){.index = drawn, .n = n}, item))
            continue;
        int at = n;
        while (at > 0 && drawn[at - 1] > item) at--;
        memmove(drawn + at + 1, drawn + at, (size_t)(n - at) * sizeof *drawn);
        drawn[at] = item;
        return;
    }
}

static dg_hit hit(const dg_scorer *s, int i, const float *row, int32_t item)
{
    return (dg_hit){row != NULL ? row[item] : s->score_one(s->self, i, item), item};
}

/* The target's rank from 1, in the order of lists. */
static int rank_among(const dg_scorer *s, int i, const float *row, int32_t target,
                      const int32_t *drawn, int n)
{
    const dg_hit own = hit(s, i, row, target);
    int rank = 1;
    for (int d = 0; d < n; d++) rank += dg_hit_before(hit(s, i, row, drawn[d]), own);
    return rank;
}

dg_status dg_sampled_measure(const dg_scorer *s, int i, const float *row, dg_row target,
                             const int32_t *skip, int64_t n_skip, dg_rng *rng, int n,
                             int32_t *drawn, const int *k, int n_k, double *out, dg_err *err)
{
    const dg_row out_of_it = {.index = skip, .n = n_skip};
    const double each = 1 / (double)target.n;
    int64_t left = s->n_items - n_skip;
    for (int64_t t = 0; t < target.n; t++) left -= !dg_row_has(out_of_it, target.index[t]);
    if (left < n)
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "evaluate.sampled: %d items are to be drawn, a user has only %lld left", n,
                       (long long)left);
    memset(out, 0, (size_t)DG_SAMPLED_METRICS * (size_t)n_k * sizeof *out);
    for (int64_t t = 0; t < target.n; t++) {
        for (int d = 0; d < n; d++) draw(s, target, out_of_it, rng, d, drawn);
        const int rank = rank_among(s, i, row, target.index[t], drawn, n);
        for (int j = 0; j < n_k; j++) {
            if (rank > k[j]) continue;
            out[j] += each * dg_metric_discount(rank);
            out[n_k + j] += each / rank;
            out[2 * n_k + j] += each;
        }
    }
    return DG_OK;
}
