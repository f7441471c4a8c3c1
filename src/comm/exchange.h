/* exchange.h - every rank sends any number of fixed-size records, or strings, to every other. */
#ifndef DG_COMM_EXCHANGE_H
#define DG_COMM_EXCHANGE_H
#include "base/strings.h"
#include "comm/comm.h"

/**
 * Personalised all-to-all of records. COLLECTIVE.
 *
 * @param[in]  send        records grouped by destination rank, in rank order; borrowed
 * @param[in]  record      bytes per record, same on every rank
 * @param[in]  send_count  (size,) records for each rank
 * @param[out] recv        dg_alloc'ed, records grouped by source rank, in rank order; NULL on
 * failure
 * @param[out] recv_count  (size,) records from each rank
 *
 * Cost    one message per pair and 2^30 bytes; counts are 64-bit throughout.
 * Errors  DG_ERR_NOMEM when any rank cannot hold what it would receive; agreed.
 */
dg_status dg_exchange(const dg_comm *c, const void *send, size_t record, const int64_t *send_count,
                      void **recv, int64_t *recv_count, dg_err *err);

/* A block for one exchange after another. Zero-initialise; free `at` with dg_free. */
typedef struct dg_room {
    void *at; /* what came last */
    size_t bytes;
} dg_room;

/** dg_exchange into a block that grows where it must: rounds of exchanges ask for memory once.
 *  COLLECTIVE; the arguments, cost and errors of dg_exchange. */
dg_status dg_exchange_into(const dg_comm *c, const void *send, size_t record,
                           const int64_t *send_count, dg_room *recv, int64_t *recv_count,
                           dg_err *err);

/** Make room for n records; what it held may be lost. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_room_reserve(dg_room *r, size_t n, size_t record, dg_err *err);

/**
 * Personalised all-to-all of strings. COLLECTIVE.
 *
 * @param[in]  send        strings grouped by destination rank, in rank order; borrowed
 * @param[in]  send_count  (size,) strings for each rank, send->n in all
 * @param[out] recv        strings grouped by source rank, in rank order; caller frees; empty on
 *                         failure
 * @param[out] recv_count  (size,) strings from each rank
 *
 * Cost    as dg_exchange, for the bytes and for 8 bytes a string.
 * Errors  as dg_exchange.
 */
dg_status dg_exchange_strings(const dg_comm *c, const dg_strings *send, const int64_t *send_count,
                              dg_strings *recv, int64_t *recv_count, dg_err *err);

#endif
