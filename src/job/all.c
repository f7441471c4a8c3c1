#include "job/stages.h"

#include "base/log.h"

/* Nothing held back means nothing to judge: a run that trains on everything for serving. */
static bool has_targets(const dg_work *w) { return w->data.n_test + w->data.n_valid > 0; }

static dg_status judge(dg_work *w, dg_err *err)
{
    if (has_targets(w)) return dg_stage_evaluate(w, err);
    dg_log(DG_LOG_INFO, "skipped", "nothing is held back: no evaluation");
    return DG_OK;
}

dg_status dg_stage_all(dg_work *w, dg_err *err)
{
    const bool drifts = dg_job_names(w->job, "drift");
    bool rest = false;
    dg_status st = dg_stage_prepare(w, err);
    if (st != DG_OK || w->class == NULL) return st;
    if (drifts) st = dg_stage_drift(w, &rest, err);
    if (st != DG_OK || rest) return st;
    st = dg_stage_train(w, err);
    if (st == DG_OK) st = judge(w, err);
    if (st == DG_OK && drifts && has_targets(w)) st = dg_stage_score_shift(w, err);
    if (st == DG_OK) st = dg_stage_export(w, err);
    if (st != DG_OK || !dg_job_names(w->job, "publish")) return st;
    return dg_stage_publish(w, NULL, err);
}

dg_status dg_stage_release(dg_work *w, const char *why, dg_err *err)
{
    dg_status st = dg_work_model(w, err);
    if (st == DG_OK) st = judge(w, err);
    if (st == DG_OK) st = dg_stage_export(w, err);
    return st == DG_OK ? dg_stage_publish(w, why, err) : st;
}
