#include "ranking/tally.h"

#include "ranking/topk.h"

#include <stddef.h>

void dg_tally_choose(const dg_tally_rule *r, const float *weight, int64_t n, bool *counts)
{
    dg_hit room[DG_TALLY_MOST];
    dg_err err;
    for (int64_t k = 0; k < n; k++) counts[k] = r->k == 0 || n <= r->k;
    if (r->k == 0 || n <= r->k) return;
    dg_topk best = dg_topk_start(room, (int)r->k);
    if (dg_topk_push(&best, weight, 0, (int32_t)n, NULL, 0, &err) != DG_OK) return; /* finite */
    dg_topk_finish(&best);
    for (int k = 0; k < best.n; k++) counts[best.hit[k].index] = true;
}

dg_tally dg_tally_of(const dg_tally_rule *r, const float *weight, const float *value, int64_t n,
                     bool *counts)
{
    dg_tally t = {0};
    dg_tally_choose(r, weight, n, counts);
    for (int64_t k = 0; k < n; k++)
        if (counts[k]) dg_tally_add(r, &t, weight[k], value[k]);
    return t;
}
