/* order.h - the events of one round in order of user, item and place in the input. */
#ifndef DG_INGEST_ORDER_H
#define DG_INGEST_ORDER_H
#include "base/status.h"
#include "comm/shards.h"
#include "ingest/event.h"

#include <stddef.h>

/* Zero-initialise; used for round after round without new memory; free with dg_order_free. */
typedef struct dg_order {
    int64_t *start;          /* (rows + 1,) first of each row's events in `at` */
    uint32_t *at;            /* (n,) places in the input */
    int64_t longest;         /* events of the longest row */
    uint64_t *key[2];        /* (n,) scratch */
    size_t n_rows, n_events; /* room there is */
} dg_order;

/**
 * Put events in order; they are not moved. LOCAL.
 *
 * @param[in] event  (n,) n < 2^32, users in `rows`
 *
 * Cost    O(n), by the digits in which pairs differ: 20 bytes an event, 8 a row.
 * Errors  DG_ERR_NOMEM.
 * Source  radix sorting: Knuth, TAOCP vol. 3, section 5.2.5.
 */
dg_status dg_order_sort(dg_order *p, const dg_event *event, int64_t n, dg_range rows, dg_err *err);

/** LOCAL, twice-safe. */
void dg_order_free(dg_order *p);

#endif
