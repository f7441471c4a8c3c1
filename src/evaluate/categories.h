/* categories.h - recall over the targets of each category of items. Internal to evaluate/ but for
 * the result. Counts are whole numbers, kept by item where users are, by category where items are.
 */
#ifndef DG_EVALUATE_CATEGORIES_H
#define DG_EVALUATE_CATEGORIES_H
#include "evaluate/evaluate.h"
#include "ranking/topk.h"

/* Zero-initialise; free with dg_categories_free. */
typedef struct dg_categories {
    const dg_attribute_column *by; /* of own items, texts; an item has any number of them */
    int32_t n;                     /* different texts: by->values */
    int64_t *targets;              /* (n,) over all ranks, once measured */
    int64_t *hits;                 /* (n, n_k) */
    int64_t *of_item;              /* (1 + n_k, n_items) targets, then hits of each length alone */
} dg_categories;

/** Room for the attribute o->by_attribute. LOCAL. 8 (1 + n_k) bytes an item, until measured.
 *  Errors DG_ERR_CONFIG the data has no such attribute of texts; DG_ERR_NOMEM; free in either case.
 */
dg_status dg_categories_create(const dg_dataset *d, const dg_evaluate_options *o, int64_t n_items,
                               dg_categories *out, dg_err *err);

/** Count a user's list. LOCAL. */
void dg_categories_add(dg_categories *x, const dg_evaluate_options *o, int64_t n_items,
                       const dg_hit *list, int n_list, dg_row target);

/** Add up. COLLECTIVE. */
void dg_categories_measure(const dg_comm *c, const dg_dataset *d, const dg_evaluate_options *o,
                           int64_t n_items, dg_categories *x);

/** Append the JSON array of the categories with most targets, at most `most`. LOCAL.
 *  Errors DG_ERR_NOMEM. */
dg_status dg_categories_json(const dg_categories *x, const dg_evaluate_options *o, int most,
                             dg_text *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_categories_free(dg_categories *x);

#endif
