#include "serve/guard/audit.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

static const char none[] = "0000000000000000000000000000000000000000000000000000000000000000";

struct dg_audit {
    char *path;
    int fd;
    dg_audit_seen seen; /* guarded by lock */
    pthread_mutex_t lock;
};

static dg_status check_line(const char *path, const char *line, size_t n, dg_audit_seen *seen,
                            dg_err *err)
{
    const char *what, *before;
    json_int_t number;
    const int64_t want = seen->lines + 1;
    json_t *json = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    const bool whole = json != NULL && json_unpack(json, "{s:I, s:s, s:s}", "n", &number, "what",
                                                   &what, "before", &before) == 0;
    const bool follows = whole && number == want && strcmp(before, seen->last) == 0;
    json_decref(json);
    if (!whole)
        return DG_FAIL(err, DG_ERR_DATA, "%s:%" PRId64 ": not a line of an audit log", path, want);
    if (!follows)
        return DG_FAIL(err, DG_ERR_DATA,
                       "%s:%" PRId64 ": does not follow the line before; one of them was changed",
                       path, want);
    dg_digest_hex(line, n, seen->last);
    seen->lines = want;
    return DG_OK;
}

/* *whole: bytes of whole lines. A rest without its end is the caller's to judge. */
static dg_status check(const char *path, FILE *in, dg_audit_seen *seen, int64_t *whole, dg_err *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = 0;
    dg_status st = DG_OK;
    *whole = 0;
    *seen = (dg_audit_seen){.lines = 0};
    memcpy(seen->last, none, sizeof none);
    while (st == DG_OK && (n = getline(&line, &room, in)) > 0 && line[n - 1] == '\n') {
        st = check_line(path, line, (size_t)n - 1, seen, err);
        *whole += n;
    }
    if (st == DG_OK && ferror(in)) st = dg_err_errno(err, path, "cannot read");
    free(line);
    return st;
}

static int64_t size_of(int fd)
{
    const off_t n = lseek(fd, 0, SEEK_END);
    return (int64_t)n;
}

dg_status dg_audit_verify(const char *path, dg_audit_seen *out, dg_err *err)
{
    int64_t whole;
    FILE *in = fopen(path, "re");
    if (in == NULL) return dg_err_errno(err, path, "cannot open");
    dg_status st = check(path, in, out, &whole, err);
    if (st == DG_OK && size_of(fileno(in)) != whole)
        st = DG_FAIL(err, DG_ERR_DATA, "%s:%" PRId64 ": torn: the line has no end", path,
                     out->lines + 1);
    fclose(in);
    return st;
}

bool dg_audit_is(const char *path)
{
    static const char start[] = "{\"n\":1,\"time\":\"";
    char found[sizeof start - 1];
    FILE *in = fopen(path, "re");
    if (in == NULL) return false;
    const bool is = fread(found, 1, sizeof found, in) == sizeof found &&
                    memcmp(found, start, sizeof found) == 0;
    fclose(in);
    return is;
}

static dg_status lock_file(const dg_audit *a, dg_err *err)
{
    if (flock(a->fd, LOCK_EX | LOCK_NB) == 0) return DG_OK;
    if (errno == EWOULDBLOCK)
        return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: another process writes this audit log",
                       a->path);
    return dg_err_errno(err, a->path, "cannot lock");
}

static dg_status go_on(dg_audit *a, dg_err *err)
{
    int64_t whole;
    FILE *in = fopen(a->path, "re");
    if (in == NULL) return dg_err_errno(err, a->path, "cannot open");
    dg_status st = check(a->path, in, &a->seen, &whole, err);
    fclose(in);
    const int64_t torn = size_of(a->fd) - whole;
    if (st != DG_OK || torn == 0) return st;
    if (ftruncate(a->fd, whole) != 0) return dg_err_errno(err, a->path, "cannot shorten");
    return dg_audit_note(a, "torn", json_pack("{s:I}", "bytes", (json_int_t)torn), err);
}

dg_status dg_audit_open(const char *path, dg_audit **out, dg_err *err)
{
    dg_audit *a = *out = dg_alloc(1, sizeof *a);
    if (a == NULL || (a->path = dg_strdup(path)) == NULL) {
        dg_free(a);
        *out = NULL;
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    }
    pthread_mutex_init(&a->lock, NULL);
    dg_status st = DG_OK;
    a->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (a->fd < 0) st = dg_err_errno(err, path, "cannot open");
    if (st == DG_OK) st = lock_file(a, err);
    if (st == DG_OK) st = go_on(a, err);
    if (st != DG_OK) dg_audit_close(out);
    return st;
}

void dg_audit_close(dg_audit **a)
{
    if (*a == NULL) return;
    if ((*a)->fd >= 0) close((*a)->fd);
    pthread_mutex_destroy(&(*a)->lock);
    dg_free((*a)->path);
    dg_free(*a);
    *a = NULL;
}

/* In the order in which members are put, as jansson keeps it. */
static char *render(const dg_audit *a, const char *what, json_t *more)
{
    char when[32];
    json_t *line = json_pack("{s:I, s:s, s:s}", "n", (json_int_t)(a->seen.lines + 1), "time",
                             dg_iso_time(when, sizeof when), "what", what);
    if (line != NULL && more != NULL) json_object_update_missing(line, more);
    if (line != NULL) json_object_set_new(line, "before", json_string(a->seen.last));
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    return text;
}

static dg_status append(dg_audit *a, char *text, dg_err *err)
{
    static char end[] = "\n";
    const size_t n = strlen(text);
    struct iovec part[] = {{text, n}, {end, 1}};
    if (writev(a->fd, part, 2) != (ssize_t)n + 1 || fdatasync(a->fd) != 0)
        return dg_err_errno(err, a->path, "cannot write");
    dg_digest_hex(text, n, a->seen.last);
    a->seen.lines++;
    return DG_OK;
}

dg_status dg_audit_note(dg_audit *a, const char *what, json_t *more, dg_err *err)
{
    if (a == NULL) {
        json_decref(more);
        return DG_OK;
    }
    pthread_mutex_lock(&a->lock);
    char *text = render(a, what, more);
    const dg_status st = text != NULL ? append(a, text, err)
                                      : DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", a->path);
    free(text);
    pthread_mutex_unlock(&a->lock);
    json_decref(more);
    return st;
}
