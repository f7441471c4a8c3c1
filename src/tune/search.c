#include "tune/search.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "job/stages.h"
#include "store/open.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct search {
    const dg_comm *world;
    const dg_job *job;
    dg_job *base; /* what all trials share of theirs */
    dg_tuning of;
    dg_comm group; /* of ranks that run a trial together */
    int color;     /* which */
    char folder[DG_WORK_PATH];
    int rungs;
    int64_t *number; /* (n,) trials of the rung, best of the one before first */
    int64_t n;
    double started;
    int64_t ran; /* by this group */
} search;

/* ---- values ---- */

static bool less_is_better(const char *metric)
{
    static const char *const errors[] = {"rmse", "mae", "logloss"};
    for (size_t k = 0; k < sizeof errors / sizeof *errors; k++)
        if (strncmp(metric, errors[k], strlen(errors[k])) == 0) return true;
    return false;
}

typedef struct scored {
    int64_t number;
    double value; /* the greater the better; -INFINITY: none */
} scored;

static int by_value(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

static double value_of(const search *s, const json_t *result)
{
    const json_t *value = json_object_get(result, "value");
    if (!json_is_number(value)) return -INFINITY;
    return less_is_better(s->job->tune.metric) ? -json_number_value(value)
                                               : json_number_value(value);
}

/* ---- rungs ---- */

static int count_rungs(const dg_job *job)
{
    int rungs = 1;
    if (job->tune.method != DG_JOB_HALVING) return 1;
    for (int64_t n = job->tune.trials; n >= job->tune.eta; n /= job->tune.eta) rungs++;
    return rungs;
}

static double share_of(const search *s, int rung)
{
    return pow((double)s->job->tune.eta, rung - s->rungs + 1);
}

/* Is the trial done, as this group's first rank sees the folder? COLLECTIVE over the group. */
static bool is_done(const search *s, const dg_trial *trial, int rung)
{
    json_t *there = s->group.rank == 0 ? dg_trial_result(&s->of, trial, rung) : NULL;
    int done = there != NULL;
    json_decref(there);
    dg_bcast(&s->group, &done, sizeof done, 0);
    return done != 0;
}

static void say_result(const search *s, const dg_trial *trial, int rung, int64_t left)
{
    char settings[512] = "", value[64] = "failed", time_left[32];
    size_t n = 0;
    if (s->world->rank != 0) return;
    json_t *result = dg_trial_result(&s->of, trial, rung);
    const json_t *v = json_object_get(result, "value");
    if (json_is_number(v)) snprintf(value, sizeof value, "%.5f", json_number_value(v));
    for (int k = 0; k < trial->n && n < sizeof settings; k++)
        n += (size_t)snprintf(settings + n, sizeof settings - n, " %s=%s",
                              strncmp(trial->key[k], "model.", 6) == 0 ? trial->key[k] + 6
                                                                       : trial->key[k],
                              trial->value[k]);
    const double each = (dg_now() - s->started) / (double)s->ran;
    dg_log_fields(DG_LOG_INFO, "trial", json_incref(result), "trial %" PRId64 ": %s %s,%s; %s left",
                  trial->number, s->job->tune.metric, value, settings,
                  dg_show_seconds(each * (double)left, time_left, sizeof time_left));
    json_decref(result);
}

/* One trial, unless it is done or at work elsewhere. *pending counts the latter. */
static dg_status visit(search *s, int rung, int64_t number, int64_t left, int64_t *pending,
                       dg_err *err)
{
    dg_trial trial;
    dg_status st = dg_trial_make(&s->of, number, share_of(s, rung), &trial, err);
    st = dg_agree(&s->group, st, err);
    if (st == DG_OK && !is_done(s, &trial, rung)) {
        const dg_log_level before = dg_log_hush(DG_LOG_WARN);
        st = dg_trial_run(&s->group, &s->of, &trial, rung, err);
        dg_log_hush(before);
        if (st == DG_ERR_UNAVAILABLE) {
            ++*pending;
            st = DG_OK;
        } else if (st == DG_OK) {
            s->ran++;
            say_result(s, &trial, rung, left);
        }
    }
    dg_trial_free(&trial);
    return st;
}

static bool out_of_time(const search *s)
{
    int late = s->job->tune.minutes > 0 && dg_now() - s->started > 60 * s->job->tune.minutes;
    dg_bcast(&s->group, &late, sizeof late, 0);
    return late != 0;
}

/* Every trial of the rung, here or elsewhere. Groups begin at different ones. */
static dg_status climb(search *s, int rung, dg_err *err)
{
    const struct timespec nap = {.tv_nsec = 200000000};
    int64_t pending = 1;
    dg_status st = DG_OK;
    for (bool first = true; pending > 0 && st == DG_OK; first = false) {
        pending = 0;
        if (!first) nanosleep(&nap, NULL);
        for (int64_t k = 0; k < s->n && st == DG_OK; k++) {
            if (out_of_time(s)) return DG_OK;
            const int64_t at = (k + s->color) % s->n;
            st = visit(s, rung, s->number[at], s->n - k - 1, &pending, err);
        }
        st = dg_agree(&s->group, st, err); /* a stop asked for comes through here */
    }
    return st;
}

/* The trials of a rung with their values, best first, as the folder shows them. LOCAL. */
static dg_status rank_trials(const search *s, int rung, scored **out, dg_err *err)
{
    dg_status st = DG_OK;
    *out = dg_alloc((size_t)s->n, sizeof **out);
    if (*out == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for trials");
    for (int64_t k = 0; k < s->n && st == DG_OK; k++) {
        dg_trial trial;
        st = dg_trial_make(&s->of, s->number[k], share_of(s, rung), &trial, err);
        json_t *result = st == DG_OK ? dg_trial_result(&s->of, &trial, rung) : NULL;
        (*out)[k] = (scored){s->number[k], value_of(s, result)};
        json_decref(result);
        dg_trial_free(&trial);
    }
    if (st == DG_OK) qsort(*out, (size_t)s->n, sizeof **out, by_value);
    return st;
}

/* The best one in eta goes on. All ranks take the list of the first. COLLECTIVE over the group. */
static dg_status halve(search *s, int rung, dg_err *err)
{
    scored *trials = NULL;
    dg_status st = s->group.rank == 0 ? rank_trials(s, rung, &trials, err) : DG_OK;
    st = dg_agree(&s->group, st, err);
    if (st == DG_OK) {
        s->n = (s->n + s->job->tune.eta - 1) / s->job->tune.eta;
        for (int64_t k = 0; s->group.rank == 0 && k < s->n; k++) s->number[k] = trials[k].number;
        dg_bcast(&s->group, s->number, (size_t)s->n * sizeof *s->number, 0);
    }
    dg_free(trials);
    return st;
}

/* ---- the end ---- */

/* Append the results of a rung, best first. */
static void add_results(const search *s, int rung, scored *order, json_t **found, json_t *all)
{
    const int64_t n = s->job->tune.trials;
    dg_err ignored;
    for (int64_t k = 0; k < n; k++) {
        dg_trial trial;
        found[k] = NULL;
        if (dg_trial_make(&s->of, k + 1, share_of(s, rung), &trial, &ignored) == DG_OK)
            found[k] = dg_trial_result(&s->of, &trial, rung);
        dg_trial_free(&trial);
        order[k] = (scored){k + 1, value_of(s, found[k])};
    }
    qsort(order, (size_t)n, sizeof *order, by_value);
    for (int64_t k = 0; k < n; k++) {
        json_t *result = found[order[k].number - 1];
        if (result == NULL) continue;
        json_object_del(result, "inputs");
        json_array_append_new(all, result);
    }
}

/* All there is, the last rung first. */
static dg_status results_of(const search *s, json_t **all, dg_err *err)
{
    const size_t n = (size_t)s->job->tune.trials;
    scored *order = dg_alloc(n, sizeof *order);
    json_t **found = dg_alloc(n, sizeof *found);
    *all = json_array();
    for (int rung = s->rungs; order != NULL && found != NULL && rung-- > 0;)
        add_results(s, rung, order, found, *all);
    const bool good = order != NULL && found != NULL;
    dg_free(order);
    dg_free(found);
    return good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for results");
}

/* The best of those that were trained in full; NULL where there is none. */
static const json_t *best_of(const search *s, const json_t *all)
{
    const json_t *best = json_array_get(all, 0);
    const bool full = json_integer_value(json_object_get(best, "rung")) == s->rungs - 1;
    return full && json_object_get(best, "value") != NULL ? best : NULL;
}

static dg_status write_best(const search *s, const json_t *best, dg_err *err)
{
    char path[DG_WORK_PATH], *text = NULL;
    dg_trial trial;
    dg_text all = {0};
    dg_status st =
        dg_trial_make(&s->of, json_integer_value(json_object_get(best, "trial")), 1, &trial, err);
    if (st == DG_OK) st = dg_trial_job(&s->of, &trial, &text, err);
    if (st == DG_OK) {
        dg_text_add(&all,
                    "# Trial %" PRId64 " of %" PRId64 " that daogou tune tried with %s: %s %.6g on "
                    "the validation rows,\n# which this job trains on as well.\n%s",
                    trial.number, s->job->tune.trials, s->job->file, s->job->tune.metric,
                    json_number_value(json_object_get(best, "value")), text);
        snprintf(path, sizeof path, "%.4000s/best.yaml", s->folder);
        st = all.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the best job")
                        : dg_file_replace(path, all.at, all.n, err);
    }
    dg_text_free(&all);
    dg_free(text);
    dg_trial_free(&trial);
    return st;
}

/* Why the first trial that failed did. */
static dg_status say_all_failed(const json_t *all, dg_err *err)
{
    size_t k;
    const json_t *result;
    json_array_foreach((json_t *)(uintptr_t)all, k, result)
    {
        const char *why = json_string_value(json_object_get(result, "error"));
        if (why != NULL)
            return DG_FAIL(err, DG_ERR_NUMERIC, "every trial failed; trial %lld: %.600s",
                           (long long)json_integer_value(json_object_get(result, "trial")), why);
    }
    const dg_status st = DG_FAIL(err, DG_ERR_AGAIN, "no trial was trained in full in the time");
    return dg_err_hint(err, st, "run the same command again to go on, or raise tune.minutes");
}

/* Rank 0 of all: tune.json and best.yaml from what the folder holds. */
static dg_status conclude(const search *s, json_t **result, dg_err *err)
{
    json_t *all = NULL;
    dg_status st = results_of(s, &all, err);
    const json_t *best = best_of(s, all);
    if (st == DG_OK) st = best == NULL ? say_all_failed(all, err) : write_best(s, best, err);
    if (st != DG_OK) {
        json_decref(all);
        return st;
    }
    for (int64_t number = 1; number <= s->job->tune.trials; number++)
        dg_trial_clear(&s->of, number);
    *result = json_pack("{s:s, s:I, s:i, s:f, s:s+, s:O, s:o}", "metric", s->job->tune.metric,
                        "trials", (json_int_t)s->job->tune.trials, "rungs", s->rungs, "seconds",
                        dg_now() - s->started, "job", s->folder, "/best.yaml", "best", best,
                        "results", all);
    char path[DG_WORK_PATH];
    snprintf(path, sizeof path, "%.4000s/tune.json", s->folder);
    char *text = json_dumps(*result, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    st = text == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for tune.json")
                      : dg_file_replace(path, text, strlen(text), err);
    free(text);
    return st;
}

/* ---- the beginning ---- */

/* The folder for this process alone, once others that search it have left it. COLLECTIVE. */
static dg_status enter(const search *s, dg_work *w, dg_err *err)
{
    const struct timespec nap = {.tv_nsec = 100000000};
    dg_status st;
    while ((st = dg_work_open(s->world, s->base, s->folder, "auto", w, err)) ==
           DG_ERR_UNAVAILABLE) {
        nanosleep(&nap, NULL);
        st = dg_agree(s->world, DG_OK, err); /* stopped? */
        if (st != DG_OK) break;
    }
    return st;
}

/* dataset.h5 for all, by whoever comes first. COLLECTIVE. */
static dg_status prepare(search *s, dg_err *err)
{
    char path[DG_WORK_PATH];
    dg_container *f = NULL;
    dg_work w;
    dg_status st = enter(s, &w, err);
    if (st != DG_OK) return st;
    st = dg_stage_prepare(&w, err);
    if (st == DG_OK)
        st = dg_store_open(s->world, dg_work_path(&w, "dataset.h5", path), "daogou-dataset",
                           DG_DATASET_VERSION, &f, err);
    if (st == DG_OK) snprintf(s->of.content, DG_HEX_SIZE, "%s", dg_container_content(f));
    dg_container_close(&f);
    dg_work_close(&w);
    return st;
}

/* Others may conclude the same search at the same time. COLLECTIVE. */
static dg_status finish(search *s, json_t **result, dg_err *err)
{
    dg_work w;
    dg_status st = enter(s, &w, err);
    if (st != DG_OK) return st;
    st = dg_agree(s->world, s->world->rank == 0 ? conclude(s, result, err) : DG_OK, err);
    dg_work_close(&w);
    return st;
}

static dg_status start(search *s, const char *work, int groups, dg_err *err)
{
    if (groups < 1 || groups > s->world->size)
        return DG_FAIL(err, DG_ERR_USAGE, "--groups: %d is not from 1 to the %d ranks", groups,
                       s->world->size);
    const int n = snprintf(s->folder, sizeof s->folder, "%s/tune", work);
    if (n > 3800) return DG_FAIL(err, DG_ERR_CANTCREATE, "%.80s…: the path is too long", work);
    s->n = s->job->tune.trials;
    s->number = dg_alloc((size_t)s->n, sizeof *s->number);
    dg_status st = s->number == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : DG_OK;
    for (int64_t k = 0; st == DG_OK && k < s->n; k++) s->number[k] = k + 1;
    if (st == DG_OK) st = dg_trial_base(s->job, &s->base, err);
    st = dg_agree(s->world, st, err);
    if (st == DG_OK) st = prepare(s, err);
    s->color = (int)((int64_t)s->world->rank * groups / s->world->size);
    if (st == DG_OK) dg_comm_split(s->world, s->color, &s->group);
    return st;
}

static dg_status run(search *s, dg_err *err)
{
    dg_status st = DG_OK;
    for (int rung = 0; rung < s->rungs && st == DG_OK; rung++) {
        st = climb(s, rung, err);
        if (st == DG_OK && rung + 1 < s->rungs) st = halve(s, rung, err);
    }
    return dg_agree(s->world, st, err);
}

static dg_status run_one(search *s, int64_t only, dg_err *err)
{
    int64_t pending = 0;
    if (only > s->job->tune.trials)
        return DG_FAIL(err, DG_ERR_USAGE, "--trial: there are %lld trials",
                       (long long)s->job->tune.trials);
    const dg_status st = visit(s, s->rungs - 1, only, 0, &pending, err);
    if (st != DG_OK || pending == 0) return st;
    return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s/trials/%lld: another run is at this trial",
                   s->folder, (long long)only);
}

dg_status dg_tune(const dg_comm *c, const dg_job *job, const char *work, int groups, int64_t only,
                  json_t **result, dg_err *err)
{
    dg_space space = {0};
    search s = {.world = c, .job = job, .rungs = count_rungs(job), .started = dg_now()};
    s.of = (dg_tuning){.job = job,
                       .space = &space,
                       .draw = job->tune.method == DG_JOB_RANDOM ? DG_SPACE_RANDOM : DG_SPACE_QUASI,
                       .folder = s.folder};
    *result = NULL;
    dg_status st = dg_agree(c, dg_space_read(&job->tune.space, &space, err), err);
    if (st == DG_OK) st = start(&s, work, only > 0 ? 1 : groups, err);
    const bool split = st == DG_OK;
    if (split && only > 0)
        st = run_one(&s, only, err);
    else if (split)
        st = run(&s, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK && only == 0) st = finish(&s, result, err);
    if (split) dg_comm_free(&s.group);
    dg_job_destroy(&s.base);
    dg_free(s.number);
    dg_space_free(&space);
    return st;
}
