/* changes.h - what differs between two jobs, as dg_job_show tells them. */
#ifndef DG_JOB_CHANGES_H
#define DG_JOB_CHANGES_H
#include "base/text.h"

/** The keys whose values differ, appended as "model.factors 12, now 13; seed 7, now 8"; a key that
 *  one of them lacks is "absent" there. Keys of `but` (NULL-terminated; may be NULL) are passed
 *  over. Nothing is appended where nothing differs. LOCAL, O(keys squared). Errors DG_ERR_NOMEM. */
dg_status dg_job_changes(const char *was, const char *now, const char *const *but, dg_text *out,
                         dg_err *err);

/** Value of a key in such a text into out (size n), cut to fit; false where it is not there.
 *  LOCAL. */
bool dg_job_value(const char *shown, const char *key, char *out, size_t n);

#endif
