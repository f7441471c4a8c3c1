#include "registry/bootstrap.h"

#include "base/rng.h"

#include <stddef.h>

static void add(const double *row, int n, double *sum)
{
    for (int k = 0; k < n; k++) sum[k] += row[k];
}

void dg_bootstrap_draw(const dg_bootstrap *b, int64_t begin, int64_t end, double *mine,
                       double *theirs)
{
    const int m = b->n_cols;
    for (int64_t d = begin; d < end; d++, mine += m, theirs += b->theirs == NULL ? 0 : m) {
        dg_rng rng = dg_rng_at(b->seed, DG_RNG_BOOTSTRAP, (uint64_t)d);
        for (int k = 0; k < m; k++) mine[k] = 0;
        for (int k = 0; k < m && b->theirs != NULL; k++) theirs[k] = 0;
        for (int64_t i = 0; i < b->n; i++) {
            const int64_t user = dg_rng_below(&rng, (uint32_t)b->n);
            add(b->mine + user * m, m, mine);
            if (b->theirs != NULL) add(b->theirs + user * m, m, theirs);
        }
    }
}
