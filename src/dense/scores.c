#include "dense/scores.h"

#include "dense/panel.h"

void dg_scores(int m, int n, int k, const float *a, const float *b, const float *start, float *out)
{
    const dg_queries q = {.n = m, .k = k, .stride = (size_t)k, .row = a, .start = start};
    dg_panel()->scores(&q, n, b, (size_t)k, NULL, out, NULL);
}

float dg_score_one(int k, const float *a, const float *b, float start)
{
    return dg_panel()->score_one(k, a, b, start);
}
