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

/* Compare with the champion before training, where the job asks for that. */
static dg_status drift(dg_work *w, bool *rest, dg_err *err)
{
    *rest = false;
    return dg_job_names(w->job, "drift") ? dg_stage_drift(w, rest, err) : DG_OK;
}

static dg_status drift_of_model(dg_work *w, dg_err *err)
{
    return dg_job_names(w->job, "drift") && has_targets(w) ? dg_stage_model_drift(w, err) : DG_OK;
}

/* Load the model; no model is no error where the data has drifted too little to train one. */
static dg_status model_or_rest(dg_work *w, bool *rest, dg_err *err)
{
    *rest = false;
    const dg_status st = dg_work_model(w, err);
    if (st != DG_ERR_NOINPUT && st != DG_ERR_DATA) return st;
    const dg_err why = *err;
    const dg_status looked = drift(w, rest, err);
    if (looked == DG_OK && *rest) return DG_OK;
    *err = why;
    return st;
}

dg_status dg_stage_all(dg_work *w, dg_err *err)
{
    bool rest = false;
    dg_status st = dg_stage_prepare(w, err);
    if (st != DG_OK || w->class == NULL) return st;
    st = drift(w, &rest, err);
    if (st != DG_OK || rest) return st;
    st = dg_stage_train(w, err);
    if (st == DG_OK) st = judge(w, err);
    if (st == DG_OK) st = drift_of_model(w, err);
    if (st == DG_OK) st = dg_stage_export(w, err);
    if (st != DG_OK || !dg_job_names(w->job, "publish")) return st;
    return dg_stage_publish(w, NULL, err);
}

dg_status dg_stage_model(dg_work *w, dg_err *err)
{
    bool rest;
    const dg_status st = drift(w, &rest, err);
    return st != DG_OK || rest ? st : dg_stage_train(w, err);
}

dg_status dg_stage_verdict(dg_work *w, dg_err *err)
{
    bool rest;
    dg_status st = model_or_rest(w, &rest, err);
    if (st != DG_OK || rest) return st;
    st = dg_stage_evaluate(w, err);
    return st == DG_OK ? drift_of_model(w, err) : st;
}

dg_status dg_stage_release(dg_work *w, const char *why, dg_err *err)
{
    bool rest;
    dg_status st = model_or_rest(w, &rest, err);
    if (st != DG_OK || rest) return st;
    st = judge(w, err);
    if (st == DG_OK) st = dg_stage_export(w, err);
    return st == DG_OK ? dg_stage_publish(w, why, err) : st;
}
