#include "base/rng.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include <Random123/philox.h>
#pragma GCC diagnostic pop

#include <math.h>

dg_rng dg_rng_at(uint64_t seed, dg_rng_purpose purpose, uint64_t row)
{
    return (dg_rng){.seed = seed, .row = row, .purpose = (uint32_t)purpose};
}

static void refill(dg_rng *r)
{
    const philox4x32_ctr_t counter = {{(uint32_t)r->block, r->purpose ^ (uint32_t)(r->block >> 32),
                                       (uint32_t)r->row, (uint32_t)(r->row >> 32)}};
    const philox4x32_key_t key = {{(uint32_t)r->seed, (uint32_t)(r->seed >> 32)}};
    const philox4x32_ctr_t out = philox4x32(counter, key);
    for (int k = 0; k < 4; k++) r->word[k] = out.v[k];
    r->block++;
    r->have = 4;
}

uint32_t dg_rng_u32(dg_rng *r)
{
    if (r->have == 0) refill(r);
    return r->word[--r->have];
}

double dg_rng_uniform(dg_rng *r)
{
    const uint64_t high = dg_rng_u32(r) >> 5, low = dg_rng_u32(r) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

uint32_t dg_rng_below(dg_rng *r, uint32_t n)
{
    return (uint32_t)((uint64_t)dg_rng_u32(r) * n >> 32);
}

double dg_rng_normal(dg_rng *r)
{
    const double u = 1.0 - dg_rng_uniform(r); /* in (0, 1]: log stays finite */
    const double angle = 6.283185307179586 * dg_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(angle);
}
