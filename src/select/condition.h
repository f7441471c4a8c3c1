/* condition.h - conditions on goods as clients and rules write them.
 *
 *     category in ("shoes", 'bags') and price < 50 and not brand = "Lumen"
 *     price between 0.5 * CurrentItem.price and 2 * CurrentItem.price
 *     genres contains "Comedy" or year is missing or item in ("17", "18")
 *
 *   any    = all { "or" all }                 all   = unit { "and" unit }
 *   unit   = "not" unit | "(" any ")" | test
 *   test   = what ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value | what "contains" value
 *          | what [ "not" ] "in" "(" value { "," value } ")"
 *          | what [ "not" ] "between" value "and" value | what "is" [ "not" ] "missing"
 *   what   = ATTRIBUTE | "item" | ( "CurrentItem" | "User" ) "." ATTRIBUTE
 *   value  = TEXT | NUMBER | [ NUMBER "*" ] ( "CurrentItem" | "User" ) "." ATTRIBUTE
 *
 * Keywords may be in any case, names of attributes may not; `a name` in backquotes may be any.
 * "item" is the good's id. A list passes "=" and "in" by any of its values, as "contains" says it.
 * A good that misses an attribute passes no test of it but "is missing", and `not`, `!=` and
 * `not in` of such a test; so does every good where CurrentItem or User miss what is asked of
 * them. */
#ifndef DG_SELECT_CONDITION_H
#define DG_SELECT_CONDITION_H
#include "select/goods.h"

enum {
    DG_CONDITION_BYTES = 8192,  /* of a text */
    DG_CONDITION_NESTING = 32,  /* of parentheses and nots */
    DG_CONDITION_STEPS = 256,   /* tests, ands, ors and nots */
    DG_CONDITION_VALUES = 1024, /* of all lists together */
    /* Sets at hand at once: what an or and an and wait for on each level, and a test. */
    DG_CONDITION_STACK = 2 * DG_CONDITION_NESTING + 3,
};

/* Who is asking, and what they look at. */
typedef struct dg_asked {
    int64_t item, user; /* rows; -1: none, of whom everything is missing */
} dg_asked;

typedef enum dg_condition_op { /* internal to condition.c and apply.c */
                               DG_OP_AND,
                               DG_OP_OR,
                               DG_OP_NOT,
                               DG_OP_BETWEEN, /* goods by number */
                               DG_OP_WITH,    /* goods by values */
                               DG_OP_ALIKE,   /* goods that share a value with whom is asked */
                               DG_OP_ITEMS,   /* goods by id */
                               DG_OP_MISSING,
                               DG_OP_ASKED_BETWEEN, /* all goods or none, by whom is asked */
                               DG_OP_ASKED_WITH,
                               DG_OP_ASKED_MISSING
} dg_condition_op;

typedef enum dg_condition_of { DG_OF_GOODS, DG_OF_CURRENT, DG_OF_USER } dg_condition_of;

typedef struct dg_bound { /* factor, or factor times a number of whom is asked */
    double factor;
    dg_condition_of of; /* DG_OF_GOODS: a constant */
    int32_t attribute;
} dg_bound;

typedef struct dg_condition_step {
    dg_condition_op op;
    int32_t attribute;  /* of the goods; DG_OP_ASKED_…: of whom is asked */
    dg_condition_of of; /* DG_OP_ALIKE, DG_OP_ASKED_… */
    int32_t other;      /* DG_OP_ALIKE: attribute of whom is asked */
    int32_t first, n;   /* DG_OP_WITH, DG_OP_ITEMS, DG_OP_ASKED_WITH: of values */
    dg_bound low, high; /* DG_OP_…BETWEEN */
    bool above_low, below_high;
} dg_condition_step;

/* A condition made ready for one artifact's goods; plain data, some 25 kB. */
typedef struct dg_condition {
    int32_t n_steps, n_values, depth;           /* depth: sets at hand at once */
    bool of_goods, of_current, of_user;         /* it asks of these */
    dg_condition_step step[DG_CONDITION_STEPS]; /* operands before their operator */
    int32_t value[DG_CONDITION_VALUES];
} dg_condition;

/**
 * Read a condition. LOCAL, thread-safe.
 *
 * @param[in]  goods  whose attributes it may name; those are prepared (goods.h)
 * @param[in]  text   (n,) any bytes
 *
 * Cost    microseconds; no allocation but for attributes that are named the first time.
 * Errors  DG_ERR_USAGE "column C: what is wrong", with the nearest name as the hint; DG_ERR_NOMEM.
 */
dg_status dg_condition_read(dg_goods *goods, const char *text, size_t n, dg_condition *out,
                            dg_err *err);

/**
 * The goods that pass. LOCAL, thread-safe.
 *
 * @param[out] out  (dg_bits_words(n_items),)
 * Cost    O(goods/64) a step; goods/8 bytes for each level of nesting but the first.
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_condition_apply(const dg_condition *c, const dg_goods *goods, dg_asked asked,
                             uint64_t *out, dg_err *err);

/** Does whom is asked pass? Of a condition that asks nothing of goods. LOCAL, thread-safe. */
bool dg_condition_holds(const dg_condition *c, const dg_goods *goods, dg_asked asked);

#endif
