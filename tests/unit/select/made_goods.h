/* made_goods.h - goods and users with attributes, in memory, as a file would have them. */
#ifndef TESTS_MADE_GOODS_H
#define TESTS_MADE_GOODS_H
#include "select/goods.h"

enum { MADE_USERS = 6 };

typedef struct made_goods {
    dg_goods_source from;
    dg_attributes items, users;
    dg_names id;
    dg_goods *goods;
} made_goods;

/**
 * Goods "item 0" … with price (0.5 … 50 in halves, some missing), year (few), category (c0 … c3,
 * many goods each, some missing), brand (b0 … b59), tags (lists of t0 … t7) and `odd name`; users
 * with age, city, tags. User 0 has nothing. Aborts where memory is out.
 */
made_goods *make_goods(int64_t n_items, uint64_t seed);

void free_goods(made_goods **g);

#endif
