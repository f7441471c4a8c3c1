/* judged.h - evaluations as publishing compares them. Internal to job/. */
#ifndef DG_JOB_JUDGED_H
#define DG_JOB_JUDGED_H
#include "evaluate/evaluate.h"
#include "job/work.h"

/**
 * Judge a scorer by the held-out part of the work folder's data, as the job's evaluate section
 * says: FOLDER/STEM.json, and with evaluate.per_user FOLDER/STEM.h5. COLLECTIVE.
 *
 * @param[in]  inputs   digest of what is judged, kept in the files
 * @param[in]  o        k and metrics; the rest is the job's
 * @param[out] metrics  rank 0: the JSON written, caller's reference; NULL elsewhere
 */
dg_status dg_judge(dg_work *w, const dg_scorer *scorer, const char *stem, const char *inputs,
                   dg_evaluate_options o, json_t **metrics, dg_err *err);

#endif
