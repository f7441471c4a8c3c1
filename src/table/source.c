#include "table/source.h"

#include "base/memory.h"
#include "base/text.h"
#include "table/parquet.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *s, const char *tail)
{
    const size_t n = strlen(s), m = strlen(tail);
    return n > m && strcmp(s + n - m, tail) == 0;
}

/* RFC 1952; RFC 8878, frames and skippable frames (parallel compressors begin with one). */
static dg_codec codec_of(const unsigned char *head, size_t n)
{
    if (n >= 2 && head[0] == 0x1f && head[1] == 0x8b) return DG_CODEC_GZIP;
    if (n >= 4 && memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0) return DG_CODEC_ZSTD;
    if (n >= 4 && head[0] >> 4 == 5 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0)
        return DG_CODEC_ZSTD;
    return DG_CODEC_PLAIN;
}

/* HDF5 File Format Specification 3.0, II.A: the signature stands at 0, 512, 1024, 2048 … */
static bool is_hdf5(int fd, int64_t size)
{
    unsigned char at[8];
    for (int64_t k = 0; k < size && k <= 1 << 20; k = k == 0 ? 512 : 2 * k)
        if (pread(fd, at, sizeof at, k) == sizeof at && memcmp(at, "\x89HDF\r\n\x1a\n", 8) == 0)
            return true;
    return false;
}

static dg_status identify(int fd, dg_source *s, dg_err *err)
{
    unsigned char head[4], tail[4];
    struct stat at;
    if (fstat(fd, &at) != 0) return dg_err_errno(err, s->path, "cannot look at it");
    if (S_ISDIR(at.st_mode)) {
        const dg_status st = DG_FAIL(err, DG_ERR_NOINPUT, "%s: a folder, not a file", s->path);
        return dg_err_hint(err, st, "name the files in it, as in %.100s/*.csv", s->path);
    }
    if (!S_ISREG(at.st_mode)) return DG_FAIL(err, DG_ERR_DATA, "%s: not a plain file", s->path);
    if (at.st_size == 0) return DG_FAIL(err, DG_ERR_DATA, "%s: empty file", s->path);
    const ssize_t n = pread(fd, head, sizeof head, 0);
    if (n < 0) return dg_err_errno(err, s->path, "cannot read");
    s->size = at.st_size;
    s->codec = codec_of(head, (size_t)n);
    if (s->size > 12 && pread(fd, tail, sizeof tail, s->size - 4) == 4 && dg_parquet_is(head, tail))
        s->codec = DG_CODEC_PARQUET;
    if (s->codec == DG_CODEC_PLAIN && is_hdf5(fd, s->size)) s->codec = DG_CODEC_HDF5;
    if (s->codec == DG_CODEC_GZIP || s->codec == DG_CODEC_ZSTD) {
        const dg_status st =
            dg_members_find(fd, s->size, s->codec == DG_CODEC_GZIP, &s->members, err);
        if (st != DG_OK) return st;
    }
    if (ends_with(s->path, ".parquet") && s->codec != DG_CODEC_PARQUET)
        return DG_FAIL(err, DG_ERR_DATA, "%s: named .parquet, but no Parquet file", s->path);
    if (ends_with(s->path, ".gz") && s->codec != DG_CODEC_GZIP)
        return DG_FAIL(err, DG_ERR_DATA, "%s: named .gz, but not gzip data", s->path);
    if (ends_with(s->path, ".zst") && s->codec != DG_CODEC_ZSTD)
        return DG_FAIL(err, DG_ERR_DATA, "%s: named .zst, but not zstd data", s->path);
    return DG_OK;
}

static dg_status look_at(dg_source *s, dg_err *err)
{
    /* Opening a FIFO for reading would wait for its writer. */
    const int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return DG_FAIL(err, DG_ERR_NOINPUT, "%s: no such file", s->path);
    if (fd < 0) return dg_err_errno(err, s->path, "cannot open");
    const dg_status st = identify(fd, s, err);
    close(fd);
    return st;
}

/* Is it among the first n? */
static bool has_path(const dg_sources *s, int64_t n, const char *path)
{
    for (int64_t k = 0; k < n; k++)
        if (strcmp(s->at[k].path, path) == 0) return true;
    return false;
}

static dg_status add_file(dg_sources *s, const char *path, dg_err *err)
{
    dg_source *grown = dg_grow(s->at, (size_t)s->n, (size_t)s->n + 1, &s->capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    s->at = grown;
    dg_source *new = &s->at[s->n];
    *new = (dg_source){.path = dg_strdup(path)};
    if (new->path == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    s->n++; /* from here on dg_sources_free finds it */
    return look_at(new, err);
}

/* Not glob's own order: that depends on the locale. */
static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static dg_status add_matches(dg_sources *s, const char *pattern, dg_err *err)
{
    glob_t found;
    const int code = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found);
    if (code == GLOB_NOMATCH || (code == GLOB_ABORTED && errno == ENOENT))
        return DG_FAIL(err, DG_ERR_NOINPUT, "%s: no file matches", pattern);
    if (code == GLOB_ABORTED) return dg_err_errno(err, pattern, "cannot look into a folder");
    if (code != 0) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", pattern);
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_bytes);
    const int64_t n_before = s->n; /* one glob matches no file twice */
    dg_status st = DG_OK;
    for (size_t k = 0; k < found.gl_pathc && st == DG_OK; k++)
        if (!has_path(s, n_before, found.gl_pathv[k])) st = add_file(s, found.gl_pathv[k], err);
    globfree(&found);
    return st;
}

static dg_status add_entry(dg_sources *s, const char *path, dg_err *err)
{
    struct stat at;
    if (strpbrk(path, "*?[") != NULL && lstat(path, &at) != 0) return add_matches(s, path, err);
    return has_path(s, s->n, path) ? DG_OK : add_file(s, path, err);
}

dg_status dg_sources_find(const dg_strings *paths, dg_sources *out, dg_err *err)
{
    dg_sources found = {0};
    dg_status st = DG_OK;
    if (paths->n == 0) st = DG_FAIL(err, DG_ERR_CONFIG, "no input file is named");
    for (int64_t k = 0; k < paths->n && st == DG_OK; k++) {
        size_t n;
        const char *bytes = dg_strings_at(paths, k, &n);
        dg_text path = {0};
        dg_text_bytes(&path, bytes, n);
        st = path.failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a path")
                         : add_entry(&found, path.at, err);
        dg_text_free(&path);
    }
    if (st != DG_OK) dg_sources_free(&found);
    *out = found;
    return st;
}

void dg_sources_free(dg_sources *s)
{
    for (int64_t k = 0; k < s->n; k++) {
        dg_free(s->at[k].path);
        dg_members_free(&s->at[k].members);
    }
    dg_free(s->at);
    *s = (dg_sources){0};
}
