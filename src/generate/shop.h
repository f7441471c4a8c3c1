/* shop.h - the planted truth: who likes what, and what sells, before anybody looks.
 *
 * A shopper u and a good i have vectors p_u and q_i of n_factors normals, so that the affinity
 * z = <p_u, q_i> has mean 0 and variance 1. Part of each vector is shared by all of one category
 * and brand, or one age and city: attributes tell something. u takes an item of popularity w_i with
 * weight w_i * sigmoid(choosiness * (z - threshold)), never twice, and rates it
 * mean + b_u + b_i + taste_spread * z + noise, in half stars.
 * All of it is a pure function of the options and the row. */
#ifndef DG_GENERATE_SHOP_H
#define DG_GENERATE_SHOP_H
#include "base/rng.h"
#include "generate/alias.h"
#include "generate/options.h"

#include <stddef.h>

/* Zero-initialise; free with dg_shop_free. Held whole on each rank: 4 (n_factors + 4) bytes an
 * item. */
typedef struct dg_shop {
    const dg_generate_options *options; /* borrowed */
    int n_factors;
    double *weight;      /* (items,) popularity, the largest 1 */
    dg_alias popularity; /* draws items by weight */
    float *taste;        /* (items, n_factors) q_i */
    float *bias;         /* (items,) b_i, stars */
    float *groups;       /* (groups, n_factors) shared parts of taste */
    float *scenes;       /* (scenes, n_factors) */
} dg_shop;

typedef struct dg_good {
    int category, brand;
} dg_good;

typedef struct dg_shopper {
    int age;  /* years */
    int city; /* index into dg_cities */
    float bias;
} dg_shopper;

/** LOCAL, the same on every rank. `o` is kept until the shop is freed. Errors DG_ERR_NOMEM. */
dg_status dg_shop_create(const dg_generate_options *o, dg_shop *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_shop_free(dg_shop *s);

/** Category and brand of an item. LOCAL, O(1). */
dg_good dg_shop_good(const dg_shop *s, int64_t item);

/** A shopper and their vector p_u into taste (n_factors,). LOCAL, O(n_factors). */
dg_shopper dg_shop_shopper(const dg_shop *s, int64_t user, float *taste);

/** How active a shopper is, > 0; `shop` is a dg_shop (the shape dg_portions wants). LOCAL, O(1). */
double dg_shop_activity(const void *shop, int64_t user);

/** z of a vector and an item. LOCAL, O(n_factors). */
float dg_shop_affinity(const dg_shop *s, const float *taste, int64_t item);

/** The stars u gives i but for the noise. LOCAL. */
static inline double dg_shop_stars(const dg_shop *s, const dg_shopper *u, int64_t item, double z)
{
    return s->options->mean + (double)u->bias + (double)s->bias[item] +
           s->options->taste_spread * z;
}

/** 1 / (1 + exp(-x)). LOCAL. */
double dg_sigmoid(double x);

/* Draws a shopper's items. Zero-initialise; free with dg_picker_free. */
typedef struct dg_picked {
    int32_t item;
    float z;
} dg_picked;

typedef struct dg_picker {
    const dg_shop *shop;
    uint64_t *seen;       /* one bit an item */
    dg_picked *picked;    /* (most,) this shopper's items in drawing order */
    struct dg_race *race; /* (items,) arrivals, see dg_picker_draw */
    int64_t n, most;
} dg_picker;

/** Room for shoppers of at most `most` items. LOCAL; the shop is kept. Errors DG_ERR_NOMEM. */
dg_status dg_picker_create(const dg_shop *s, int64_t most, dg_picker *out, dg_err *err);

/** Start another shopper. LOCAL, O(items picked). */
void dg_picker_reset(dg_picker *p);

/**
 * Append n more items, none twice, each in turn with probability proportional to its weight for a
 * shopper of this taste. LOCAL; p->n + n <= most.
 * Cost    proposals by popularity, accepted by taste: a few a pick. After four proposals per
 *         item of the shop, a race finds the rest: every item left arrives after an exponential
 *         time of rate w, and the first n win, which has the same distribution.
 * Source  Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir".
 */
void dg_picker_draw(dg_picker *p, const float *taste, dg_rng *r, int64_t n);

/** LOCAL, twice-safe. */
void dg_picker_free(dg_picker *p);

#endif
