/* exchange.h - every rank sends any number of fixed-size records to every other. */
#ifndef DG_COMM_EXCHANGE_H
#define DG_COMM_EXCHANGE_H
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

#endif
