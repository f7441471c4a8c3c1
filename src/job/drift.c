#include "evaluate/drift.h"

#include "base/clock.h"
#include "base/log.h"
#include "evaluate/stored.h"
#include "job/champion.h"
#include "job/stages.h"

#include <math.h>

/* The champion's artifact; *a stays NULL where there is none yet. COLLECTIVE. */
static dg_status open_champion(const dg_work *w, dg_champion *who, dg_artifact **a, dg_err *err)
{
    *a = NULL;
    dg_status st = dg_champion_find(w, who, err);
    if (st != DG_OK || who->version[0] == '\0') return st;
    st = dg_agree(w->comm, dg_champion_open(w->job, who->artifact, a, err), err);
    if (st != DG_OK) dg_artifact_close(a);
    return st;
}

static json_t *figures(const dg_work *w, const dg_champion *who, const dg_drift *f)
{
    if (w->comm->rank != 0) return NULL;
    return json_pack("{s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "champion", who->version,
                     "psi_popularity", f->psi, "known_users", f->known_users, "known_items",
                     f->known_items, "new_users", (json_int_t)f->new_users, "new_items",
                     (json_int_t)f->new_items, "gone_users", (json_int_t)f->gone_users,
                     "gone_items", (json_int_t)f->gone_items);
}

/* The same on every rank, as the figures are. */
static dg_status judge(const dg_work *w, const dg_champion *who, const dg_drift *f, bool *rest,
                       dg_err *err)
{
    const double most = w->job->drift.psi_max, least = w->job->drift.psi_min;
    dg_log(DG_LOG_INFO, "drift",
           "drift since %s: popularity moved by a PSI of %.4f; %.1f %% of the ratings are of users "
           "and %.1f %% of goods that it knows",
           who->version, f->psi, 100 * f->known_users, 100 * f->known_items);
    if (most > 0 && f->psi > most) {
        const dg_status st = DG_FAIL(err, DG_ERR_GATE,
                                     "the goods' popularity has moved by a PSI of %.4f since the "
                                     "champion %s, more than drift.psi_max %g: not trained",
                                     f->psi, who->version, most);
        return dg_err_hint(err, st, "look at the data; --set drift.psi_max=0 trains all the same");
    }
    *rest = least > 0 && f->psi < least;
    if (*rest)
        dg_log(DG_LOG_INFO, "skipped", "less than drift.psi_min %g: nothing to train for", least);
    return DG_OK;
}

dg_status dg_stage_drift(dg_work *w, bool *rest, dg_err *err)
{
    const double started = dg_now();
    dg_champion who;
    dg_artifact *a;
    dg_drift f = {0};
    *rest = false;
    dg_status st = dg_work_data(w, err);
    if (st == DG_OK) st = open_champion(w, &who, &a, err);
    if (st != DG_OK) return st;
    if (a == NULL) {
        dg_log(DG_LOG_INFO, "drift", "there is no champion of %s yet to have drifted from",
               w->job->publish.name);
        return DG_OK;
    }
    st = dg_drift_find(w->comm, &w->data, a, &f, err);
    dg_artifact_close(&a);
    if (st != DG_OK) return st;
    dg_work_record(w, "drift", started, figures(w, &who, &f));
    st = judge(w, &who, &f, rest, err);
    if (st != DG_ERR_GATE) return st;
    const dg_err why = *err;
    const dg_status noted =
        dg_work_finish(w, err); /* a run that is stopped leaves its record too */
    if (noted != DG_OK) return noted;
    *err = why;
    return st;
}

static dg_status judge_shift(const dg_work *w, double shift, dg_err *err)
{
    const double most = w->job->drift.score_shift_max;
    dg_log(DG_LOG_INFO, "drift", "scores of held-out pairs shifted by %.4f standard deviations",
           shift);
    if (w->record != NULL)
        json_object_set_new(json_object_get(w->record, "drift"), "score_shift", json_real(shift));
    if (most <= 0 || fabs(shift) <= most) return DG_OK;
    const dg_status st = DG_FAIL(err, DG_ERR_GATE,
                                 "scores have shifted by %.4f standard deviations of the "
                                 "champion's, more than drift.score_shift_max %g",
                                 shift, most);
    return dg_err_hint(err, st, "the model is in %s; daogou publish takes it all the same",
                       w->folder);
}

dg_status dg_stage_score_shift(dg_work *w, dg_err *err)
{
    dg_champion who;
    dg_artifact *a;
    dg_scorer before = {0}, now = {0};
    double shift = 0;
    dg_status st = dg_work_model(w, err);
    if (st == DG_OK) st = open_champion(w, &who, &a, err);
    if (st != DG_OK || a == NULL) return st;
    if (a->n_cols == 0) { /* a model of weights: stored.h cannot score it */
        dg_artifact_close(&a);
        return DG_OK;
    }
    st = dg_stored_scorer(w->comm, &w->data, a, &before, err);
    if (st == DG_OK) st = w->class->scorer(w->model, &now, err);
    if (st == DG_OK)
        st = dg_drift_scores(w->comm, &w->data, w->data.n_test > 0 ? &w->data.test : &w->data.valid,
                             &before, &now, &shift, err);
    if (st == DG_OK) st = judge_shift(w, shift, err);
    if (before.destroy != NULL) before.destroy(&before);
    if (now.destroy != NULL) now.destroy(&now);
    dg_artifact_close(&a);
    return st;
}
