#include "registry/events.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_EVENT = 1 << 20, LONGEST_HISTORY = 1 << 28 };

/* user@host, and the job where a scheduler runs it. */
static json_t *who(void)
{
    char host[256] = "";
    const struct passwd *account = getpwuid(geteuid());
    const char *job = getenv("SLURM_JOB_ID");
    gethostname(host, sizeof host - 1);
    json_t *out =
        json_pack("{s:s, s:s, s:i}", "user", account == NULL ? "unknown" : account->pw_name, "host",
                  host, "process", (int)getpid());
    if (job != NULL) json_object_set_new(out, "slurm_job", json_string(job));
    return out;
}

json_t *dg_event_new(int64_t number, const dg_change *change, const char *from)
{
    char now[32];
    json_t *e =
        json_pack("{s:I, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "event", (json_int_t)number,
                  "time", dg_iso_time(now, sizeof now), "who", who(), "what", change->what, "why",
                  change->why, "version", change->version, "from", from, "to", change->champion,
                  "champion", change->champion, "challenger", change->challenger);
    if (e != NULL && change->more != NULL) json_object_update_missing(e, change->more);
    return e;
}

int64_t dg_event_number(const json_t *event)
{
    return json_integer_value(json_object_get(event, "event"));
}

/* Version names come from files: none may lead out of the model's folder. */
static bool take_version(const json_t *event, const char *key, char out[DG_VERSION_SIZE])
{
    const char *name = json_string_value(json_object_get(event, key));
    if (name == NULL || (name[0] != '\0' && !dg_registry_is_name(name)) ||
        strlen(name) >= DG_VERSION_SIZE)
        return false;
    snprintf(out, DG_VERSION_SIZE, "%s", name);
    return true;
}

dg_status dg_event_state(const json_t *event, dg_current *out, const char *path, dg_err *err)
{
    dg_current found = {.event = dg_event_number(event)};
    if (found.event < 1 || !take_version(event, "champion", found.champion) ||
        !take_version(event, "challenger", found.challenger))
        return DG_FAIL(err, DG_ERR_DATA, "%s: does not say who is champion", path);
    *out = found;
    return DG_OK;
}

dg_status dg_event_line(const json_t *event, dg_text *out, dg_err *err)
{
    char *text = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(12));
    if (text != NULL) dg_text_add(out, "%s\n", text);
    const bool good = text != NULL && !out->failed;
    free(text);
    return good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an event");
}

dg_status dg_event_read(const char *path, json_t **out, dg_err *err)
{
    dg_text text = {0};
    json_error_t where;
    *out = NULL;
    dg_status st = dg_file_read(path, LONGEST_EVENT, &text, err);
    /* Replaced between our look at the name and the reading of the file, on NFS: look again. */
    if (st == DG_ERR_IO && errno == ESTALE) {
        text.n = 0;
        st = dg_file_read(path, LONGEST_EVENT, &text, err);
    }
    if (st == DG_OK) *out = json_loadb(text.n > 0 ? text.at : "", text.n, 0, &where);
    if (st == DG_OK && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        st = DG_FAIL(err, DG_ERR_DATA, "%s: is not one line of JSON", path);
    }
    dg_text_free(&text);
    return st;
}

dg_status dg_events_append(const char *folder, const json_t *event, dg_err *err)
{
    char path[DG_PATH];
    dg_text line = {0};
    dg_status st = dg_event_line(event, &line, err);
    if (st != DG_OK) return st;
    snprintf(path, sizeof path, "%.4000s/history.jsonl", folder);
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    bool good = fd >= 0 && write(fd, line.at, line.n) == (ssize_t)line.n && !dg_fault("write");
    good = good && fsync(fd) == 0;
    if (!good) st = dg_err_errno(err, path, "cannot write");
    if (fd >= 0) close(fd);
    dg_text_free(&line);
    return st == DG_OK ? dg_folder_sync(folder, err) : st;
}

dg_status dg_events_mend(const char *folder, dg_err *err)
{
    char path[DG_PATH];
    dg_text text = {0};
    snprintf(path, sizeof path, "%.4000s/history.jsonl", folder);
    dg_status st = dg_file_read(path, LONGEST_HISTORY, &text, err);
    if (st == DG_ERR_NOINPUT) return DG_OK;
    const char *end = text.n == 0 ? NULL : memrchr(text.at, '\n', text.n);
    const size_t whole = end == NULL ? 0 : (size_t)(end - text.at) + 1;
    if (st == DG_OK && whole < text.n && truncate(path, (off_t)whole) != 0)
        st = dg_err_errno(err, path, "cannot write");
    dg_text_free(&text);
    return st;
}

static dg_status read_lines(const char *path, const dg_text *text, json_t *out, dg_err *err)
{
    const char *at = text->n == 0 ? "" : text->at, *end = at + text->n;
    for (int64_t line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) break; /* its writer was killed, or is at it */
        json_t *event = json_loadb(at, (size_t)(stop - at), 0, NULL);
        if (!json_is_object(event)) {
            json_decref(event);
            return DG_FAIL(err, DG_ERR_DATA, "%s:%lld: is not an event", path, (long long)line);
        }
        json_array_append_new(out, event);
        at = stop + 1;
    }
    return DG_OK;
}

dg_status dg_registry_history(const char *dir, const char *model, json_t **out, dg_err *err)
{
    char path[DG_PATH];
    struct stat info;
    dg_text text = {0};
    *out = NULL;
    if (stat(dg_registry_path(dir, model, "", "", path), &info) != 0)
        return dg_err_errno(err, path, "no such model in the registry");
    dg_registry_path(dir, model, "history.jsonl", "", path);
    dg_status st = dg_file_read(path, LONGEST_HISTORY, &text, err);
    if (st == DG_ERR_NOINPUT) st = DG_OK; /* none yet */
    if (st == DG_OK) *out = json_array();
    if (st == DG_OK) st = read_lines(path, &text, *out, err);
    dg_text_free(&text);
    if (st == DG_OK) return st;
    json_decref(*out);
    *out = NULL;
    return st;
}

dg_status dg_registry_current(const char *dir, const char *model, dg_current *out, dg_err *err)
{
    char path[DG_PATH];
    json_t *event = NULL;
    if (!dg_registry_is_name(model))
        return DG_FAIL(err, DG_ERR_NOINPUT, "\"%.80s\" cannot be a model's name", model);
    dg_registry_path(dir, model, "CURRENT", "", path);
    dg_status st = dg_event_read(path, &event, err);
    if (st == DG_ERR_NOINPUT)
        dg_err_hint(err, st, "nothing was published as %s yet, or the registry is another folder",
                    model);
    if (st == DG_OK) st = dg_event_state(event, out, path, err);
    json_decref(event);
    return st;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

/* "20261122T042711Z-" and a digest: nothing else in the folder looks so. */
static bool is_version(const char *name)
{
    static const char shape[] = "99999999T999999Z-";
    if (strlen(name) >= DG_VERSION_SIZE) return false;
    for (size_t k = 0; shape[k] != '\0'; k++)
        if (shape[k] == '9' ? name[k] < '0' || name[k] > '9' : name[k] != shape[k]) return false;
    return true;
}

dg_status dg_registry_versions(const char *dir, const char *model, dg_strings *out, dg_err *err)
{
    char path[DG_PATH];
    char(*name)[DG_VERSION_SIZE] = NULL;
    size_t n = 0, capacity = 0;
    dg_status st = DG_OK;
    DIR *at = opendir(dg_registry_path(dir, model, "", "", path));
    if (at == NULL) return dg_err_errno(err, path, "cannot list");
    for (struct dirent *e; st == DG_OK && (e = readdir(at)) != NULL;) {
        if (!is_version(e->d_name)) continue;
        void *grown = dg_grow(name, n, n + 1, &capacity, sizeof *name);
        if (grown == NULL)
            st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory listing versions");
        else
            memcpy((name = grown)[n++], e->d_name, strlen(e->d_name) + 1);
    }
    closedir(at);
    if (n > 0) qsort(name, n, sizeof *name, by_name);
    for (size_t k = 0; k < n && st == DG_OK; k++)
        st = dg_strings_add(out, name[k], strlen(name[k]), err);
    dg_free(name);
    return st;
}
