/* selector.h - filter and rules of lists that are made offline: the conditions and steps of select/
 * on the dataset's own attributes. */
#ifndef DG_JOB_SELECTOR_H
#define DG_JOB_SELECTOR_H
#include "job/work.h"
#include "select/choose.h"

typedef struct dg_selector dg_selector;

typedef struct dg_selector_options {
    const char *filter, *rules; /* a condition, a file; NULL for none */
    const char *scene;          /* NULL: none */
} dg_selector_options;

/**
 * Read filter and rules. COLLECTIVE; every rank holds the goods' attributes.
 * @param[in] f        the dataset, open until close, as item_id (of all items)
 * Errors  DG_ERR_USAGE "filter: column C: …"; those of dg_rules_open; DG_ERR_NOMEM; agreed.
 */
dg_status dg_selector_open(const dg_work *w, const dg_container *f, const dg_strings *item_id,
                           const dg_selector_options *o, dg_selector **out, dg_err *err);

/**
 * The k goods for a user among those ranked. LOCAL.
 * @param[in]  all  (n,) every good that may be listed, best first
 * @param[out] out  at is the caller's, (k,)
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_selector_choose(const dg_selector *s, int64_t user, const dg_hit *all, int n, int k,
                             dg_chosen *out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_selector_close(dg_selector **s);

#endif
