/* quotes.h - the bad records of all ranks: quoted in file order, and judged. */
#ifndef DG_INGEST_QUOTES_H
#define DG_INGEST_QUOTES_H
#include "comm/comm.h"
#include "ingest/reading.h"

/**
 * Quote the first bad records with file and line, and refuse too many of them. COLLECTIVE.
 *
 * @param[in,out] r       lines becomes the lines of every stretch, over all ranks
 * @param[in,out] report  records, rejected and quotes are filled, also on failure
 *
 * Errors  DG_ERR_DATA for the first kind of input with more bad records than its source allows, or
 *         without a good one: the text is its first bad record; DG_ERR_NOMEM. Agreed.
 */
dg_status dg_quotes_judge(const dg_comm *c, const dg_prepare_options *o, const dg_inputs *in,
                          const dg_stretches *s, dg_reading *r, dg_prepare_report *report,
                          dg_err *err);

#endif
