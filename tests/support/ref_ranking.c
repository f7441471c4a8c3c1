#include "ref_ranking.h"

#include <math.h>
#include <stdlib.h>

static bool has(const int32_t *set, int64_t n, int32_t x)
{
    for (int64_t i = 0; i < n; i++)
        if (set[i] == x) return true;
    return false;
}

static int by_score_then_index(const void *a, const void *b)
{
    const dg_hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

int ref_rank(const float *score, int n, const int32_t *skip, int64_t n_skip, dg_hit *out)
{
    int found = 0;
    for (int32_t i = 0; i < n; i++)
        if (!has(skip, n_skip, i)) out[found++] = (dg_hit){score[i], i};
    qsort(out, (size_t)found, sizeof *out, by_score_then_index);
    return found;
}

double ref_metric(dg_metric metric, int k, const dg_hit *list, int n_list, const int32_t *target,
                  int64_t n_target)
{
    double hits = 0, dcg = 0, ideal = 0, average = 0, first = 0;
    const double top = n_target < k ? (double)n_target : k;
    for (int r = 1; r <= k && r <= n_list; r++) {
        if (!has(target, n_target, list[r - 1].index)) continue;
        double before = 0; /* hits among the first r */
        for (int q = 1; q <= r; q++) before += has(target, n_target, list[q - 1].index);
        hits += 1;
        dcg += log(2) / log(r + 1);
        average += before / r;
        if (first == 0) first = r;
    }
    for (int r = 1; r <= top; r++) ideal += log(2) / log(r + 1);
    const double precision = hits / k, recall = hits / (double)n_target;
    switch (metric) {
    case DG_METRIC_RECALL: return recall;
    case DG_METRIC_RECALL_TRUNC: return hits / top;
    case DG_METRIC_PRECISION: return precision;
    case DG_METRIC_F1: return hits == 0 ? 0 : 2 * precision * recall / (precision + recall);
    case DG_METRIC_NDCG: return dcg / ideal;
    case DG_METRIC_MAP: return average / top;
    case DG_METRIC_MRR: return first == 0 ? 0 : 1 / first;
    case DG_METRIC_HR: return hits > 0;
    default: return NAN;
    }
}
