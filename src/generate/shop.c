#include "generate/shop.h"

#include "base/memory.h"
#include "generate/words.h"

#include <math.h>

/* Streams of rows that are not an item, a user or a scene. */
#define PERMUTATION_ROW (UINT64_C(1) << 62)
#define GROUP_ROW       (PERMUTATION_ROW + 1)

enum { AGE_BANDS = 6, AGE_FIRST = 16, AGE_WIDTH = 10 };
enum { /* first group of each kind */
       CATEGORY_GROUP = 0,
       BRAND_GROUP = CATEGORY_GROUP + DG_N_CATEGORIES,
       AGE_GROUP = BRAND_GROUP + DG_N_BRANDS,
       CITY_GROUP = AGE_GROUP + AGE_BANDS,
       N_GROUPS = CITY_GROUP + DG_N_CITIES
};

double dg_sigmoid(double x) { return 1 / (1 + exp(-x)); }

static dg_rng stream(const dg_shop *s, dg_rng_purpose purpose, uint64_t row)
{
    return dg_rng_at((uint64_t)s->options->seed, purpose, row);
}

static void normals(dg_rng *r, int n, float *out)
{
    for (int f = 0; f < n; f++) out[f] = (float)dg_rng_normal(r);
}

/* A vector of normals: attribute_share of its variance from the two groups, the rest its own. */
static void mix_taste(const dg_shop *s, dg_rng *r, int group, int other, float *out)
{
    const float *a = s->groups + (ptrdiff_t)group * s->n_factors;
    const float *b = s->groups + (ptrdiff_t)other * s->n_factors;
    const double shared = sqrt(s->options->attribute_share / 2);
    const double own = sqrt(1 - s->options->attribute_share);
    for (int f = 0; f < s->n_factors; f++)
        out[f] = (float)(shared * (double)(a[f] + b[f]) + own * dg_rng_normal(r));
}

static dg_good draw_good(dg_rng *r)
{
    dg_good g;
    g.category = (int)dg_rng_below(r, DG_N_CATEGORIES);
    g.brand = (int)dg_rng_below(r, DG_N_BRANDS);
    return g;
}

static void make_groups(dg_shop *s)
{
    for (int g = 0; g < N_GROUPS; g++) {
        dg_rng r = stream(s, DG_RNG_GENERATE_ITEM, GROUP_ROW + (uint64_t)g);
        normals(&r, s->n_factors, s->groups + (ptrdiff_t)g * s->n_factors);
    }
}

static void make_items(dg_shop *s)
{
    for (int64_t i = 0; i < s->options->items; i++) {
        dg_rng r = stream(s, DG_RNG_GENERATE_ITEM, (uint64_t)i);
        const dg_good g = draw_good(&r);
        s->bias[i] = (float)(s->options->item_spread * dg_rng_normal(&r));
        mix_taste(s, &r, CATEGORY_GROUP + g.category, BRAND_GROUP + g.brand,
                  s->taste + i * s->n_factors);
    }
}

static void make_scenes(dg_shop *s)
{
    for (int64_t k = 0; k < s->options->scenes; k++) {
        dg_rng r = stream(s, DG_RNG_GENERATE_SCENE, (uint64_t)k);
        normals(&r, s->n_factors, s->scenes + k * s->n_factors);
    }
}

/* Popularity ranks are shuffled over the ids, so that an id tells nothing. */
static void make_weights(dg_shop *s)
{
    const dg_generate_options *o = s->options;
    dg_rng r = stream(s, DG_RNG_GENERATE_ITEM, PERMUTATION_ROW);
    for (int64_t k = 0; k < o->items; k++)
        s->weight[k] =
            pow(((double)k + 1 + o->item_shift) / (1 + o->item_shift), -o->item_exponent);
    for (int64_t k = o->items - 1; k > 0; k--) {
        const int64_t other = dg_rng_below(&r, (uint32_t)k + 1);
        const double swap = s->weight[k];
        s->weight[k] = s->weight[other];
        s->weight[other] = swap;
    }
}

dg_status dg_shop_create(const dg_generate_options *o, dg_shop *out, dg_err *err)
{
    const size_t k = (size_t)o->n_factors, n = (size_t)o->items;
    dg_shop *s = out;
    *s = (dg_shop){.options = o, .n_factors = (int)o->n_factors};
    s->weight = dg_alloc(n, sizeof *s->weight);
    s->taste = dg_alloc(n, k * sizeof *s->taste);
    s->bias = dg_alloc(n, sizeof *s->bias);
    s->groups = dg_alloc(N_GROUPS, k * sizeof *s->groups);
    s->scenes = dg_alloc((size_t)o->scenes, k * sizeof *s->scenes);
    dg_status st = DG_OK;
    if (s->weight == NULL || s->taste == NULL || s->bias == NULL || s->groups == NULL ||
        s->scenes == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the taste of %zu goods", n);
    if (st == DG_OK) {
        make_groups(s);
        make_items(s);
        make_scenes(s);
        make_weights(s);
        st = dg_alias_create(s->weight, (uint32_t)n, &s->popularity, err);
    }
    if (st != DG_OK) dg_shop_free(s);
    return st;
}

void dg_shop_free(dg_shop *s)
{
    dg_free(s->weight);
    dg_free(s->taste);
    dg_free(s->bias);
    dg_free(s->groups);
    dg_free(s->scenes);
    dg_alias_free(&s->popularity);
    *s = (dg_shop){0};
}

dg_good dg_shop_good(const dg_shop *s, int64_t item)
{
    dg_rng r = stream(s, DG_RNG_GENERATE_ITEM, (uint64_t)item);
    return draw_good(&r);
}

/* Heavy-tailed, with a floor that keeps every shopper's weight above zero. */
static double draw_activity(const dg_shop *s, dg_rng *r)
{
    return pow(1 - dg_rng_uniform(r), -1 / s->options->user_exponent) - 0.99;
}

double dg_shop_activity(const void *shop, int64_t user)
{
    dg_rng r = stream(shop, DG_RNG_GENERATE_USER, (uint64_t)user);
    return draw_activity(shop, &r);
}

dg_shopper dg_shop_shopper(const dg_shop *s, int64_t user, float *taste)
{
    dg_rng r = stream(s, DG_RNG_GENERATE_USER, (uint64_t)user);
    dg_shopper u;
    draw_activity(s, &r);
    const uint32_t band = dg_rng_below(&r, AGE_BANDS);
    u.age = AGE_FIRST + (int)(band * AGE_WIDTH + dg_rng_below(&r, AGE_WIDTH));
    u.city = (int)dg_rng_below(&r, DG_N_CITIES);
    u.bias = (float)(s->options->user_spread * dg_rng_normal(&r));
    mix_taste(s, &r, AGE_GROUP + (int)band, CITY_GROUP + u.city, taste);
    const float scale = (float)(1 / sqrt((double)s->n_factors));
    for (int f = 0; f < s->n_factors; f++) taste[f] *= scale;
    return u;
}

float dg_shop_affinity(const dg_shop *s, const float *taste, int64_t item)
{
    const float *q = s->taste + item * s->n_factors;
    float sum[4] = {0}; /* four chains: fixed order, yet fast */
    int f = 0;
    for (; f + 4 <= s->n_factors; f += 4)
        for (int k = 0; k < 4; k++) sum[k] += taste[f + k] * q[f + k];
    for (; f < s->n_factors; f++) sum[0] += taste[f] * q[f];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
