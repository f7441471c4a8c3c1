#include "job/checkpoint.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "job/changes.h"
#include "store/open.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

dg_status dg_training_add(dg_training *t, dg_loss loss, dg_err *err)
{
    const size_t n = (size_t)t->sweep;
    dg_loss *grown = dg_grow(t->loss, n, n + 1, &t->capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the history of losses");
    t->loss = grown;
    t->loss[t->sweep++] = loss;
    return DG_OK;
}

void dg_training_free(dg_training *t)
{
    dg_free(t->loss);
    *t = (dg_training){0};
}

dg_status dg_state_write(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                         const dg_training *t, const dg_identity *id, const char *format,
                         const char *path, char content[DG_HEX_SIZE], dg_err *err)
{
    dg_writer *w = NULL;
    const dg_status st = dg_writer_create(c, path, format, DG_MODEL_VERSION, &w, err);
    if (st != DG_OK) return st;
    dg_writer_text(w, "algorithm", id->algorithm);
    dg_writer_text(w, "dataset", id->dataset);
    dg_writer_text(w, "config", id->config);
    if (t->warm[0] != '\0') dg_writer_text(w, "warm_start", t->warm);
    dg_writer_int(w, "sweep", t->sweep);
    dg_writer_small(w, "history/loss", DG_F64, t->sweep, 3, t->loss);
    class->save(m, w);
    return dg_writer_commit(&w, content, err);
}

dg_status dg_state_bytes(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                         int64_t *n_bytes, dg_err *err)
{
    dg_writer *w = NULL;
    const dg_status st = dg_agree(c, dg_writer_measure(c, &w, err), err);
    if (st != DG_OK) {
        dg_writer_abandon(&w);
        return st;
    }
    class->save(m, w);
    return dg_writer_measured(&w, n_bytes, err);
}

static dg_status check_text(const dg_container *f, const char *name, const char *want,
                            const char *meaning, dg_err *err)
{
    char *found = NULL;
    dg_status st = dg_container_text(f, "/meta", name, &found, err);
    if (st == DG_OK && strcmp(found, want) != 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: was made with %s", dg_container_path(f), meaning);
    dg_free(found);
    return st;
}

/* The options are the same, but perhaps for those that say where to end: `told` has what differs.
 */
static dg_status check_config(const dg_container *f, const dg_identity *id, bool exact,
                              dg_text *told, dg_err *err)
{
    static const char *const ends[] = {"model.iterations", "train.warm_iterations", NULL};
    char *was = NULL;
    dg_text differ = {0};
    dg_status st = dg_container_text(f, "/meta", "config", &was, err);
    if (st == DG_OK) st = dg_job_changes(was, id->config, exact ? NULL : ends, &differ, err);
    if (st == DG_OK && differ.n > 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: was made with other model options or seed: %.500s",
                     dg_container_path(f), differ.at);
    if (st == DG_OK) st = dg_job_changes(was, id->config, NULL, told, err);
    dg_text_free(&differ);
    dg_free(was);
    return st;
}

static dg_status check_identity(const dg_container *f, const dg_identity *id, bool exact,
                                dg_text *told, dg_err *err)
{
    dg_status st = check_text(f, "algorithm", id->algorithm, "another algorithm", err);
    if (st == DG_OK) st = check_text(f, "dataset", id->dataset, "other data", err);
    return st == DG_OK ? check_config(f, id, exact, told, err) : st;
}

static dg_status load_training(const dg_container *f, dg_training *t, dg_err *err)
{
    int64_t n = 0, sweep = 0;
    double *loss = NULL;
    char *warm = NULL;
    dg_err cold; /* a model that did not start warm does not say so */
    if (dg_container_text(f, "/meta", "warm_start", &warm, &cold) == DG_OK)
        snprintf(t->warm, sizeof t->warm, "%s", warm);
    dg_free(warm);
    dg_status st = dg_container_int(f, "/meta", "sweep", &sweep, err);
    if (st == DG_OK) st = dg_container_read_all(f, "history/loss", DG_F64, (void **)&loss, &n, err);
    if (st == DG_OK && (n != sweep || sweep < 0))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %lld sweeps, but %lld losses", dg_container_path(f),
                     (long long)sweep, (long long)n);
    for (int64_t k = 0; k < n && st == DG_OK; k++)
        st = dg_training_add(t, (dg_loss){loss[3 * k], loss[3 * k + 1], loss[3 * k + 2]}, err);
    dg_free(loss);
    return st;
}

/* A state beyond the job's end is not one on the way there. */
static dg_status check_end(const dg_container *f, const dg_training *t, const dg_identity *id,
                           dg_err *err)
{
    const int64_t end = t->warm[0] == '\0' ? id->sweeps : id->warm_sweeps;
    if (t->sweep <= end) return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA, "%s: is of sweep %lld, the job ends after %lld",
                   dg_container_path(f), (long long)t->sweep, (long long)end);
}

dg_status dg_state_load(const dg_comm *c, const dg_model_class *class, dg_model *m, dg_training *t,
                        const dg_identity *id, const char *format, const char *path,
                        char content[DG_HEX_SIZE], bool *touched, dg_err *err)
{
    dg_container *f = NULL;
    dg_text told = {0};
    const bool exact = strcmp(format, "daogou-model") == 0;
    *touched = false;
    dg_status st = dg_store_open(c, path, format, DG_MODEL_VERSION, &f, err);
    if (st != DG_OK) return st;
    dg_training_free(t);
    st = check_identity(f, id, exact, &told, err);
    if (st == DG_OK) st = load_training(f, t, err);
    if (st == DG_OK) st = check_end(f, t, id, err);
    st = dg_agree(c, st, err);
    *touched = st == DG_OK;
    if (st == DG_OK) st = class->load(m, f, err);
    if (st == DG_OK && content != NULL)
        snprintf(content, DG_HEX_SIZE, "%s", dg_container_content(f));
    if (st == DG_OK && told.n > 0)
        dg_log(DG_LOG_INFO, "resumed-changed", "%s: made with %s", path, told.at);
    dg_text_free(&told);
    dg_container_close(&f);
    if (st != DG_OK) dg_training_free(t);
    return st;
}

static int newest_first(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

int dg_checkpoint_list(const char *folder, int64_t sweep[DG_MAX_SAVED])
{
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e; dir != NULL && n < DG_MAX_SAVED && (e = readdir(dir)) != NULL;) {
        long long number;
        int used = 0;
        if (sscanf(e->d_name, "ckpt-%lld.h5%n", &number, &used) == 1 && e->d_name[used] == '\0' &&
            used > 0)
            sweep[n++] = number;
    }
    if (dir != NULL) closedir(dir);
    qsort(sweep, (size_t)n, sizeof *sweep, newest_first);
    return n;
}

const char *dg_checkpoint_path(const char *folder, int64_t sweep, char *out, size_t n)
{
    snprintf(out, n, "%s/ckpt-%06lld.h5", folder, (long long)sweep);
    return out;
}

void dg_checkpoint_drop(const char *folder, int64_t keep)
{
    int64_t sweep[DG_MAX_SAVED];
    char path[4096];
    const int n = dg_checkpoint_list(folder, sweep);
    for (int k = keep < 1 ? 1 : (int)keep; k < n; k++) {
        dg_checkpoint_path(folder, sweep[k], path, sizeof path);
        unlink(path);
    }
}

dg_status dg_checkpoint_write(const dg_comm *c, const dg_model_class *class, const dg_model *m,
                              const dg_training *t, const dg_identity *id, const char *folder,
                              int64_t keep, dg_err *err)
{
    char path[4096];
    dg_status st = dg_agree(c, c->rank == 0 ? dg_folder_make(folder, err) : DG_OK, err);
    if (st != DG_OK) return st;
    dg_checkpoint_path(folder, t->sweep, path, sizeof path);
    st = dg_state_write(c, class, m, t, id, "daogou-checkpoint", path, NULL, err);
    if (st == DG_OK && c->rank == 0) dg_checkpoint_drop(folder, keep);
    return st;
}

/* The path of the newest checkpoint before *sweep, or before *folder among those of that sweep;
 * false where there is none. */
static bool next_older(const char *const *folders, int64_t *sweep, int *folder, char *path,
                       size_t n)
{
    int64_t there[DG_MAX_SAVED], best = -1;
    int best_folder = 0;
    for (int f = 0; folders[f] != NULL; f++) {
        const int n_there = dg_checkpoint_list(folders[f], there);
        for (int k = 0; k < n_there; k++) {
            const bool older = there[k] < *sweep || (there[k] == *sweep && f > *folder);
            if (!older || there[k] <= best) continue;
            best = there[k];
            best_folder = f;
        }
    }
    if (best < 0) return false;
    *sweep = best;
    *folder = best_folder;
    dg_checkpoint_path(folders[best_folder], best, path, n);
    return true;
}

dg_status dg_checkpoint_resume(const dg_comm *c, const dg_model_class *class, dg_model *m,
                               dg_training *t, const dg_identity *id, const char *const *folders,
                               bool *found, dg_err *err)
{
    char path[DG_PATH];
    int64_t sweep = INT64_MAX;
    int folder = 0;
    *found = false;
    for (;;) {
        bool touched;
        path[0] = '\0'; /* one rank looks: others might see a newer folder */
        if (c->rank == 0 && !next_older(folders, &sweep, &folder, path, sizeof path))
            path[0] = '\0';
        dg_bcast(c, path, sizeof path, 0);
        if (path[0] == '\0') return DG_OK;
        const dg_status st =
            dg_state_load(c, class, m, t, id, "daogou-checkpoint", path, NULL, &touched, err);
        *found = st == DG_OK;
        if (*found) return DG_OK;
        if (touched || st == DG_ERR_NOMEM || st == DG_ERR_AGAIN) return st;
        dg_log(DG_LOG_WARN, "checkpoint-skipped", "passing over a checkpoint: %s", err->text);
    }
}
