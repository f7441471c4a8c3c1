#include "job/curve.h"

#include "base/log.h"
#include "base/pulse.h"
#include "evaluate/evaluate.h"

#include <stdio.h>

static const dg_metric_set wanted =
    1U << DG_METRIC_RECALL | 1U << DG_METRIC_NDCG | 1U << DG_METRIC_HR;

static bool is_due(const dg_work *w, int64_t n_sweeps)
{
    const int64_t every = w->job->evaluate.every;
    const bool any = w->data.n_valid + w->data.n_test > 0;
    return every > 0 && any && n_sweeps > 1 &&
           (w->training.sweep % every == 0 || w->training.sweep == n_sweeps);
}

/* The longest list alone: a curve is of few lines. LOCAL. */
static dg_status choose(const dg_work *w, dg_evaluate_options *o, dg_err *err)
{
    const dg_status st = dg_evaluate_parse(&w->job->evaluate.k, &w->job->evaluate.metrics, o, err);
    if (st != DG_OK) return st;
    o->part = w->data.n_valid > 0 ? DG_PART_VALID : DG_PART_TEST;
    o->exclude_seen = w->job->evaluate.exclude_seen;
    o->metrics &= wanted;
    o->k[0] = o->k[o->n_k - 1];
    o->n_k = 1;
    return DG_OK;
}

static json_t *measures_json(const dg_metrics *m)
{
    char name[64];
    json_t *out = json_object();
    for (int k = 0; k < m->n; k++) {
        if (m->at[k].metric == DG_METRIC_MAE) continue;
        json_object_set_new(out, dg_measure_name(&m->at[k], name, sizeof name),
                            json_real(m->at[k].value));
    }
    return out;
}

static void say(const dg_work *w, const dg_evaluate_options *o, const dg_metrics *m)
{
    dg_text text = {0};
    char name[64];
    const char *part = o->part == DG_PART_VALID ? "valid" : "test";
    for (int k = 0; k < m->n; k++)
        dg_text_add(&text, ", %s %.4f", dg_measure_name(&m->at[k], name, sizeof name),
                    m->at[k].value);
    dg_log_fields(DG_LOG_INFO, "judged",
                  json_pack("{s:I, s:s, s:o}", "sweep", (json_int_t)w->training.sweep, "part", part,
                            "judged", measures_json(m)),
                  "after sweep %lld, by %s%s", (long long)w->training.sweep, part,
                  text.failed || text.n == 0 ? "" : text.at);
    dg_text_free(&text);
}

dg_status dg_curve_judge(dg_work *w, int64_t n_sweeps, dg_err *err)
{
    dg_evaluate_options o = {0};
    dg_scorer scorer = {0};
    dg_metrics m;
    if (!is_due(w, n_sweeps)) return DG_OK;
    dg_pulse_doing("evaluate");
    dg_status st = dg_agree(w->comm, choose(w, &o, err), err);
    if (st == DG_OK) st = w->class->scorer(w->model, &scorer, err);
    if (st == DG_OK) st = dg_evaluate(w->comm, &w->data, &scorer, &o, &m, err);
    if (scorer.destroy != NULL) scorer.destroy(&scorer);
    dg_pulse_doing(NULL);
    if (st == DG_OK) say(w, &o, &m);
    return st;
}
