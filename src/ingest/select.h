/* select.h - the k-th smallest of numbers spread over all ranks, exactly. */
#ifndef DG_INGEST_SELECT_H
#define DG_INGEST_SELECT_H
#include "comm/comm.h"

#include <stdbool.h>

/** Number k of some collection; false when it is to be left out. LOCAL. */
typedef bool dg_number_at(const void *from, int64_t k, int64_t *number);

/**
 * The number at place `place` (from 0) of the sorted numbers of all ranks. COLLECTIVE.
 *
 * @param[in]  n      how many numbers this rank has, left out or not
 * @param[in]  place  same on every rank; beyond the last: the largest number
 * @param[out] out    same on every rank; INT64_MIN when there are no numbers at all
 *
 * Cost    4 passes over the numbers, 4 sums of 65,536 counts.
 * Errors  DG_ERR_NOMEM, agreed.
 * Source  selection by distribution on digits: Knuth, TAOCP vol. 3, section 5.2.5.
 */
dg_status dg_select(const dg_comm *c, const void *from, dg_number_at *at, int64_t n, int64_t place,
                    int64_t *out, dg_err *err);

#endif
