#include "base/memory.h"
#include "generate/shop.h"

#include <math.h>
#include <stdlib.h>

enum { TRIES_PER_ITEM = 4 }; /* a try costs a fifth of an item's place in the race */

struct dg_race { /* an item and when it arrives */
    double at;
    dg_picked pick;
};

dg_status dg_picker_create(const dg_shop *s, int64_t most, dg_picker *out, dg_err *err)
{
    const size_t n = (size_t)s->options->items;
    *out = (dg_picker){.shop = s, .most = most};
    out->seen = dg_alloc(n / 64 + 1, sizeof *out->seen);
    out->picked = dg_alloc((size_t)most, sizeof *out->picked);
    out->race = dg_alloc(n, sizeof *out->race);
    if (out->seen != NULL && out->picked != NULL && out->race != NULL) return DG_OK;
    dg_picker_free(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the picks among %zu goods", n);
}

void dg_picker_free(dg_picker *p)
{
    dg_free(p->seen);
    dg_free(p->picked);
    dg_free(p->race);
    *p = (dg_picker){0};
}

void dg_picker_reset(dg_picker *p)
{
    for (int64_t k = 0; k < p->n; k++) p->seen[p->picked[k].item / 64] = 0;
    p->n = 0;
}

static bool is_seen(const dg_picker *p, int64_t item)
{
    return p->seen[item / 64] >> (item % 64) & 1;
}

static void take(dg_picker *p, dg_picked pick)
{
    p->seen[pick.item / 64] |= UINT64_C(1) << (pick.item % 64);
    p->picked[p->n++] = pick;
}

/* How likely a shopper takes an item that was put before them. */
static double liking(const dg_shop *s, double z)
{
    return dg_sigmoid(s->options->choosiness * (z - s->options->threshold));
}

static int by_arrival(const void *a, const void *b)
{
    const struct dg_race *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->pick.item < y->pick.item ? -1 : x->pick.item > y->pick.item;
}

static void finish_by_race(dg_picker *p, const float *taste, dg_rng *r, int64_t until)
{
    const dg_shop *s = p->shop;
    size_t n = 0;
    for (int64_t item = 0; item < s->options->items; item++) {
        if (is_seen(p, item)) continue;
        const float z = dg_shop_affinity(s, taste, item);
        const double rate = s->weight[item] * liking(s, (double)z);
        p->race[n++] = (struct dg_race){-log(1 - dg_rng_uniform(r)) / rate, {(int32_t)item, z}};
    }
    qsort(p->race, n, sizeof *p->race, by_arrival);
    for (size_t k = 0; k < n && p->n < until; k++) take(p, p->race[k].pick);
}

void dg_picker_draw(dg_picker *p, const float *taste, dg_rng *r, int64_t n)
{
    const dg_shop *s = p->shop;
    const int64_t until = p->n + n;
    for (int64_t tries = 0; p->n < until; tries++) {
        if (tries == TRIES_PER_ITEM * s->options->items) {
            finish_by_race(p, taste, r, until);
            return;
        }
        const uint32_t item = dg_alias_draw(&s->popularity, r);
        if (is_seen(p, item)) continue;
        const float z = dg_shop_affinity(s, taste, item);
        if (dg_rng_u32(r) * 0x1p-32 < liking(s, (double)z)) take(p, (dg_picked){(int32_t)item, z});
    }
}
