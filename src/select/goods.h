/* goods.h - the goods by their attributes, prepared so that a condition costs microseconds.
 *
 * For texts: the goods of every value, and a bitset where a value has many. For numbers: the goods
 * in order of the number, and bitsets of the first 1/64, 2/64 … of them, so that any range is two
 * bitsets and a few single goods. An attribute is prepared when a condition first names it. */
#ifndef DG_SELECT_GOODS_H
#define DG_SELECT_GOODS_H
#include "artifact/artifact.h"

typedef struct dg_goods dg_goods;

typedef struct dg_goods_source {        /* all borrowed until destroy */
    int64_t n_items, n_users;           /* at most INT32_MAX goods */
    const dg_attributes *items, *users; /* n_items and n_users rows */
    const dg_names *item_id;            /* with an order */
} dg_goods_source;

/** LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_goods_create(const dg_goods_source *from, dg_goods **out, dg_err *err);

/** Of an artifact. LOCAL, as dg_goods_create. */
dg_status dg_goods_of(const dg_artifact *a, dg_goods **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_goods_destroy(dg_goods **g);

/** What it was made of. LOCAL. */
const dg_goods_source *dg_goods_from(const dg_goods *g);

/**
 * Prepare an attribute of the goods, once. LOCAL, thread-safe.
 * Cost    O(goods) and 8 bytes a value of a good, or 12 bytes a good for numbers, kept.
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_goods_prepare(dg_goods *g, int32_t attribute, dg_err *err);

/* Of a prepared attribute; out is a bitset over the goods. All LOCAL, thread-safe. */

/** Goods with any of n values. Cost O(goods/64) a value, or O(goods that have it). */
void dg_goods_with(const dg_goods *g, int32_t attribute, const int32_t *code, int64_t n,
                   uint64_t *out);

typedef struct dg_interval { /* of numbers; infinite where there is no bound */
    double low, high;
    bool above_low, below_high; /* the bound itself is out */
} dg_interval;

/** Goods whose number lies in an interval; none where a bound is NaN. Cost O(goods/64). */
void dg_goods_between(const dg_goods *g, int32_t attribute, dg_interval in, uint64_t *out);

/** Goods that miss the attribute. Cost O(goods/64). */
void dg_goods_missing(const dg_goods *g, int32_t attribute, uint64_t *out);

#endif
