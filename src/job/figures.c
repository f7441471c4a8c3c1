#include "job/figures.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "job/champion.h"
#include "job/judged.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the most popular, judged alike ---- */

static dg_status judge_popular(dg_work *w, const char *inputs, json_t **metrics, dg_err *err)
{
    const dg_model_class *popular = dg_model_find("popular");
    void *options = dg_alloc(1, popular->options_size);
    dg_evaluate_options o = {0};
    dg_model *m = NULL;
    dg_scorer scorer = {0};
    dg_loss loss;
    dg_status st = options == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : DG_OK;
    if (st == DG_OK) st = dg_options_default(popular->option, popular->n_options, options, err);
    if (st == DG_OK)
        st = dg_evaluate_parse(&w->job->evaluate.k, &w->job->evaluate.metrics, &o, err);
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK) st = popular->create(w->comm, &w->data, options, 0, &m, err);
    if (st == DG_OK) st = popular->sweep(m, &loss, err);
    if (st == DG_OK) st = popular->scorer(m, &scorer, err);
    if (st == DG_OK) st = dg_judge(w, &scorer, "metrics-popular", inputs, o, metrics, err);
    if (scorer.destroy != NULL) scorer.destroy(&scorer);
    popular->destroy(&m);
    if (options != NULL) dg_options_free(popular->option, popular->n_options, options);
    dg_free(options);
    return st;
}

/* What was judged before stays while data and section evaluate are the same. COLLECTIVE. */
static dg_status popular_metrics(dg_work *w, json_t **metrics, dg_err *err)
{
    static const char *const sections[] = {"seed", "evaluate", NULL};
    char inputs[DG_HEX_SIZE] = "", path[DG_WORK_PATH], *config = NULL;
    dg_status st = dg_job_show(w->job, sections, &config, err);
    if (st == DG_OK) st = dg_work_inputs(inputs, err, "popular", w->data.content, config, NULL);
    dg_free(config);
    st = dg_agree(w->comm, st, err);
    if (st != DG_OK) return st;
    if (w->comm->rank == 0)
        *metrics = json_load_file(dg_work_path(w, "metrics-popular.json", path), 0, NULL);
    const char *found = json_string_value(json_object_get(*metrics, "inputs"));
    int current = found != NULL && strcmp(found, inputs) == 0;
    dg_bcast(w->comm, &current, sizeof current, 0);
    if (current) return DG_OK;
    json_decref(*metrics);
    *metrics = NULL;
    return judge_popular(w, inputs, metrics, err);
}

/* ---- the champion ---- */

static bool same_rows(const json_t *a, const json_t *b)
{
    const char *x = json_string_value(json_object_get(a, "split"));
    const char *y = json_string_value(json_object_get(b, "split"));
    return x != NULL && y != NULL && strcmp(x, y) == 0;
}

/* Of the champion's artifact, where it can be opened and was judged by these rows. LOCAL. */
static json_t *champion_json(const dg_work *w, const dg_champion *c, const json_t *own)
{
    dg_artifact *a = NULL;
    dg_err ignored;
    json_t *out = NULL;
    if (c->version[0] == '\0' || dg_champion_open(w->job, c->artifact, &a, &ignored) != DG_OK)
        return json_null();
    json_t *metrics = a->metrics == NULL ? NULL : json_loads(a->metrics, 0, NULL);
    if (metrics != NULL && same_rows(metrics, own) && strcmp(a->model, w->model_content) != 0)
        out = json_pack("{s:s, s:O}", "version", c->version, "metrics", metrics);
    json_decref(metrics);
    dg_artifact_close(&a);
    return out == NULL ? json_null() : out;
}

/* Of a run that has become champion itself: the one it replaced, by the history. LOCAL. */
static void step_back(const dg_work *w, dg_champion *c)
{
    const char *dir = w->job->publish.registry, *name = w->job->publish.name;
    json_t *events = NULL;
    dg_artifact *own = NULL;
    dg_err ignored;
    if (c->version[0] == '\0' || dg_champion_open(w->job, c->artifact, &own, &ignored) != DG_OK)
        return;
    const bool replaced = strcmp(own->model, w->model_content) == 0;
    dg_artifact_close(&own);
    if (!replaced || dg_registry_history(dir, name, &events, &ignored) != DG_OK) return;
    char now[DG_VERSION_SIZE];
    memcpy(now, c->version, sizeof now);
    c->version[0] = '\0';
    for (size_t k = json_array_size(events); k-- > 0 && c->version[0] == '\0';) {
        const char *then =
            json_string_value(json_object_get(json_array_get(events, k), "champion"));
        if (then == NULL || then[0] == '\0' || strcmp(then, now) == 0) continue;
        snprintf(c->version, sizeof c->version, "%s", then);
        dg_registry_path(dir, name, then, "artifact.h5", c->artifact);
    }
    json_decref(events);
}

static dg_status add_champion(dg_work *w, json_t *out, dg_err *err)
{
    dg_champion champion = {0};
    dg_status st = DG_OK;
    if (dg_job_names(w->job, "publish")) st = dg_champion_find(w, &champion, err);
    if (st == DG_OK && out != NULL) step_back(w, &champion);
    if (st == DG_OK && out != NULL)
        json_object_set_new(out, "champion",
                            champion_json(w, &champion, json_object_get(out, "metrics")));
    return st;
}

/* ---- the long tail ---- */

static int falling(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* Counts at ranks spread evenly in magnitude, and what the first x % of items have. LOCAL. */
static json_t *tail_json(int64_t *count, int64_t n)
{
    enum { POINTS = 160, SHARES = 50 };
    json_t *rank = json_array(), *counts = json_array(), *items = json_array(),
           *ratings = json_array();
    int64_t total = 0, sum = 0, last = -1;
    qsort(count, (size_t)n, sizeof *count, falling);
    for (int64_t k = 0; k < n; k++) total += count[k];
    for (int p = 0; p <= POINTS; p++) {
        const int64_t at = (int64_t)(pow((double)n, (double)p / POINTS) - 1);
        if (at == last || at >= n || count[at] == 0) continue;
        json_array_append_new(rank, json_integer(at + 1));
        json_array_append_new(counts, json_integer(count[at]));
        last = at;
    }
    int64_t k = 0;
    for (int p = 0; p <= SHARES; p++) {
        for (const int64_t end = n * p / SHARES; k < end; k++) sum += count[k];
        json_array_append_new(items, json_real((double)p / SHARES));
        json_array_append_new(ratings, json_real(total > 0 ? (double)sum / (double)total : 0));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "rank", rank, "count", counts, "share_of_items", items,
                     "share_of_ratings", ratings);
}

static dg_status add_tail(dg_work *w, json_t *out, dg_err *err)
{
    const dg_dataset *d = &w->data;
    const int64_t n = d->items.begin[d->items.n];
    int64_t *count = dg_alloc((size_t)n, sizeof *count);
    const dg_status st =
        dg_agree(w->comm, count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : DG_OK, err);
    if (st == DG_OK) {
        for (int64_t i = d->train_by_item.begin; i < d->train_by_item.end; i++)
            count[i] = dg_csr_row(&d->train_by_item, i).n;
        dg_sum_int64(w->comm, count, (int)n);
        if (out != NULL) json_object_set_new(out, "tail", tail_json(count, n));
    }
    dg_free(count);
    return st;
}

/* ---- what lies in the folder ---- */

/* An event "sweep", or what an event "judged" adds to it, in its place. */
static void take_event(json_t *event, json_t *sweeps)
{
    const json_int_t sweep = json_integer_value(json_object_get(event, "sweep"));
    const char *name = json_string_value(json_object_get(event, "event"));
    json_t *judged = json_object_get(event, "judged");
    if (name == NULL || sweep < 1 || sweep > (json_int_t)json_array_size(sweeps)) return;
    if (strcmp(name, "sweep") == 0) json_array_set(sweeps, (size_t)sweep - 1, event);
    if (strcmp(name, "judged") == 0)
        json_object_set(json_array_get(sweeps, (size_t)sweep - 1), "judged", judged);
}

/* The newest events of each sweep: a run may have been stopped and resumed. LOCAL. */
static json_t *sweeps_json(const dg_work *w, int64_t n)
{
    char path[DG_WORK_PATH], *line = NULL;
    size_t room = 0;
    json_t *out = json_array();
    for (int64_t k = 0; k < n; k++) json_array_append_new(out, json_null());
    FILE *f = fopen(dg_work_path(w, "log.jsonl", path), "r");
    while (f != NULL && getline(&line, &room, f) > 0) {
        json_t *event = strstr(line, "\"sweep\":") == NULL ? NULL : json_loads(line, 0, NULL);
        take_event(event, out);
        json_decref(event);
    }
    free(line);
    if (f != NULL) fclose(f);
    return out;
}

static json_t *card_json(const dg_work *w)
{
    char path[DG_WORK_PATH], *text = NULL;
    dg_container *f = NULL;
    dg_err ignored;
    json_t *card = NULL;
    if (dg_container_open(dg_work_path(w, "dataset.h5", path), "daogou-dataset", DG_DATASET_VERSION,
                          &f, &ignored) == DG_OK &&
        dg_container_text(f, "/meta", "card", &text, &ignored) == DG_OK)
        card = json_loads(text, 0, NULL);
    dg_free(text);
    dg_container_close(&f);
    return card == NULL ? json_null() : card;
}

/* The record of the run that trained: this one, or the one that left run.json. */
static json_t *run_json(const dg_work *w)
{
    char path[DG_WORK_PATH];
    json_t *before = json_object_get(w->record, "train") != NULL
                         ? NULL
                         : json_load_file(dg_work_path(w, "run.json", path), 0, NULL);
    return before != NULL ? before : json_incref(w->record);
}

/* Of ratings it gives none. */
static bool has_measures(const json_t *metrics)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metrics, key, value)
    {
        if (json_is_real(value)) return true;
    }
    return false;
}

static json_t *or_null(json_t *j) { return j == NULL ? json_null() : j; }

static json_t *folder_json(const dg_work *w)
{
    char path[DG_WORK_PATH];
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", w->job->name, "algorithm",
                     w->class->name, "run", run_json(w), "card", card_json(w), "sweeps",
                     sweeps_json(w, w->training.sweep), "metrics",
                     or_null(json_load_file(dg_work_path(w, "metrics.json", path), 0, NULL)));
}

dg_status dg_stage_figures(dg_work *w, json_t **out, dg_err *err)
{
    json_t *popular = NULL;
    dg_pulse_stage("report");
    *out = NULL;
    dg_status st = dg_work_model(w, err);
    if (st != DG_OK) return st;
    if (w->comm->rank == 0) *out = folder_json(w);
    st = dg_agree(w->comm,
                  w->comm->rank == 0 && *out == NULL
                      ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for figures")
                      : DG_OK,
                  err);
    if (st == DG_OK && w->data.n_test + w->data.n_valid > 0) st = popular_metrics(w, &popular, err);
    if (*out != NULL && has_measures(popular)) json_object_set(*out, "popular", popular);
    json_decref(popular);
    if (st == DG_OK) st = add_champion(w, *out, err);
    if (st == DG_OK) st = add_tail(w, *out, err);
    if (st == DG_OK) return DG_OK;
    json_decref(*out);
    *out = NULL;
    return st;
}
