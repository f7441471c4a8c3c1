#include "evaluate/auc.h"

#include "base/memory.h"
#include "ranking/metrics.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static dg_status grow(dg_auc *a, size_t positives, size_t leaves, dg_err *err)
{
    float *p = dg_grow(a->positive, a->n_positive, a->n_positive + positives, &a->positive_capacity,
                       sizeof *p);
    if (p != NULL) a->positive = p;
    int32_t *l = dg_grow(a->leave, a->n_leave, a->n_leave + leaves, &a->leave_capacity, sizeof *l);
    if (l != NULL) a->leave = l;
    if (p != NULL && l != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for auc");
}

dg_status dg_auc_start(dg_auc *a, const dg_scorer *s, int i, dg_row target, const int32_t *seen,
                       int64_t n_seen, dg_err *err)
{
    const dg_row known = {.index = seen, .n = n_seen};
    if (i == 0) a->n_positive = a->n_leave = 0;
    const dg_status st = grow(a, (size_t)target.n, (size_t)(target.n + n_seen), err);
    if (st != DG_OK) return st;
    a->first[i] = a->n_positive;
    a->at[i] = a->n_leave;
    int64_t k = 0;
    for (int64_t t = 0; t < target.n; t++) {
        while (k < n_seen && seen[k] < target.index[t]) a->leave[a->n_leave++] = seen[k++];
        if (k < n_seen && seen[k] == target.index[t]) continue;
        a->leave[a->n_leave++] = target.index[t];
        if (!dg_row_has(known, target.index[t]))
            a->positive[a->n_positive++] = s->score_one(s->self, i, target.index[t]);
    }
    while (k < n_seen) a->leave[a->n_leave++] = seen[k++];
    a->end[i] = a->n_leave;
    a->first[i + 1] = a->n_positive;
    a->lost[i] = a->negatives[i] = 0;
    qsort(a->positive + a->first[i], a->n_positive - a->first[i], sizeof *a->positive, ascending);
    return DG_OK;
}

void dg_auc_block(dg_auc *a, int i, const float *score, int64_t begin, int64_t end)
{
    const float *positive = a->positive + a->first[i];
    const int64_t n = (int64_t)(a->first[i + 1] - a->first[i]);
    for (int64_t item = begin; item < end; item++) {
        if (a->at[i] < a->end[i] && a->leave[a->at[i]] == item) {
            a->at[i]++;
            continue;
        }
        a->negatives[i]++;
        a->lost[i] += dg_metric_lost(positive, n, score[item - begin]);
    }
}

bool dg_auc_value(const dg_auc *a, int i, double *out)
{
    const int64_t n = (int64_t)(a->first[i + 1] - a->first[i]);
    if (n == 0 || a->negatives[i] == 0) return false;
    *out = 1 - (double)a->lost[i] / (2 * (double)n * (double)a->negatives[i]);
    return true;
}

void dg_auc_free(dg_auc *a)
{
    dg_free(a->positive);
    dg_free(a->leave);
    *a = (dg_auc){0};
}
