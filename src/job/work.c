#include "job/work.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "base/version.h"
#include "dense/blas.h"
#include "job/walltime.h"
#include "store/open.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

const char *dg_work_path(const dg_work *w, const char *name, char out[DG_WORK_PATH])
{
    snprintf(out, DG_WORK_PATH, "%s/%s", w->folder, name);
    return out;
}

static dg_status make_folders(const char *folder, dg_err *err)
{
    enum { LONGEST_NAME = 64 }; /* below the folder: "recommendations/part-0000.csv.tmp" */
    if (strlen(folder) + LONGEST_NAME > DG_WORK_PATH)
        return DG_FAIL(err, DG_ERR_CANTCREATE, "%.80s…: the work folder's path is too long",
                       folder);
    const dg_status st = dg_folder_make(folder, err);
    if (st != DG_OK) return st;
    if (access(folder, W_OK | X_OK) != 0) {
        dg_err_errno(err, folder, "cannot write into the work folder");
        return DG_ERR_CANTCREATE;
    }
    return DG_OK;
}

/* Two runs in one folder would write into each other's half-written files. The lock ends with the
 * process, however it ends; a file system that cannot lock is trusted. */
static dg_status lock_folder(dg_work *w, dg_err *err)
{
    w->lock = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->lock < 0 || flock(w->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return DG_OK;
    const dg_status st =
        DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: another run works in this folder", w->folder);
    return dg_err_hint(err, st, "wait for it, or choose another folder with --work");
}

/* What a killed run left half-written; nothing reads these names. */
void dg_work_tidy(const char *folder)
{
    char path[DG_WORK_PATH];
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        const size_t n = strlen(e->d_name);
        if (n < 4 || strcmp(e->d_name + n - 4, ".tmp") != 0) continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, e->d_name) < (int)sizeof path)
            unlink(path);
    }
    if (dir != NULL) closedir(dir);
}

static json_t *new_record(const dg_work *w)
{
    char now[32], *config = NULL;
    dg_err err;
    json_t *r = json_object();
    json_object_set_new(r, "version", json_string(dg_version()));
    json_object_set_new(r, "revision", json_string(dg_revision()));
    json_object_set_new(r, "started", json_string(dg_iso_time(now, sizeof now)));
    json_object_set_new(r, "ranks", json_integer(w->comm->size));
    json_object_set_new(r, "threads", json_integer(omp_get_max_threads()));
    json_object_set_new(r, "blas_core", json_string(dg_blas_core()));
    if (dg_job_show(w->job, NULL, &config, &err) == DG_OK)
        json_object_set_new(r, "job", json_string(config));
    dg_free(config);
    return r;
}

static dg_status open_local(dg_work *w, dg_err *err)
{
    char path[DG_WORK_PATH];
    if (w->comm->rank != 0) return DG_OK;
    dg_status st = make_folders(w->folder, err);
    if (st == DG_OK) st = lock_folder(w, err);
    if (st != DG_OK) return st;
    dg_work_tidy(w->folder);
    dg_work_tidy(dg_work_path(w, "checkpoints", path));
    dg_work_tidy(dg_work_path(w, "recommendations", path));
    w->record = new_record(w);
    w->traffic = json_array();
    return dg_log_open(dg_work_path(w, "log.jsonl", path), err);
}

dg_status dg_work_open(const dg_comm *c, const dg_job *job, const char *folder, const char *resume,
                       dg_work *out, dg_err *err)
{
    *out = (dg_work){.comm = c, .job = job, .resume = resume, .started = dg_now(), .lock = -1};
    out->folder = dg_strdup(folder);
    if (job->model.table != NULL) out->class = dg_model_find(job->model.table->name);
    dg_status st = out->folder == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : DG_OK;
    if (st == DG_OK) st = open_local(out, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_watch_start(c, job, out->folder, &out->watch, err);
    if (st == DG_OK) dg_walltime_heed(c);
    dg_stop_allow(st == DG_OK); /* but for training, nothing is lost by leaving */
    if (st != DG_OK) dg_work_close(out);
    return st;
}

void dg_work_close(dg_work *w)
{
    dg_stop_allow(false);
    dg_watch_stop(&w->watch);
    if (w->class != NULL) w->class->destroy(&w->model);
    dg_dataset_free(&w->data);
    dg_training_free(&w->training);
    dg_spool_destroy(&w->spool);
    json_decref(w->record);
    json_decref(w->leaks);
    json_decref(w->traffic);
    dg_free(w->folder);
    dg_log_close();
    if (w->lock >= 0) close(w->lock);
    *w = (dg_work){.lock = -1};
}

dg_status dg_work_data(dg_work *w, dg_err *err)
{
    char path[DG_WORK_PATH];
    if (w->has_data) return DG_OK;
    dg_status st = dg_dataset_load(w->comm, dg_work_path(w, "dataset.h5", path), &w->data, err);
    if (st == DG_ERR_NOINPUT) dg_err_hint(err, st, "run `daogou prepare` with this job first");
    w->has_data = st == DG_OK;
    return st;
}

dg_status dg_work_identity(const dg_work *w, dg_identity *out, char **config, dg_err *err)
{
    /* What it started from is no part of it: the champion changes by this very run's model, which
     * must not be trained anew for that. */
    static const char *const warm[] = {"seed", "model", "train", NULL};
    static const char *const cold[] = {"seed", "model", NULL};
    const bool starts_warm = w->job->train.warm_start[0] != '\0';
    const dg_status st = dg_job_show(w->job, starts_warm ? warm : cold, config, err);
    const int64_t sweeps = w->class->sweeps(w->job->model.options);
    const int64_t warm_sweeps = w->job->train.warm_iterations;
    *out = (dg_identity){w->class->name, w->data.content, *config, sweeps,
                         warm_sweeps > 0 ? warm_sweeps : sweeps};
    return st;
}

dg_status dg_work_model(dg_work *w, dg_err *err)
{
    char path[DG_WORK_PATH], *config = NULL;
    dg_identity id;
    bool touched;
    if (w->model != NULL) return DG_OK;
    if (w->class == NULL) return dg_job_missing(w->job, "model.algorithm", err);
    dg_status st = dg_work_data(w, err);
    if (st == DG_OK) st = dg_agree(w->comm, dg_work_identity(w, &id, &config, err), err);
    if (st == DG_OK)
        st = w->class->create(w->comm, &w->data, w->job->model.options, (uint64_t)w->job->seed,
                              &w->model, err);
    if (st == DG_OK) {
        st = dg_state_load(w->comm, w->class, w->model, &w->training, &id, "daogou-model",
                           dg_work_path(w, "model.h5", path), w->model_content, &touched, err);
        if (st == DG_ERR_NOINPUT) dg_err_hint(err, st, "run `daogou train` with this job first");
        if (st != DG_OK) w->class->destroy(&w->model);
    }
    dg_free(config);
    return st;
}

dg_status dg_work_inputs(char hex[DG_HEX_SIZE], dg_err *err, ...)
{
    dg_text all = {0};
    va_list ap;
    va_start(ap, err);
    for (const char *part; (part = va_arg(ap, const char *)) != NULL;)
        dg_text_bytes(&all, part, strlen(part) + 1); /* with its NUL: parts do not run together */
    va_end(ap);
    const bool failed = all.failed;
    if (!failed) dg_digest_hex(all.at, all.n, hex);
    dg_text_free(&all);
    return failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a digest") : DG_OK;
}

dg_status dg_work_is_current(const dg_work *w, const char *name, const char *format, int version,
                             const char *inputs, char content[DG_HEX_SIZE], dg_err *err)
{
    char path[DG_WORK_PATH], *found = NULL;
    dg_container *f = NULL;
    dg_work_path(w, name, path);
    content[0] = '\0';
    dg_status st = dg_store_open(w->comm, path, format, version, &f, err);
    if (st != DG_OK && st != DG_ERR_NOINPUT && st != DG_ERR_AGAIN)
        dg_log(DG_LOG_WARN, "remake", "making %s anew: %s", name, err->text);
    if (st == DG_OK && dg_container_text(f, "/meta", "inputs", &found, err) == DG_OK &&
        strcmp(found, inputs) == 0) {
        snprintf(content, DG_HEX_SIZE, "%s", dg_container_content(f));
        dg_log(DG_LOG_INFO, "skipped", "%s is up to date", name);
    }
    dg_free(found);
    dg_container_close(&f);
    dg_bcast(w->comm, content, DG_HEX_SIZE, 0);
    return st == DG_ERR_NOMEM || st == DG_ERR_AGAIN
               ? st
               : DG_OK; /* whatever else is wrong with it, it is made anew */
}

void dg_work_record(dg_work *w, const char *stage, double started, json_t *fields)
{
    int64_t peak = (int64_t)dg_peak_rss(), total = peak;
    dg_traffic traffic = dg_comm_traffic();
    dg_max_int64(w->comm, &peak, 1);
    dg_sum_int64(w->comm, &total, 1);
    dg_traffic_sum(w->comm, &traffic);
    if (w->record == NULL) return;
    dg_log_fields(DG_LOG_DEBUG, "stage",
                  json_pack("{s:s, s:f, s:I, s:I}", "stage", stage, "seconds", dg_now() - started,
                            "bytes", (json_int_t)dg_traffic_sent(&traffic), "peak_bytes_of_a_rank",
                            (json_int_t)peak),
                  "%s is done", stage);
    if (fields == NULL) fields = json_object();
    json_object_set_new(fields, "seconds", json_real(dg_now() - started));
    json_object_set_new(fields, "bytes_sent", json_integer(dg_traffic_sent(&traffic)));
    json_object_set_new(fields, "peak_bytes_of_a_rank", json_integer(peak));
    json_object_set_new(fields, "peak_bytes_of_all_ranks", json_integer(total));
    json_object_set_new(w->record, stage, fields);
}

static dg_status write_json(const char *path, const json_t *json, dg_err *err)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    dg_text whole = {0};
    if (text != NULL) dg_text_add(&whole, "%s\n", text);
    const dg_status st = text == NULL || whole.failed
                             ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory writing it", path)
                             : dg_file_replace(path, whole.at, whole.n, err);
    free(text);
    dg_text_free(&whole);
    return st;
}

dg_status dg_work_write_json(const dg_work *w, const char *name, const json_t *json, dg_err *err)
{
    char path[DG_WORK_PATH];
    dg_status st = DG_OK;
    if (w->comm->rank == 0) st = write_json(dg_work_path(w, name, path), json, err);
    return dg_agree(w->comm, st, err);
}

dg_status dg_work_finish(dg_work *w, dg_err *err)
{
    char now[32];
    dg_stop_allow(false); /* all is done */
    if (w->record != NULL) {
        json_object_set_new(w->record, "finished", json_string(dg_iso_time(now, sizeof now)));
        json_object_set_new(w->record, "seconds", json_real(dg_now() - w->started));
    }
    return dg_work_write_json(w, "run.json", w->record, err);
}
