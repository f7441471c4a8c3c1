/* curve.h - how good the model was while it was trained: measures after some sweeps, for the curves
 * of the report. Internal to job/. */
#ifndef DG_JOB_CURVE_H
#define DG_JOB_CURVE_H
#include "job/work.h"

/**
 * Judge the model after the sweep it has done, if the job asks for this one (evaluate.every), and
 * log an event "judged" with what of the job's recall, ndcg and hr at the longest list, or rmse,
 * is defined. COLLECTIVE.
 *
 * By the valid part, else the test part; nothing is chosen by it. Models of one sweep have no
 * curve. Cost    an evaluation without resamples. No bit of the training changes. Errors
 * dg_evaluate's, agreed.
 */
dg_status dg_curve_judge(dg_work *w, int64_t n_sweeps, dg_err *err);

#endif
