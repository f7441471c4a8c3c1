/* join.h - events put to the lists they came from, and what came of each list. Internal to online/.
 */
#ifndef DG_ONLINE_JOIN_H
#define DG_ONLINE_JOIN_H
#include "online/online.h"

typedef struct dg_outcome { /* of one item shown */
    dg_shown shown;
    uint64_t key;       /* what it is joined by: user or list */
    int64_t clicked_at; /* INT64_MIN: not clicked */
    int64_t converted_at;
    uint32_t kinds; /* events of interest, a bit each */
    bool unclicked_conversion;
} dg_outcome;

/** The key of an item shown: who or what it is joined by. LOCAL. */
uint64_t dg_join_key_shown(const dg_shown *s, bool by_request);

/** That of an event; 0: nothing. LOCAL. */
uint64_t dg_join_key_done(const dg_done *d, bool by_request);

/** Attribute events (n_done,) to items shown (n_shown,), both of any order, both reordered.
 *  Returns how many events belong to none. LOCAL. */
int64_t dg_join(const dg_online_options *o, dg_outcome *shown, int64_t n_shown, dg_done *done,
                int64_t n_done);

/** Order items so that those of a list stand together, lists by key and time. LOCAL. */
void dg_join_order(dg_outcome *shown, int64_t n);

#endif
