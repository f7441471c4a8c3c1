/* summary.h - what a prepared dataset holds, in numbers. */
#ifndef DG_INGEST_SUMMARY_H
#define DG_INGEST_SUMMARY_H
#include "ingest/prepare.h"

/**
 * Fill the counts and the value range of a dataset, and the report's counts of rows, parts, cold
 * rows and targets. COLLECTIVE.
 * Cost    one pass over the parts, one bit an item. Errors DG_ERR_NOMEM, agreed.
 */
dg_status dg_summary_fill(const dg_comm *c, dg_dataset *d, dg_prepare_report *report, dg_err *err);

#endif
