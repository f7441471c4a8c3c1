#include "job/stages.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "evaluate/categories.h"
#include "evaluate/users.h"
#include "job/judged.h"
#include "job/leaks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CATEGORIES = 100 };

static dg_status add_categories(const dg_evaluate_options *o, json_t *to, dg_err *err)
{
    dg_text text = {0};
    const dg_status st = dg_categories_json(o->categories, o, MOST_CATEGORIES, &text, err);
    if (st == DG_OK)
        json_object_set_new(
            to, "by_attribute",
            json_pack("{s:o}", o->by_attribute, json_loadb(text.at, text.n, 0, NULL)));
    dg_text_free(&text);
    return st;
}

/* metrics.json: the measures, and what they were taken from. */
static dg_status write_metrics(const dg_work *w, const char *name, const dg_metrics *m,
                               const dg_evaluate_options *o, const char *inputs, const char *split,
                               json_t **out, dg_err *err)
{
    dg_text text = {0};
    dg_status st = DG_OK;
    *out = NULL;
    if (w->comm->rank == 0) {
        dg_metrics_json(m, &text);
        *out = text.failed ? NULL : json_loadb(text.at, text.n, 0, NULL);
        if (*out == NULL)
            st = text.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics")
                             : DG_FAIL(err, DG_ERR_INTERNAL, "metrics are not JSON");
        json_object_set_new(*out, "inputs", json_string(inputs));
        json_object_set_new(*out, "split", json_string(split));
        if (st == DG_OK && o->categories != NULL && m->n_k > 0) st = add_categories(o, *out, err);
        if (w->leaks != NULL) json_object_set(*out, "leaks", w->leaks);
    }
    dg_text_free(&text);
    st = dg_agree(w->comm, st, err);
    return st == DG_OK ? dg_work_write_json(w, name, *out, err) : st;
}

/* Was metrics.json taken from these inputs? Rank 0 looks and has it. COLLECTIVE. */
static bool load_current(const dg_work *w, const char *inputs, json_t **metrics)
{
    char path[DG_WORK_PATH];
    int current = 0;
    *metrics = NULL;
    if (w->comm->rank == 0) {
        *metrics = json_load_file(dg_work_path(w, "metrics.json", path), 0, NULL);
        const char *found = json_string_value(json_object_get(*metrics, "inputs"));
        current = found != NULL && strcmp(found, inputs) == 0 &&
                  json_object_get(*metrics, "split") != NULL;
        if (!current) json_decref(*metrics);
    }
    dg_bcast(w->comm, &current, sizeof current, 0);
    if (!current) *metrics = NULL;
    return current != 0;
}

static dg_status identify(const dg_work *w, dg_evaluate_options *o, char inputs[DG_HEX_SIZE],
                          dg_err *err)
{
    /* Not evaluate.per_user: it changes what is written, not what is measured. */
    static const char *const sections[] = {"seed",
                                           "evaluate.k",
                                           "evaluate.metrics",
                                           "evaluate.exclude_seen",
                                           "evaluate.part",
                                           "evaluate.resamples",
                                           "evaluate.sampled",
                                           "evaluate.by_attribute",
                                           NULL};
    char *config = NULL;
    dg_status st = dg_evaluate_parse(&w->job->evaluate.k, &w->job->evaluate.metrics, o, err);
    if (st == DG_OK) st = dg_job_show(w->job, sections, &config, err);
    if (st == DG_OK)
        st = dg_work_inputs(inputs, err, w->model_content, w->data.content, config, NULL);
    dg_free(config);
    return st;
}

static dg_part part_of(const dg_work *w)
{
    if (w->job->evaluate.part == DG_JOB_AUTO_PART)
        return w->data.n_test > 0 ? DG_PART_TEST : DG_PART_VALID;
    return w->job->evaluate.part == DG_JOB_TEST_PART ? DG_PART_TEST : DG_PART_VALID;
}

dg_status dg_judge(dg_work *w, const dg_scorer *scorer, const char *stem, const char *inputs,
                   dg_evaluate_options o, json_t **metrics, dg_err *err)
{
    char path[DG_WORK_PATH], name[64], split[DG_HEX_SIZE];
    dg_user_metrics each = {0};
    dg_categories categories = {0};
    dg_metrics m;
    *metrics = NULL;
    o.part = part_of(w);
    o.exclude_seen = w->job->evaluate.exclude_seen;
    o.resamples = (int)w->job->evaluate.resamples;
    o.sampled = (int)w->job->evaluate.sampled;
    o.seed = (uint64_t)w->job->seed;
    if (w->job->evaluate.by_attribute[0] != '\0') {
        o.by_attribute = w->job->evaluate.by_attribute;
        o.categories = &categories;
    }
    o.each = w->job->evaluate.per_user ? &each : NULL;
    dg_status st = dg_evaluate(w->comm, &w->data, scorer, &o, &m, err);
    if (st == DG_OK) st = dg_evaluate_split(w->comm, &w->data, &o, split, err);
    snprintf(name, sizeof name, "%s.h5", stem);
    if (st == DG_OK && o.each != NULL)
        st = dg_user_metrics_write(w->comm, &w->data, &o, &each, inputs, split,
                                   dg_work_path(w, name, path), err);
    snprintf(name, sizeof name, "%s.json", stem);
    if (st == DG_OK) st = write_metrics(w, name, &m, &o, inputs, split, metrics, err);
    dg_user_metrics_free(&each);
    dg_categories_free(&categories);
    return st;
}

static dg_status measure(dg_work *w, const dg_evaluate_options *o, const char *inputs,
                         json_t **metrics, dg_err *err)
{
    dg_scorer scorer;
    dg_status st = w->class->scorer(w->model, &scorer, err);
    if (st != DG_OK) return st;
    st = dg_judge(w, &scorer, "metrics", inputs, *o, metrics, err);
    scorer.destroy(&scorer);
    return st;
}

/* Is the file of each user's measures there too, where it is wanted? COLLECTIVE. */
static dg_status users_are_current(const dg_work *w, const char *inputs, bool *current, dg_err *err)
{
    char content[DG_HEX_SIZE];
    if (!w->job->evaluate.per_user || !*current) return DG_OK;
    const dg_status st = dg_work_is_current(w, "metrics.h5", "daogou-metrics", DG_USERS_VERSION,
                                            inputs, content, err);
    *current = content[0] != '\0';
    return st;
}

dg_status dg_stage_evaluate(dg_work *w, dg_err *err)
{
    const double started = dg_now();
    char inputs[DG_HEX_SIZE];
    json_t *metrics = NULL;
    dg_evaluate_options o = {0};
    dg_pulse_stage("evaluate");
    dg_status st = dg_work_model(w, err);
    if (st == DG_OK) st = dg_leaks_heed(w, err);
    if (st == DG_OK) st = dg_agree(w->comm, identify(w, &o, inputs, err), err);
    if (st != DG_OK) return st;
    bool current = load_current(w, inputs, &metrics);
    st = users_are_current(w, inputs, &current, err);
    if (st == DG_OK && current) {
        dg_log(DG_LOG_INFO, "skipped", "metrics.json is up to date");
    } else if (st == DG_OK) {
        json_decref(metrics);
        st = measure(w, &o, inputs, &metrics, err);
    }
    if (st == DG_OK)
        dg_work_record(w, "evaluate", started, metrics);
    else
        json_decref(metrics);
    return st;
}

/* Rank 0's text to all; n bytes and a NUL. */
static dg_status share_text(const dg_comm *c, const char *text, char **out, dg_err *err)
{
    int64_t n = text == NULL ? 0 : (int64_t)strlen(text);
    dg_bcast(c, &n, sizeof n, 0);
    *out = dg_alloc((size_t)n + 1, 1);
    dg_status st = *out == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for metrics") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK && c->rank == 0 && n > 0) memcpy(*out, text, (size_t)n);
    if (st == DG_OK) dg_bcast(c, *out, (size_t)n, 0);
    return st;
}

dg_status dg_stage_metrics(const dg_work *w, char **line, dg_err *err)
{
    char inputs[DG_HEX_SIZE];
    json_t *metrics = NULL;
    dg_evaluate_options o = {0};
    *line = NULL;
    dg_status st = dg_agree(w->comm, identify(w, &o, inputs, err), err);
    if (st != DG_OK || !load_current(w, inputs, &metrics)) return st;
    char *text = json_dumps(metrics, JSON_COMPACT | JSON_REAL_PRECISION(9)); /* NULL of NULL */
    st = share_text(w->comm, text, line, err);
    free(text);
    json_decref(metrics);
    return st;
}
