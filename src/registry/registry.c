#include "registry/registry.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "registry/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct dg_registry {
    char *dir, *model;
    char folder[DG_PATH]; /* DIR/NAME */
    int lock;
    dg_current state;
    json_t *last;                /* the event of CURRENT; NULL before the first */
    json_t *history;             /* all events */
    char begun[DG_VERSION_SIZE]; /* version whose files are being written */
};

static const char unfinished[] = ".unfinished", dropped[] = ".dropped";

/* Between any two steps of a change a test may kill the process. */
static void step(void) { dg_fault("registry.kill"); }

static void path_in(const dg_registry *r, const char *name, char out[DG_PATH])
{
    snprintf(out, DG_PATH, "%.3900s/%s", r->folder, name);
}

const char *dg_registry_path(const char *dir, const char *model, const char *version,
                             const char *file, char out[DG_PATH])
{
    snprintf(out, DG_PATH, "%.3900s/%s%s%s%s%s", dir, model, version[0] == '\0' ? "" : "/", version,
             file[0] == '\0' ? "" : "/", file);
    return out;
}

bool dg_registry_is_name(const char *model)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(model);
    return n > 0 && n <= DG_MODEL_NAME_MAX && model[0] != '.' && strspn(model, good) == n;
}

const dg_current *dg_registry_state(const dg_registry *r) { return &r->state; }

/* ---- mending ---- */

static dg_status write_current(const dg_registry *r, const json_t *event, dg_err *err)
{
    char path[DG_PATH];
    dg_text line = {0};
    path_in(r, "CURRENT", path);
    dg_status st = dg_event_line(event, &line, err);
    if (st == DG_OK) st = dg_file_replace(path, line.at, line.n, err);
    dg_text_free(&line);
    return st;
}

/* The later of what CURRENT and the history's last line say holds; the other is brought up to it.
 * A change is made by CURRENT first, so history lacks at most one event. */
static dg_status settle(dg_registry *r, dg_err *err)
{
    char path[DG_PATH];
    json_t *current = NULL;
    const size_t n = json_array_size(r->history);
    json_t *noted = n > 0 ? json_array_get(r->history, n - 1) : NULL;
    path_in(r, "CURRENT", path);
    dg_status st = dg_event_read(path, &current, err);
    if (st == DG_ERR_NOINPUT && n == 0) return DG_OK; /* a new registry */
    if (st != DG_OK && (st == DG_ERR_NOMEM || st == DG_ERR_IO || n == 0)) return st;
    if (current == NULL || (noted != NULL && dg_event_number(noted) > dg_event_number(current))) {
        dg_log(DG_LOG_WARN, "registry-mended", "%s: restored from history.jsonl", path);
        json_decref(current);
        current = json_incref(noted);
        st = write_current(r, current, err);
    } else if (noted == NULL || dg_event_number(noted) < dg_event_number(current)) {
        json_array_append(r->history, current);
        st = dg_events_append(r->folder, current, err);
    } else {
        st = DG_OK;
    }
    r->last = current;
    return st == DG_OK ? dg_event_state(current, &r->state, path, err) : st;
}

/* A version that a killed publisher moved into place, but whose event never came about. */
static dg_status remove_unborn(dg_registry *r, dg_err *err)
{
    dg_strings versions = {0};
    char path[DG_PATH], name[DG_VERSION_SIZE];
    dg_status st = dg_registry_versions(r->dir, r->model, &versions, err);
    for (int64_t k = 0; k < versions.n && st == DG_OK; k++) {
        json_t *own = NULL;
        dg_err ignored;
        size_t n;
        const char *at = dg_strings_at(&versions, k, &n);
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        dg_registry_path(r->dir, r->model, name, "version.json", path);
        if (dg_event_read(path, &own, &ignored) == DG_OK && dg_event_number(own) > r->state.event) {
            dg_log(DG_LOG_INFO, "registry-mended", "removing %s, which was never finished", name);
            path_in(r, name, path);
            st = dg_folder_remove(path, err);
        }
        json_decref(own);
    }
    dg_strings_free(&versions);
    return st;
}

static dg_status mend(dg_registry *r, dg_err *err)
{
    char path[DG_PATH];
    path_in(r, "CURRENT.tmp", path);
    unlink(path);
    path_in(r, unfinished, path);
    dg_status st = dg_folder_remove(path, err);
    path_in(r, dropped, path);
    if (st == DG_OK) st = dg_folder_remove(path, err);
    if (st == DG_OK) st = dg_events_mend(r->folder, err);
    if (st == DG_OK) st = dg_registry_history(r->dir, r->model, &r->history, err);
    if (st == DG_OK) st = settle(r, err);
    return st == DG_OK ? remove_unborn(r, err) : st;
}

/* ---- the lock ---- */

/* A lock on an open file ends with the process, however it ends. Opened for writing: NFS wants that
 * of an exclusive one. */
static dg_status take_lock(dg_registry *r, double patience, dg_err *err)
{
    char path[DG_PATH];
    const struct timespec nap = {.tv_nsec = 50000000};
    const double began = dg_now();
    bool said = false;
    path_in(r, "LOCK", path);
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (r->lock < 0) return dg_err_errno(err, path, "cannot open");
    while (flock(r->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) {
            dg_err_errno(err, path, "cannot lock");
            return dg_err_hint(err, DG_ERR_UNAVAILABLE,
                               "a registry needs a file system with locks; daogou doctor tests it");
        }
        if (dg_stop_now())
            return DG_FAIL(err, DG_ERR_AGAIN, "stopped while waiting for another publisher");
        if (dg_now() - began >= patience)
            return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: another publisher is at work", r->folder);
        if (!said) dg_log(DG_LOG_INFO, "waiting", "waiting for another publisher of %s", r->folder);
        said = true;
        nanosleep(&nap, NULL);
    }
    return DG_OK;
}

static dg_status find_folder(const dg_registry *r, bool make, dg_err *err)
{
    struct stat info;
    if (!dg_registry_is_name(r->model))
        return DG_FAIL(err, DG_ERR_CONFIG,
                       "\"%.80s\" cannot be a model's name: up to %d letters, digits and . _ -",
                       r->model, (int)DG_MODEL_NAME_MAX);
    if (strlen(r->dir) > 3500)
        return DG_FAIL(err, DG_ERR_CANTCREATE, "%.80s…: the registry's path is too long", r->dir);
    if (make) return dg_folder_make(r->folder, err);
    if (stat(r->folder, &info) == 0) return DG_OK;
    return dg_err_errno(err, r->folder, "no such model in the registry");
}

dg_status dg_registry_open(const char *dir, const char *model, double patience, bool make,
                           dg_registry **out, dg_err *err)
{
    dg_registry *r = *out = dg_alloc(1, sizeof *r);
    if (r == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a registry");
    r->lock = -1;
    r->dir = dg_strdup(dir);
    r->model = dg_strdup(model);
    dg_status st = r->dir == NULL || r->model == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a registry")
                       : DG_OK;
    if (st == DG_OK) dg_registry_path(dir, model, "", "", r->folder);
    if (st == DG_OK) st = find_folder(r, make, err);
    if (st == DG_OK) st = take_lock(r, patience, err);
    if (st == DG_OK) st = mend(r, err);
    if (st != DG_OK) dg_registry_close(out);
    return st;
}

void dg_registry_close(dg_registry **registry)
{
    dg_registry *r = *registry;
    char path[DG_PATH];
    dg_err ignored;
    if (r == NULL) return;
    if (r->begun[0] != '\0') {
        path_in(r, unfinished, path);
        dg_folder_remove(path, &ignored);
    }
    if (r->lock >= 0) close(r->lock);
    json_decref(r->last);
    json_decref(r->history);
    dg_free(r->dir);
    dg_free(r->model);
    dg_free(r);
    *registry = NULL;
}

/* ---- changes ---- */

/* Later than every name there is, also where clocks went back or two come in one second. */
static void name_version(const char *digest, const char *newest, char out[DG_VERSION_SIZE])
{
    struct tm parts = {0};
    time_t now = time(NULL);
    if (strptime(newest, "%Y%m%dT%H%M%SZ", &parts) != NULL) {
        const time_t last = timegm(&parts);
        if (now <= last) now = last + 1;
    }
    gmtime_r(&now, &parts);
    const size_t n = strftime(out, DG_VERSION_SIZE, "%Y%m%dT%H%M%SZ-", &parts);
    snprintf(out + n, DG_VERSION_SIZE - n, "%.8s", digest);
}

/* The newest name of all versions, those dropped since included. */
static dg_status newest_name(const dg_registry *r, char out[DG_VERSION_SIZE], dg_err *err)
{
    dg_strings versions = {0};
    size_t k;
    json_t *event;
    out[0] = '\0';
    const dg_status st = dg_registry_versions(r->dir, r->model, &versions, err);
    if (st == DG_OK && versions.n > 0) {
        size_t n;
        const char *at = dg_strings_at(&versions, versions.n - 1, &n);
        snprintf(out, DG_VERSION_SIZE, "%.*s", (int)n, at);
    }
    json_array_foreach(r->history, k, event)
    {
        const char *version = json_string_value(json_object_get(event, "version"));
        if (version != NULL && strcmp(version, out) > 0)
            snprintf(out, DG_VERSION_SIZE, "%s", version);
    }
    dg_strings_free(&versions);
    return st;
}

dg_status dg_registry_begin(dg_registry *r, const char *digest, char version[DG_VERSION_SIZE],
                            char folder[DG_PATH], dg_err *err)
{
    char newest[DG_VERSION_SIZE];
    dg_status st = newest_name(r, newest, err);
    if (st != DG_OK) return st;
    name_version(digest, newest, version);
    path_in(r, unfinished, folder);
    st = dg_folder_make(folder, err);
    if (st == DG_OK) snprintf(r->begun, sizeof r->begun, "%s", version);
    step();
    return st;
}

/* The files are there: their folder becomes the version's. */
static dg_status move_into_place(dg_registry *r, const json_t *event, dg_err *err)
{
    char from[DG_PATH], to[DG_PATH], own[DG_PATH];
    dg_text line = {0};
    path_in(r, unfinished, from);
    path_in(r, r->begun, to);
    snprintf(own, sizeof own, "%.4000s/version.json", from);
    dg_status st = dg_event_line(event, &line, err);
    if (st == DG_OK) st = dg_file_replace(own, line.at, line.n, err);
    dg_text_free(&line);
    step();
    if (st == DG_OK) st = dg_folder_sync(from, err);
    if (st == DG_OK && rename(from, to) != 0)
        st = dg_err_errno(err, to, "cannot rename into place");
    if (st != DG_OK) return st;
    r->begun[0] = '\0';
    step();
    return dg_folder_sync(r->folder, err);
}

static bool is_protected(const dg_registry *r, const char *version, const char *previous)
{
    return strcmp(version, r->state.champion) == 0 || strcmp(version, r->state.challenger) == 0 ||
           strcmp(version, previous) == 0;
}

static dg_status drop(const dg_registry *r, const char *version, dg_err *err)
{
    char from[DG_PATH], to[DG_PATH];
    path_in(r, version, from);
    path_in(r, dropped, to);
    if (rename(from, to) != 0) return dg_err_errno(err, from, "cannot drop");
    step();
    dg_log(DG_LOG_INFO, "registry-dropped", "dropped version %s, beyond publish.keep", version);
    return dg_folder_remove(to, err);
}

static dg_status drop_oldest(dg_registry *r, int64_t keep, dg_err *err)
{
    dg_strings versions = {0};
    char previous[DG_VERSION_SIZE], version[DG_VERSION_SIZE];
    dg_err none;
    if (keep < 1) return DG_OK;
    if (dg_registry_previous(r, previous, &none) != DG_OK) previous[0] = '\0';
    dg_status st = dg_registry_versions(r->dir, r->model, &versions, err);
    int64_t left = versions.n;
    for (int64_t k = 0; k < versions.n && left > keep && st == DG_OK; k++) {
        size_t n;
        const char *at = dg_strings_at(&versions, k, &n);
        snprintf(version, sizeof version, "%.*s", (int)n, at);
        if (is_protected(r, version, previous)) continue;
        st = drop(r, version, err);
        left--;
    }
    dg_strings_free(&versions);
    return st;
}

dg_status dg_registry_change(dg_registry *r, const dg_change *change, dg_err *err)
{
    json_t *event = dg_event_new(r->state.event + 1, change, r->state.champion);
    if (event == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an event");
    dg_status st = r->begun[0] != '\0' ? move_into_place(r, event, err) : DG_OK;
    step();
    if (st == DG_OK) st = write_current(r, event, err);
    step();
    if (st == DG_OK) st = dg_event_state(event, &r->state, r->folder, err);
    if (st == DG_OK) st = dg_events_append(r->folder, event, err);
    if (st == DG_OK) json_array_append(r->history, event);
    step();
    json_decref(event);
    return st == DG_OK ? drop_oldest(r, change->keep, err) : st;
}

/* ---- looking things up ---- */

static bool is_there(const dg_registry *r, const char *version)
{
    char path[DG_PATH];
    path_in(r, version, path);
    return access(path, F_OK) == 0;
}

dg_status dg_registry_previous(const dg_registry *r, char version[DG_VERSION_SIZE], dg_err *err)
{
    size_t k;
    json_t *event;
    version[0] = '\0';
    json_array_foreach(r->history, k, event)
    {
        const char *was = json_string_value(json_object_get(event, "champion"));
        if (was != NULL && strcmp(was, r->state.champion) < 0 && strcmp(was, version) > 0 &&
            is_there(r, was))
            snprintf(version, DG_VERSION_SIZE, "%s", was);
    }
    if (version[0] != '\0') return DG_OK;
    const dg_status st =
        DG_FAIL(err, DG_ERR_NOINPUT, "%s: there is no earlier champion to go back to", r->folder);
    return dg_err_hint(err, st, "daogou inspect %s lists the versions", r->folder);
}

dg_status dg_registry_find(const dg_registry *r, const char *wish, char version[DG_VERSION_SIZE],
                           dg_err *err)
{
    dg_strings versions = {0};
    int64_t found = 0;
    const char *want = strcmp(wish, "champion") == 0     ? r->state.champion
                       : strcmp(wish, "challenger") == 0 ? r->state.challenger
                                                         : wish;
    const size_t n_want = strlen(want);
    dg_status st = dg_registry_versions(r->dir, r->model, &versions, err);
    for (int64_t k = 0; k < versions.n && st == DG_OK && n_want > 0; k++) {
        size_t n;
        const char *at = dg_strings_at(&versions, k, &n);
        if (n < n_want || memcmp(at, want, n_want) != 0) continue;
        snprintf(version, DG_VERSION_SIZE, "%.*s", (int)n, at);
        found = n == n_want ? 1 : found + 1;
        if (n == n_want) break;
    }
    dg_strings_free(&versions);
    if (st != DG_OK || found == 1) return st;
    st = DG_FAIL(err, DG_ERR_NOINPUT, "%s: %s version \"%.60s\"", r->folder,
                 found == 0 ? "there is no" : "more than one", wish);
    return dg_err_hint(err, st, "daogou inspect %s lists the versions", r->folder);
}
