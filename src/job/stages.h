/* stages.h - the stages of a job, each restartable and skipped when its inputs are unchanged. */
#ifndef DG_JOB_STAGES_H
#define DG_JOB_STAGES_H
#include "job/work.h"

/* All COLLECTIVE. Each leaves its file in the work folder whole or not at all, and its figures in
 * the record. A stage whose output was made from the same inputs is skipped, and says so. */

/** Raw files → dataset.h5. Errors as dg_prepare. */
dg_status dg_stage_prepare(dg_work *w, dg_err *err);

/** How far the data has moved from the champion's, into the record; judged by the job's section
 *  drift. *rest: too little to train for. Errors DG_ERR_GATE too far; as dg_artifact_open. */
dg_status dg_stage_drift(dg_work *w, bool *rest, dg_err *err);

/** How far the trained model's scores and, where drift.coverage_min asks for it, the coverage of
 * its lists have moved from the champion's. Errors DG_ERR_GATE. */
dg_status dg_stage_model_drift(dg_work *w, dg_err *err);

/** dataset.h5 → model.h5, with checkpoints. Errors DG_ERR_NUMERIC; DG_ERR_AGAIN after a signal,
 *  with the state saved in a checkpoint. */
dg_status dg_stage_train(dg_work *w, dg_err *err);

/** model.h5 × held-out data → metrics.json. Errors as dg_evaluate. */
dg_status dg_stage_evaluate(dg_work *w, dg_err *err);

/** What metrics.json says of the model at hand, as one line of JSON: dg_alloc'ed, the same on every
 *  rank; NULL where it was not evaluated, or another model or in another way. Errors DG_ERR_NOMEM.
 */
dg_status dg_stage_metrics(const dg_work *w, char **line, dg_err *err);

/** model.h5 and dataset.h5 → artifact.h5, all that serving reads. */
dg_status dg_stage_export(dg_work *w, dg_err *err);

/**
 * artifact.h5 → the registry, as the champion if it passes publish.gate, else as the challenger;
 * after evaluate and export. What is champion already is not published again.
 * @param[in] why  for the history; NULL: the gate's verdict
 * Errors  DG_ERR_GATE the gate is not passed (the version is kept as challenger), or the champion
 *         was judged on another split (nothing is kept); as dg_registry_open.
 */
dg_status dg_stage_publish(dg_work *w, const char *why, dg_err *err);

/** Every stage the job has use for, in order. */
dg_status dg_stage_all(dg_work *w, dg_err *err);

/* What single commands do of it. Where the job has a section drift and the data has moved too
 * little to train for, there is no model, and all of these succeed without. */

/** Drift, then train. */
dg_status dg_stage_model(dg_work *w, dg_err *err);

/** Evaluate, then the drift of the model. */
dg_status dg_stage_verdict(dg_work *w, dg_err *err);

/** Those that bring a trained model.h5 into the registry: evaluate, export, publish. */
dg_status dg_stage_release(dg_work *w, const char *why, dg_err *err);

#endif
