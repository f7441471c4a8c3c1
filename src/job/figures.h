/* figures.h - what a run has to show of itself, gathered from its work folder as one document. */
#ifndef DG_JOB_FIGURES_H
#define DG_JOB_FIGURES_H
#include "job/work.h"

/**
 * Gather what a report draws. COLLECTIVE; the model is there and was evaluated where it could be.
 *
 * Judges the most popular goods by the same held-out rows, once for a dataset: what any model has
 * to beat. Leaves metrics-popular.json.
 *
 * @param[out] out  rank 0, caller's reference; NULL elsewhere:
 *   "name", "algorithm", "job", "run" (run.json so far), "card" (of the dataset or null),
 *   "metrics", "popular" (metrics.json's or null), "champion" {"version", "metrics"} where there is
 *   one judged by the same rows, else null: the one this run replaced where it has, "sweeps" (of
 * log.jsonl, one a sweep, the newest), and "tail": {"rank": […], "count": […]} ratings of items by
 * falling popularity at some ranks,
 *   {"share_of_items": […], "share_of_ratings": […]} the most popular share's share.
 * Cost    an evaluation of the popular goods; 8 bytes an item.
 * Errors  DG_ERR_NOMEM, DG_ERR_IO; agreed.
 */
dg_status dg_stage_figures(dg_work *w, json_t **out, dg_err *err);

#endif
