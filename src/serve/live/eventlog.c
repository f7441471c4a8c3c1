#include "serve/live/eventlog.h"

#include "base/digest.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OFFSET_BITS = DG_EVENT_OFFSET_BITS, MOST_SEGMENTS = 65536, MOST_LINES = 512 };

struct dg_eventlog {
    char *dir;
    int lock;
    uint32_t first, last; /* segments; first > last: none yet */
    int fd;               /* of the last; -1: none yet */
    int64_t length;       /* of the last segment, all of it durable */
    bool broken;          /* what a failed write left is still there */
    bool full;            /* the next line begins a segment */
};

/* ---- lines ---- */

static void check_of(const char *line, size_t n, char out[DG_EVENT_CHECK + 1])
{
    snprintf(out, DG_EVENT_CHECK + 1, ",\"check\":\"%016" PRIx64 "\"}\n", dg_hash64(line, n, 0));
}

bool dg_event_line_good(const char *line, size_t n)
{
    char check[DG_EVENT_CHECK + 1];
    if (n <= DG_EVENT_CHECK || n > DG_EVENT_LINE) return false;
    check_of(line, n - DG_EVENT_CHECK, check);
    return memcmp(line + n - DG_EVENT_CHECK, check, DG_EVENT_CHECK) == 0;
}

void dg_event_line_end(dg_text *t, size_t begin)
{
    char check[DG_EVENT_CHECK + 1];
    if (t->failed) return;
    check_of(t->at + begin, t->n - begin, check);
    dg_text_bytes(t, check, DG_EVENT_CHECK);
}

/* ---- segments ---- */

static char *segment_path(const dg_eventlog *log, uint32_t k, const char *end, char path[DG_PATH])
{
    snprintf(path, DG_PATH, "%s/events-%08" PRIu32 ".%s", log->dir, k, end);
    return path;
}

static dg_status fail_at(const dg_eventlog *log, uint32_t k, const char *what, dg_err *err)
{
    char path[DG_PATH];
    return dg_err_errno(err, segment_path(log, k, "jsonl", path), what);
}

static dg_status open_segment(dg_eventlog *log, uint32_t k, bool fresh, dg_err *err)
{
    char path[DG_PATH];
    const int flags = O_RDWR | O_CLOEXEC | (fresh ? O_CREAT | O_EXCL : 0);
    const int fd = open(segment_path(log, k, "jsonl", path), flags, 0640);
    if (fd < 0) return fail_at(log, k, "cannot open", err);
    if (log->fd >= 0) close(log->fd);
    log->fd = fd;
    return DG_OK;
}

/* An empty segment that others can count on finding. */
static dg_status begin_segment(dg_eventlog *log, dg_err *err)
{
    if (log->last + 1 >= MOST_SEGMENTS)
        return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: has %d segments; remove old ones", log->dir,
                       MOST_SEGMENTS);
    dg_status st = open_segment(log, log->last + 1, true, err);
    if (st != DG_OK) return st;
    log->last++;
    log->full = true; /* should its name not be durable, another one is begun */
    st = dg_folder_sync(log->dir, err);
    if (st != DG_OK) return st;
    if (log->first > log->last) log->first = log->last;
    log->length = 0;
    log->full = false;
    return DG_OK;
}

/* What an unfinished end held, for whoever wants to look at it. */
static dg_status keep_cut(const dg_eventlog *log, uint32_t k, const char *at, size_t n, dg_err *err)
{
    char path[DG_PATH];
    if (memchr(at, '\n', n) == NULL) return DG_OK; /* one line that was being written */
    return dg_file_replace(segment_path(log, k, "cut", path), at, n, err);
}

static dg_status cut(dg_eventlog *log, uint32_t k, const char *bytes, size_t good, size_t n,
                     dg_err *err)
{
    const dg_status st = keep_cut(log, k, bytes + good, n - good, err);
    if (st != DG_OK) return st;
    if (ftruncate(log->fd, (off_t)good) != 0 || fsync(log->fd) != 0)
        return fail_at(log, k, "cannot cut off an unfinished line", err);
    return DG_OK;
}

/* Length of the whole line at `at`, its line feed included; 0 where there is none. */
static size_t line_at(const char *bytes, size_t at, size_t n)
{
    const char *end = memchr(bytes + at, '\n', n - at);
    const size_t length = end == NULL ? 0 : (size_t)(end - bytes) - at + 1;
    return length > 0 && dg_event_line_good(bytes + at, length) ? length : 0;
}

static bool any_line_after(const char *bytes, size_t at, size_t n)
{
    while (at < n) {
        if (line_at(bytes, at, n) > 0) return true;
        const char *end = memchr(bytes + at, '\n', n - at);
        at = end == NULL ? n : (size_t)(end - bytes) + 1;
    }
    return false;
}

/* All lines of a segment. What is not whole at its end is cut off; before the last segment that
 * must be an end: lines behind it were acknowledged, and so was it. */
static dg_status read_lines(dg_eventlog *log, uint32_t k, const char *bytes, size_t n,
                            dg_event_reader *read, void *context, int64_t *n_cut, dg_err *err)
{
    char path[DG_PATH];
    size_t at = 0, length;
    while (at < n && (length = line_at(bytes, at, n)) > 0) {
        const dg_status st =
            read(context, (uint64_t)k << OFFSET_BITS | at, bytes + at, length - 1, err);
        if (st != DG_OK) return st;
        at += length;
    }
    log->length = (int64_t)at;
    if (at == n) return DG_OK;
    if (k < log->last && any_line_after(bytes, at, n))
        return DG_FAIL(err, DG_ERR_DATA, "%s: byte %zu: a line is damaged",
                       segment_path(log, k, "jsonl", path), at);
    *n_cut += (int64_t)(n - at);
    return cut(log, k, bytes, at, n, err);
}

static dg_status read_segment(dg_eventlog *log, uint32_t k, dg_event_reader *read, void *context,
                              int64_t *n_cut, dg_err *err)
{
    struct stat info;
    dg_status st = open_segment(log, k, false, err);
    if (st != DG_OK) return st;
    if (fstat(log->fd, &info) != 0) return fail_at(log, k, "cannot look at", err);
    const size_t n = (size_t)info.st_size;
    log->length = 0;
    if (n == 0) return DG_OK;
    if (n >> OFFSET_BITS > 0) return DG_FAIL(err, DG_ERR_DATA, "%s: too large", log->dir);
    char *bytes = mmap(NULL, n, PROT_READ, MAP_PRIVATE, log->fd, 0);
    if (bytes == MAP_FAILED) return fail_at(log, k, "cannot read", err);
    st = read_lines(log, k, bytes, n, read, context, n_cut, err);
    munmap(bytes, n);
    return st;
}

/* Numbers of the first and the last segment that are there. */
static dg_status find_segments(dg_eventlog *log, dg_err *err)
{
    DIR *folder = opendir(log->dir);
    if (folder == NULL) return dg_err_errno(err, log->dir, "cannot open");
    const struct dirent *entry;
    log->first = MOST_SEGMENTS;
    while ((entry = readdir(folder)) != NULL) {
        uint32_t k;
        char name[32];
        if (sscanf(entry->d_name, "events-%8" SCNu32 ".jsonl", &k) != 1 || k == 0) continue;
        snprintf(name, sizeof name, "events-%08" PRIu32 ".jsonl", k);
        if (k >= MOST_SEGMENTS || strcmp(name, entry->d_name) != 0) continue;
        if (k < log->first) log->first = k;
        if (k > log->last) log->last = k;
    }
    closedir(folder);
    return DG_OK;
}

static bool is_there(const dg_eventlog *log, uint32_t k)
{
    char path[DG_PATH];
    return access(segment_path(log, k, "jsonl", path), F_OK) == 0;
}

static dg_status take_lock(dg_eventlog *log, dg_err *err)
{
    char path[DG_PATH];
    snprintf(path, sizeof path, "%s/lock", log->dir);
    log->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (log->lock < 0) return dg_err_errno(err, path, "cannot open");
    if (flock(log->lock, LOCK_EX | LOCK_NB) == 0) return DG_OK;
    return errno == EWOULDBLOCK
               ? DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: another node writes events here", log->dir)
               : dg_err_errno(err, path, "cannot lock");
}

static dg_status read_all(dg_eventlog *log, dg_event_reader *read, void *context, int64_t *n_cut,
                          dg_err *err)
{
    dg_status st = dg_folder_make(log->dir, err);
    if (st == DG_OK) st = take_lock(log, err);
    if (st == DG_OK) st = find_segments(log, err);
    for (uint32_t k = log->first; k <= log->last && st == DG_OK; k++)
        if (is_there(log, k)) st = read_segment(log, k, read, context, n_cut, err);
    log->full = log->last == 0 || log->length >= DG_EVENT_SEGMENT;
    return st;
}

dg_status dg_eventlog_open(const char *dir, dg_event_reader *read, void *context, dg_eventlog **out,
                           int64_t *n_cut, dg_err *err)
{
    dg_eventlog *log = *out = dg_alloc(1, sizeof *log);
    *n_cut = 0;
    if (log == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", dir);
    log->lock = log->fd = -1;
    log->dir = dg_strdup(dir);
    dg_status st = log->dir == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", dir) : DG_OK;
    if (st == DG_OK) st = read_all(log, read, context, n_cut, err);
    if (st != DG_OK) dg_eventlog_close(out);
    return st;
}

void dg_eventlog_close(dg_eventlog **at)
{
    dg_eventlog *log = *at;
    if (log == NULL) return;
    if (log->fd >= 0) close(log->fd);
    if (log->lock >= 0) close(log->lock);
    dg_free(log->dir);
    dg_free(log);
    *at = NULL;
}

dg_status dg_eventlog_next(dg_eventlog *log, dg_event_place *out, dg_err *err)
{
    const dg_status st = log->full ? begin_segment(log, err) : DG_OK;
    if (st == DG_OK) *out = (uint64_t)log->last << OFFSET_BITS | (uint64_t)log->length;
    return st;
}

static dg_status write_all(dg_eventlog *log, const char *bytes, size_t n, dg_err *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t more = -1;
        errno = ENOSPC;
        if (!dg_fault("write"))
            more = pwrite(log->fd, bytes + done, n - done, log->length + (off_t)done);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) return fail_at(log, log->last, "cannot write events", err);
        done += (size_t)more;
        dg_fault("write.kill");
    }
    return DG_OK;
}

/* After a failure: the segment as it was. What could not be made durable may be on the disk or
 * not, so nothing more goes into that segment. */
static void take_back(dg_eventlog *log, bool synced)
{
    log->broken = ftruncate(log->fd, log->length) != 0;
    log->full = log->full || !synced;
}

dg_status dg_eventlog_write(dg_eventlog *log, const char *lines, size_t n, dg_err *err)
{
    if (log->broken)
        return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: is in no state to take events", log->dir);
    dg_status st = write_all(log, lines, n, err);
    const bool written = st == DG_OK;
    if (written && (dg_fault("fsync") || fdatasync(log->fd) != 0))
        st = fail_at(log, log->last, "cannot make events durable", err);
    if (st != DG_OK) {
        take_back(log, !written);
        return st;
    }
    log->length += (int64_t)n;
    log->full = log->length >= DG_EVENT_SEGMENT;
    return DG_OK;
}

dg_status dg_eventlog_line(const dg_eventlog *log, dg_event_place place, char *line, size_t *n,
                           dg_err *err)
{
    char path[DG_PATH];
    const uint32_t k = (uint32_t)(place >> OFFSET_BITS);
    const off_t at = (off_t)(place & (((uint64_t)1 << OFFSET_BITS) - 1));
    const int fd = open(segment_path(log, k, "jsonl", path), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_at(log, k, "cannot open", err);
    ssize_t got = pread(fd, line, MOST_LINES, at); /* few are longer */
    if (got == MOST_LINES && memchr(line, '\n', MOST_LINES) == NULL)
        got = pread(fd, line, DG_EVENT_LINE, at);
    close(fd);
    const char *end = got > 0 ? memchr(line, '\n', (size_t)got) : NULL;
    if (end == NULL || !dg_event_line_good(line, (size_t)(end - line) + 1))
        return DG_FAIL(err, DG_ERR_DATA, "%s: no line begins at byte %lld", path, (long long)at);
    *n = (size_t)(end - line);
    return DG_OK;
}
