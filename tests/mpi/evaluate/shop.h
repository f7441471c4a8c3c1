/* shop.h - a shop small enough to think about, and a model of it, for tests of evaluation. */
#ifndef TESTS_EVALUATE_SHOP_H
#define TESTS_EVALUATE_SHOP_H
#include "evaluate/evaluate.h"

enum { N_USERS = 300, COLS = 5, MANY_ITEMS = 4500 }; /* more than two blocks of a ranker */

/* What a user has is a function of the user's row alone. */
typedef struct shop {
    dg_dataset d;
    int32_t n_items;
    float *item_row; /* (n_items, COLS) small whole numbers: scores tie often, and are exact */
} shop;

/** Every 7th user is held out (history in fold_in), every 11th is cold, every 5th has no target. */
bool is_held_out(int64_t user);
bool is_cold(int64_t user);

/** Does training have the pair? */
bool is_trained(int64_t user, int32_t item, int32_t n_items);

/** COLLECTIVE; free_shop is LOCAL. */
shop make_shop(const dg_comm *c, int32_t n_items);
void free_shop(shop *s);

/* A model: a user is the sum of the items of the history, held-out users of their fold-in rows. */
typedef struct toy {
    const shop *s;
    int64_t bad_item; /* one that scores bad_score, or -1 */
    float bad_score;
    float user_row[DG_SCORER_TILE][COLS];
    int n;
} toy;

dg_status toy_load(void *self, const int64_t *user, int n, dg_err *e);
float toy_score_one(void *self, int i, int64_t item);
void toy_score(void *self, int64_t begin, int64_t end, float *out);
dg_scorer toy_scorer(toy *t, const shop *s, bool rates);

#endif
