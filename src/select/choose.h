/* choose.h - a list under a filter and the rules that hold: the one place where the steps of an
 * answer stand in order.
 *
 *   allowed   = filter, only, not exclude, not seen, keep and block rules
 *   order     = exact best of each group of equally boosted goods, merged
 *   diversity = MMR over a longer head; caps
 *   pins      = put at their places; at_least fetches what is missing
 *   ladder    = the next step fills what the one before could not, under the same filter and rules
 *
 * Where nothing is left, it gives way in this order: rules that may relax; what was seen. Filter,
 * only, exclude and other keeps and blocks never do (docs/decisions/0042-lists-under-rules.md).
 */
#ifndef DG_SELECT_CHOOSE_H
#define DG_SELECT_CHOOSE_H
#include "ranking/topk.h"
#include "select/rules.h"

enum { DG_LADDER_MAX = 16, DG_CAPS_MAX = 8 };

/** The k best goods of a bitset, best first, ties by row; *n of them, into the caller's hit (k,).
 *  LOCAL, thread-safe. */
typedef dg_status dg_best_fn(void *from, const uint64_t *goods, int k, dg_hit *hit, int *n,
                             dg_err *err);

typedef struct dg_ladder_step {
    const char *name; /* "user" */
    dg_best_fn *best;
    void *from;
} dg_ladder_step;

/** How alike two goods are, at most 1. LOCAL, thread-safe. */
typedef double dg_alike_fn(void *from, int32_t a, int32_t b);

typedef struct dg_cap { /* of a request */
    int32_t attribute;  /* a text, prepared */
    int64_t n;          /* goods of one value at most, > 0 */
} dg_cap;

typedef struct dg_item_list { /* rows, in any order, also twice */
    const int32_t *item;
    int64_t n;
} dg_item_list;

typedef struct dg_wish { /* everything borrowed */
    const dg_goods *goods;
    const dg_rules *rules; /* may be NULL */
    dg_occasion occasion;
    int k;
    const dg_condition *filter; /* may be NULL */
    const uint64_t *only;       /* bitset: nothing else; NULL: any */
    dg_item_list exclude;
    dg_item_list seen;  /* left out unless nothing else is left */
    double diversity;   /* 0: none, to 1 */
    dg_alike_fn *alike; /* NULL: by the attribute `alike_by` */
    void *alike_from;
    int32_t alike_by; /* a text of the goods */
    dg_cap cap[DG_CAPS_MAX];
    int n_caps;
    dg_ladder_step step[DG_LADDER_MAX];
    int n_steps;
} dg_wish;

typedef struct dg_chosen_item {
    int32_t item;
    float score;                    /* of its step, boosted */
    int step;                       /* of the ladder */
    uint64_t rules[DG_RULES_WORDS]; /* that pinned, boosted or fetched it */
} dg_chosen_item;

typedef struct dg_chosen {
    dg_chosen_item *at; /* (n,) into the caller's room for k */
    int n;              /* below k only where the ladder ends first; 0: nothing is allowed */
    bool relaxed;       /* rules that may relax did */
    bool with_seen;     /* it had to show what was seen */
} dg_chosen;

/**
 * Choose. LOCAL, thread-safe.
 *
 * Scores: a boost multiplies a score above 0 and divides one below, an add comes after. Goods of
 * equal scores stand by their score before, then by row: so the best of a group stay its best.
 * MMR takes, again and again, the good with the greatest (1 - diversity) * relevance - diversity *
 * likeness to its nearest in the list; relevance is the score's place between the head's least and
 * greatest. The head is 4 k goods, at least 100.
 *
 * @param[in]  w    as above
 * @param[out] out  at is the caller's, (k,)
 *
 * Cost    a few bitsets of goods/8 bytes; a ranking for each group of boosts and each step.
 * Errors  those of the steps; DG_ERR_NOMEM.
 * Source  MMR: Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking",
 * section 2.
 */
dg_status dg_choose(const dg_wish *w, dg_chosen *out, dg_err *err);

/** Likeness by an attribute: values shared over values either has. LOCAL. */
double dg_alike_by(const dg_attribute *a, int32_t x, int32_t y);

#endif
