#include "evaluate/drift.h"

#include "base/clock.h"
#include "base/log.h"
#include "evaluate/evaluate.h"
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
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "champion", who->version,
                     "psi_popularity", f->psi, "known_users", f->known_users, "known_items",
                     f->known_items, "known_goods", f->known_goods, "new_users",
                     (json_int_t)f->new_users, "new_items", (json_int_t)f->new_items, "gone_users",
                     (json_int_t)f->gone_users, "gone_items", (json_int_t)f->gone_items);
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
    const double goods = w->job->drift.goods_min;
    *rest = (least > 0 || goods > 0) && (least <= 0 || f->psi < least) &&
            (goods <= 0 || f->known_goods >= goods);
    if (*rest)
        dg_log(DG_LOG_INFO, "skipped",
               "a PSI of %.4f, %.1f %% of the goods known: by drift.psi_min %g and goods_min %g "
               "nothing to train for",
               f->psi, 100 * f->known_goods, least, goods);
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

/* Into the record's figures of drift; a command that only looks at the model begins them. */
static void note(const dg_work *w, const char *name, double value)
{
    if (w->record == NULL) return;
    if (json_object_get(w->record, "drift") == NULL)
        json_object_set_new(w->record, "drift", json_object());
    json_object_set_new(json_object_get(w->record, "drift"), name, json_real(value));
}

static dg_status judge_shift(const dg_work *w, double shift, dg_err *err)
{
    const double most = w->job->drift.score_shift_max;
    dg_log(DG_LOG_INFO, "drift", "scores of held-out pairs shifted by %.4f standard deviations",
           shift);
    note(w, "score_shift", shift);
    if (most <= 0 || fabs(shift) <= most) return DG_OK;
    const dg_status st = DG_FAIL(err, DG_ERR_GATE,
                                 "scores have shifted by %.4f standard deviations of the "
                                 "champion's, more than drift.score_shift_max %g",
                                 shift, most);
    return dg_err_hint(err, st, "the model is in %s; daogou publish takes it all the same",
                       w->folder);
}

/* Share of the goods that are in anybody's list, by the first of evaluate.k. */
static dg_status find_coverage(const dg_work *w, const dg_scorer *scorer, double *coverage,
                               dg_err *err)
{
    dg_metrics m;
    dg_evaluate_options o = {0};
    dg_strings none = {0};
    dg_status st = dg_agree(w->comm, dg_evaluate_parse(&w->job->evaluate.k, &none, &o, err), err);
    if (st != DG_OK) return st;
    o.n_k = 1;
    o.metrics = 1U << DG_METRIC_COVERAGE;
    o.part = w->data.n_test > 0 ? DG_PART_TEST : DG_PART_VALID;
    o.exclude_seen = w->job->evaluate.exclude_seen;
    st = dg_evaluate(w->comm, &w->data, scorer, &o, &m, err);
    for (int k = 0; st == DG_OK && k < m.n; k++)
        if (m.at[k].metric == DG_METRIC_COVERAGE) *coverage = m.at[k].value;
    return st;
}

static dg_status judge_coverage(const dg_work *w, const dg_scorer *before, const dg_scorer *now,
                                dg_err *err)
{
    double then = 0, tonight = 0;
    const double least = w->job->drift.coverage_min;
    if (least <= 0) return DG_OK;
    dg_status st = find_coverage(w, before, &then, err);
    if (st == DG_OK) st = find_coverage(w, now, &tonight, err);
    if (st != DG_OK) return st;
    dg_log(DG_LOG_INFO, "drift", "lists show %.2f %% of the goods, the champion's %.2f %%",
           100 * tonight, 100 * then);
    note(w, "coverage", tonight);
    note(w, "coverage_before", then);
    if (tonight >= least * then) return DG_OK;
    st = DG_FAIL(
        err, DG_ERR_GATE,
        "lists show %.2f %% of the goods, less than drift.coverage_min %g times the %.2f %% "
        "of the champion's",
        100 * tonight, least, 100 * then);
    return dg_err_hint(err, st, "the model is in %s; daogou publish takes it all the same",
                       w->folder);
}

dg_status dg_stage_model_drift(dg_work *w, dg_err *err)
{
    dg_champion who;
    dg_artifact *a;
    dg_scorer before = {0}, now = {0};
    double shift = 0;
    dg_status st = dg_work_model(w, err);
    if (st == DG_OK) st = open_champion(w, &who, &a, err);
    if (st != DG_OK || a == NULL) return st;
    st = dg_stored_scorer(w->comm, &w->data, a, &before, err);
    if (st == DG_OK) st = w->class->scorer(w->model, &now, err);
    if (st == DG_OK)
        st = dg_drift_scores(w->comm, &w->data, w->data.n_test > 0 ? &w->data.test : &w->data.valid,
                             &before, &now, &shift, err);
    if (st == DG_OK) st = judge_shift(w, shift, err);
    if (st == DG_OK) st = judge_coverage(w, &before, &now, err);
    if (before.destroy != NULL) before.destroy(&before);
    if (now.destroy != NULL) now.destroy(&now);
    dg_artifact_close(&a);
    return st;
}
