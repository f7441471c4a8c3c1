/* leaks.h - what the data card says of leaks, told and heeded. Internal to job/. */
#ifndef DG_JOB_LEAKS_H
#define DG_JOB_LEAKS_H
#include "ingest/prepare.h"
#include "job/work.h"

/** The card's part: counts, and `alarms`, each with `kind` and `text`. LOCAL. The caller's
 *  reference; NULL when out of memory. */
json_t *dg_leaks_json(const dg_prepare_report *r, dg_split_method method);

/**
 * Tell of the leaks of the work folder's dataset, once, and keep them in w->leaks (rank 0; NULL
 * where an earlier version made the dataset). COLLECTIVE. Errors  DG_ERR_DATA there are some and
 * evaluate.on_leak is fail; those of reading dataset.h5.
 */
dg_status dg_leaks_heed(dg_work *w, dg_err *err);

#endif
