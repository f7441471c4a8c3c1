#include "registry/bootstrap.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

/* P(X <= k) of a Poisson variable of mean 1, in 2^-32; what lies beyond has no 32-bit chance. */
static const uint32_t at_most[] = {1580030169u, 3160060337u, 3950075422u, 4213413783u,
                                   4279248374u, 4292415292u, 4294609778u, 4294923276u,
                                   4294962463u, 4294966817u, 4294967253u, 4294967292u};

static uint8_t poisson(uint32_t u)
{
    uint8_t k = 0;
    while (k < sizeof at_most / sizeof *at_most && u >= at_most[k]) k++;
    return k;
}

void dg_bootstrap_weights(uint64_t seed, uint64_t user, int64_t begin, int64_t end, uint8_t *weight)
{
    dg_rng rng = dg_rng_at(seed, DG_RNG_BOOTSTRAP, user);
    rng.block = (uint64_t)begin / 4;
    for (int64_t skipped = begin % 4; skipped > 0; skipped--) dg_rng_u32(&rng);
    for (int64_t d = begin; d < end; d++) *weight++ = poisson(dg_rng_u32(&rng));
}

void dg_bootstrap_add(const uint8_t *weight, int64_t n, const double *row, int n_cols, double *sum)
{
    for (int64_t d = 0; d < n; d++, sum += n_cols) {
        const double w = weight[d];
        for (int k = 0; k < n_cols; k++) sum[k] += w * row[k];
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void dg_bootstrap_interval(double *drawn, int64_t n, double confidence, double *low, double *high)
{
    *low = *high = NAN;
    for (int64_t d = 0; d < n; d++)
        if (isnan(drawn[d])) return;
    if (n == 0) return;
    qsort(drawn, (size_t)n, sizeof *drawn, by_value);
    const int64_t out = (int64_t)floor((1 - confidence) / 2 * (double)n + 1e-9);
    *low = drawn[out];
    *high = drawn[n - 1 - out];
}
