/* twins.h - what is in a dataset twice under two names, so that held-out ratings are in train under
 * the other one: ids that differ only in case or blanks, and users whose history is that of another
 * user. */
#ifndef DG_INGEST_TWINS_H
#define DG_INGEST_TWINS_H
#include "store/dataset.h"

/* Shorter histories are alike by chance, as are those that hold more than half of all items. */
enum { DG_TWINS_LEAST = 10 };

typedef struct dg_twins {
    int64_t items, users; /* whose ids are alike but for case and blanks at their ends */
    int64_t copies;       /* users whose ratings are, all but a few, those of others */
    int64_t of_items;     /* held-out ratings of an item whose twin the user has in train */
    int64_t of_users;     /* … of items that a twin of the user has in train */
    int64_t of_copies;    /* … that a copy of the user has in train */
} dg_twins;

/**
 * Look at all parts of a dataset. COLLECTIVE.
 *
 * Histories, items with their values, are compared by the 16 ratings of least hash (a bottom-k
 * sketch), shorter ones as a whole: two that differ in d of n ratings are found with a chance of
 * about (1 - 16 / n)^d, and two that share a part J are taken for copies with a chance of J^16.
 *
 * @param[out] out  the same on every rank, for any number of ranks
 * Cost    a pass over the ratings; 48 bytes a user; 24 bytes an own item, and where there are twins
 *         28 bytes an item of all and 48 a rating of users that have one.
 * Errors  DG_ERR_NOMEM, agreed.
 * Source  Broder 1997, "On the resemblance and containment of documents", section 4.
 */
dg_status dg_twins_find(const dg_comm *c, const dg_dataset *d, dg_twins *out, dg_err *err);

#endif
