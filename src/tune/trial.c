#include "tune/trial.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "job/stages.h"
#include "job/tables.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the job of a trial ---- */

static const dg_job_table *table_of(const char *algorithm)
{
    const dg_job_tables *all = dg_job_tables_all(NULL);
    for (size_t k = 0; k < all->n_models; k++)
        if (strcmp(all->models[k].name, algorithm) == 0) return &all->models[k];
    return NULL;
}

static bool knows(const dg_job_table *table, const char *key)
{
    return strncmp(key, "model.", 6) != 0 ||
           dg_options_find(table->options, table->n_options, key) != NULL;
}

static bool is_algorithm(const char *key) { return strcmp(key, "model.algorithm") == 0; }

/* The settings that the algorithm drawn has use for; the algorithm itself is the first. */
static dg_status choose(const dg_tuning *t, dg_trial *trial, dg_err *err)
{
    double u[DG_SPACE_KEYS];
    char value[DG_SPACE_VALUE];
    const char *algorithm = t->job->model.algorithm;
    dg_space_point(t->space, t->draw, (uint64_t)t->job->seed, trial->number, u);
    for (int k = 0; k < t->space->n; k++) {
        if (!is_algorithm(t->space->at[k].key)) continue;
        trial->key[0] = t->space->at[k].key;
        algorithm = dg_space_value(&t->space->at[k], u[k], trial->value[0]);
        trial->n = 1;
    }
    const dg_job_table *table = table_of(algorithm);
    if (table == NULL && algorithm[0] == '\0')
        return dg_job_missing(t->job, "model.algorithm", err);
    if (table == NULL)
        return DG_FAIL(err, DG_ERR_CONFIG, "tune.space: there is no algorithm \"%s\"", algorithm);
    for (int k = 0; k < t->space->n; k++) {
        const dg_space_key *of = &t->space->at[k];
        const bool meant = of->algorithm[0] == '\0' || strcmp(of->algorithm, algorithm) == 0;
        dg_space_value(of, u[k], value);
        if (is_algorithm(of->key) || !meant || !knows(table, of->key)) continue;
        trial->key[trial->n] = of->key;
        memcpy(trial->value[trial->n++], value, sizeof value);
    }
    return DG_OK;
}

/* The user's job as text, but for sections it does not name. Its keys of model belong to its own
 * algorithm: another one's would mean something else by them. */
static dg_status show_base(const dg_job *job, bool all, bool model, char **text, dg_err *err)
{
    static const char *const always[] = {"name", "seed", "data", "prepare"};
    static const char *const named[] = {"train",  "drift",   "watch",   "checkpoint",
                                        "export", "publish", "generate"};
    const char *sections[16];
    int n = 0;
    for (size_t k = 0; k < sizeof always / sizeof *always; k++) sections[n++] = always[k];
    if (model) sections[n++] = "model";
    if (all && dg_job_names(job, "evaluate")) sections[n++] = "evaluate";
    if (!all) sections[n++] = "evaluate.exclude_seen";
    for (size_t k = 0; all && k < sizeof named / sizeof *named; k++)
        if (dg_job_names(job, named[k])) sections[n++] = named[k];
    sections[n] = NULL;
    return dg_job_show(job, sections, text, err);
}

static dg_status add_flag(dg_strings *flags, dg_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static dg_status add_flag(dg_strings *flags, dg_err *err, const char *fmt, ...)
{
    char flag[512];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(flag, sizeof flag, fmt, ap);
    va_end(ap);
    return dg_strings_add(flags, flag, n < (int)sizeof flag ? (size_t)n : sizeof flag - 1, err);
}

static dg_status parse(const dg_job *job, char *text, const dg_strings *flags, dg_job **out,
                       dg_err *err)
{
    const dg_job_input in = {
        .file = job->file, .text = {.at = text, .n = strlen(text)}, .flags = *flags}; /* borrowed */
    return dg_job_parse(&in, dg_job_tables_all(NULL), out, err);
}

/* A share of the rows where the user named neither share nor files. */
static bool needs_share(const dg_job *job)
{
    return job->prepare.split.valid_files.path.n == 0 && !(job->prepare.split.valid > 0);
}

static dg_status add_judging(const dg_job *job, dg_strings *flags, dg_err *err)
{
    const char *metric = job->tune.metric, *at = strchr(metric, '@');
    const int n = at == NULL ? (int)strlen(metric) : (int)(at - metric);
    dg_status st = add_flag(flags, err, "evaluate.part=valid");
    if (st == DG_OK) st = add_flag(flags, err, "evaluate.metrics=[%.*s]", n, metric);
    if (st == DG_OK && at != NULL) st = add_flag(flags, err, "evaluate.k=[%s]", at + 1);
    if (st == DG_OK && needs_share(job))
        st = add_flag(flags, err, "prepare.split.valid=%.9g", job->tune.valid);
    return st;
}

static dg_status add_settings(const dg_trial *trial, dg_strings *flags, dg_err *err)
{
    dg_status st = DG_OK;
    for (int k = 0; k < trial->n && st == DG_OK; k++)
        st = add_flag(flags, err, "%s=%s", trial->key[k], trial->value[k]);
    return st;
}

/* The first is the algorithm where the search chooses it. */
static bool keeps_model(const dg_job *job, const dg_trial *trial)
{
    return trial->n == 0 || !is_algorithm(trial->key[0]) ||
           strcmp(trial->value[0], job->model.algorithm) == 0;
}

static dg_status make_job(const dg_tuning *t, const dg_trial *trial, int64_t sweeps, dg_job **out,
                          dg_err *err)
{
    char *text = NULL;
    dg_strings flags = {0};
    dg_status st = show_base(t->job, false, keeps_model(t->job, trial), &text, err);
    if (st == DG_OK) st = add_judging(t->job, &flags, err);
    if (st == DG_OK) st = add_flag(&flags, err, "checkpoint.keep=1");
    if (st == DG_OK) st = add_settings(trial, &flags, err);
    if (st == DG_OK && sweeps > 0)
        st = add_flag(&flags, err, "model.iterations=%lld", (long long)sweeps);
    if (st == DG_OK) st = parse(t->job, text, &flags, out, err);
    if (st == DG_OK) st = dg_job_settle(*out, err);
    dg_strings_free(&flags);
    dg_free(text);
    return st;
}

static int64_t sweeps_of(const dg_job *job)
{
    return dg_model_find(job->model.table->name)->sweeps(job->model.options);
}

static dg_status cut(const dg_tuning *t, double share, dg_trial *trial, dg_err *err)
{
    const int64_t least = t->job->tune.min_iterations, full = trial->sweeps;
    int64_t sweeps = (int64_t)ceil((double)full * share);
    if (sweeps < least) sweeps = least < full ? least : full;
    if (sweeps == full || !knows(trial->job->model.table, "model.iterations")) return DG_OK;
    dg_job_destroy(&trial->job);
    trial->sweeps = sweeps;
    return make_job(t, trial, sweeps, &trial->job, err);
}

/* Is the key of use to some algorithm that can be drawn? A typo would never be noticed else. */
static bool is_of_use(const dg_tuning *t, const dg_space_key *key)
{
    const dg_job_table *own = table_of(t->job->model.algorithm);
    bool drawn = false, useful = false;
    for (int k = 0; k < t->space->n; k++) {
        const dg_space_key *a = &t->space->at[k];
        for (int64_t j = 0; is_algorithm(a->key) && j < a->choice.n; j++) {
            char word[DG_SPACE_VALUE];
            dg_space_value(a, ((double)j + 0.5) / (double)a->choice.n, word);
            const dg_job_table *table = table_of(word);
            const bool meant = key->algorithm[0] == '\0' || strcmp(key->algorithm, word) == 0;
            drawn = true;
            useful = useful || (table != NULL && meant && knows(table, key->key));
        }
    }
    if (drawn || own == NULL) return useful || own == NULL || is_algorithm(key->key);
    return (key->algorithm[0] == '\0' || strcmp(key->algorithm, own->name) == 0) &&
           knows(own, key->key);
}

dg_status dg_trial_make(const dg_tuning *t, int64_t number, double share, dg_trial *out,
                        dg_err *err)
{
    *out = (dg_trial){.number = number};
    dg_status st = choose(t, out, err);
    for (int k = 0; k < t->space->n && st == DG_OK; k++)
        if (!is_of_use(t, &t->space->at[k]) && !is_algorithm(t->space->at[k].key))
            st = DG_FAIL(err, DG_ERR_CONFIG, "tune.space: %s: no algorithm of the search has it",
                         t->space->at[k].key);
    if (st == DG_OK) st = make_job(t, out, 0, &out->job, err);
    if (st != DG_OK) return st;
    out->sweeps = sweeps_of(out->job);
    return cut(t, share, out, err);
}

void dg_trial_free(dg_trial *trial)
{
    dg_job_destroy(&trial->job);
    *trial = (dg_trial){0};
}

dg_status dg_trial_job(const dg_tuning *t, const dg_trial *trial, char **text, dg_err *err)
{
    char *base = NULL;
    dg_job *job = NULL;
    dg_strings flags = {0};
    dg_status st = show_base(t->job, true, keeps_model(t->job, trial), &base, err);
    if (st == DG_OK && t->job->prepare.split.valid_files.path.n == 0)
        st = add_flag(&flags, err, "prepare.split.valid=0");
    if (st == DG_OK) st = add_settings(trial, &flags, err);
    if (st == DG_OK) st = parse(t->job, base, &flags, &job, err);
    if (st == DG_OK) st = dg_job_show(job, NULL, text, err);
    dg_job_destroy(&job);
    dg_strings_free(&flags);
    dg_free(base);
    return st;
}

dg_status dg_trial_base(const dg_job *job, dg_job **out, dg_err *err)
{
    char *text = NULL;
    dg_strings flags = {0};
    dg_status st = show_base(job, false, false, &text, err);
    if (st == DG_OK) st = add_judging(job, &flags, err);
    if (st == DG_OK) st = parse(job, text, &flags, out, err);
    dg_strings_free(&flags);
    dg_free(text);
    return st;
}

/* ---- results ---- */

static const char *folder_of(const dg_tuning *t, int64_t number, char out[DG_WORK_PATH])
{
    snprintf(out, DG_WORK_PATH, "%.3900s/trials/%lld", t->folder, (long long)number);
    return out;
}

static const char *result_path(const dg_tuning *t, int64_t number, int rung, char out[DG_WORK_PATH])
{
    const size_t n = strlen(folder_of(t, number, out));
    snprintf(out + n, DG_WORK_PATH - n, "/result-%d.json", rung);
    return out;
}

/* What a result belongs to: the trial's job as it is, and the data. */
static dg_status identify(const dg_tuning *t, const dg_trial *trial, char hex[DG_HEX_SIZE],
                          dg_err *err)
{
    static const char *const sections[] = {"seed", "data", "prepare", "model", "evaluate", NULL};
    char *text = NULL;
    dg_status st = dg_job_show(trial->job, sections, &text, err);
    if (st == DG_OK) st = dg_work_inputs(hex, err, text, t->content, NULL);
    dg_free(text);
    return st;
}

json_t *dg_trial_result(const dg_tuning *t, const dg_trial *trial, int rung)
{
    char path[DG_WORK_PATH], hex[DG_HEX_SIZE];
    dg_err ignored;
    json_t *found = json_load_file(result_path(t, trial->number, rung, path), 0, NULL);
    const char *inputs = json_string_value(json_object_get(found, "inputs"));
    if (inputs != NULL && identify(t, trial, hex, &ignored) == DG_OK && strcmp(inputs, hex) == 0)
        return found;
    json_decref(found);
    return NULL;
}

static json_t *settings_json(const dg_trial *trial)
{
    json_t *j = json_object();
    for (int k = 0; k < trial->n; k++)
        json_object_set_new(j, trial->key[k], json_string(trial->value[k]));
    return j;
}

/* Rank 0 of the trial writes; `failure` is why there is no value, or NULL. */
static dg_status write_result(const dg_work *w, const dg_tuning *t, const dg_trial *trial, int rung,
                              const char *failure, dg_err *err)
{
    char hex[DG_HEX_SIZE], name[32];
    json_t *result = NULL;
    dg_status st = identify(t, trial, hex, err);
    if (st == DG_OK && w->comm->rank == 0) {
        const json_t *metrics = json_object_get(w->record, "evaluate");
        const json_t *value = json_object_get(metrics, t->job->tune.metric);
        result = json_pack("{s:I, s:i, s:I, s:f, s:o, s:s}", "trial", (json_int_t)trial->number,
                           "rung", rung, "sweeps", (json_int_t)trial->sweeps, "seconds",
                           dg_now() - w->started, "settings", settings_json(trial), "inputs", hex);
        if (failure != NULL)
            json_object_set_new(result, "error", json_string(failure));
        else if (!json_is_number(value))
            st = DG_FAIL(err, DG_ERR_CONFIG, "tune.metric: %s does not measure %s",
                         trial->job->model.algorithm, t->job->tune.metric);
        else
            json_object_set_new(result, "value", json_real(json_number_value(value)));
    }
    st = dg_agree(w->comm, st, err);
    snprintf(name, sizeof name, "result-%d.json", rung);
    if (st == DG_OK) st = dg_work_write_json(w, name, result, err);
    json_decref(result);
    return st;
}

/* ---- running ---- */

/* The dataset all share, under the trial's own name. What the trial prepares anew replaces it. */
static dg_status link_dataset(const dg_tuning *t, const dg_work *w, dg_err *err)
{
    char from[DG_WORK_PATH], to[DG_WORK_PATH];
    if (w->comm->rank != 0) return DG_OK;
    snprintf(from, sizeof from, "%.4000s/dataset.h5", t->folder);
    dg_work_path(w, "dataset.h5", to);
    if (link(from, to) == 0 || errno == EEXIST) return DG_OK;
    return dg_file_copy(from, to, err); /* a file system without links */
}

static bool is_of_the_model(dg_status st)
{
    return st == DG_ERR_NUMERIC || st == DG_ERR_NOMEM || st == DG_ERR_CONFIG;
}

static dg_status run_stages(dg_work *w, const dg_tuning *t, const dg_trial *trial, int rung,
                            dg_err *err)
{
    char failure[sizeof err->text];
    dg_status st = dg_agree(w->comm, link_dataset(t, w, err), err);
    if (st == DG_OK) st = dg_stage_prepare(w, err);
    if (st != DG_OK) return st;
    st = dg_stage_train(w, err);
    if (st == DG_OK) st = dg_stage_evaluate(w, err);
    if (st != DG_OK && !is_of_the_model(st)) return st;
    snprintf(failure, sizeof failure, "%s", st == DG_OK ? "" : err->text);
    return write_result(w, t, trial, rung, st == DG_OK ? NULL : failure, err);
}

dg_status dg_trial_run(const dg_comm *c, const dg_tuning *t, const dg_trial *trial, int rung,
                       dg_err *err)
{
    char folder[DG_WORK_PATH];
    dg_work w;
    dg_status st =
        dg_work_open(c, trial->job, folder_of(t, trial->number, folder), "auto", &w, err);
    if (st != DG_OK) return st;
    json_t *there = c->rank == 0 ? dg_trial_result(t, trial, rung) : NULL;
    int done = there != NULL;
    json_decref(there);
    dg_bcast(c, &done, sizeof done, 0);
    if (!done) st = run_stages(&w, t, trial, rung, err);
    if (!done && st == DG_OK) st = dg_work_finish(&w, err);
    dg_work_close(&w);
    return st;
}

void dg_trial_clear(const dg_tuning *t, int64_t number)
{
    static const char *const names[] = {"model.h5", "dataset.h5"};
    char path[DG_WORK_PATH];
    dg_err ignored;
    const size_t n = strlen(folder_of(t, number, path));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        snprintf(path + n, sizeof path - n, "/%s", names[k]);
        unlink(path);
    }
    snprintf(path + n, sizeof path - n, "/checkpoints");
    dg_folder_remove(path, &ignored);
}
