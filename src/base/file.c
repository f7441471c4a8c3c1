#include "base/file.h"

#include "base/fault.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool put(int fd, const char *at, size_t n)
{
    if (dg_fault("write")) return errno = ENOSPC, false;
    dg_fault("write.kill");
    while (n > 0) {
        const ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

static bool make_durable(int fd)
{
    if (dg_fault("fsync")) return errno = EIO, false;
    return fsync(fd) == 0;
}

/* What is wrong is kept while the file is closed. */
static dg_status close_failed(int fd, const char *path, const char *what, dg_err *err)
{
    const dg_status st = dg_err_errno(err, path, what);
    close(fd);
    return st;
}

/* Closes it either way. */
static dg_status finish(int fd, const char *path, dg_err *err)
{
    if (!make_durable(fd)) return close_failed(fd, path, "cannot write", err);
    return close(fd) == 0 ? DG_OK : dg_err_errno(err, path, "cannot write");
}

/* Folder of a path, "." where it names none. */
static void folder_of(const char *path, char out[DG_PATH])
{
    const char *slash = strrchr(path, '/');
    const size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    snprintf(out, DG_PATH, "%.*s", n == 0 ? 1 : (int)n, n == 0 ? "." : path);
}

dg_status dg_folder_sync(const char *folder, dg_err *err)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, folder, "cannot open");
    if (!make_durable(fd)) return close_failed(fd, folder, "cannot make durable", err);
    close(fd);
    return DG_OK;
}

dg_status dg_file_put(int fd, const char *path, const void *bytes, size_t n, dg_err *err)
{
    return put(fd, bytes, n) ? DG_OK : dg_err_errno(err, path, "cannot write");
}

dg_status dg_file_make(const char *path, unsigned mode,
                       dg_status (*fill)(int fd, void *context, dg_err *err), void *context,
                       dg_err *err)
{
    char temporary[DG_PATH + 8], folder[DG_PATH];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return dg_err_errno(err, temporary, "cannot create");
    dg_status st = fill(fd, context, err);
    if (st == DG_OK)
        st = finish(fd, temporary, err);
    else
        close(fd);
    dg_fault("rename.kill");
    if (st == DG_OK && rename(temporary, path) != 0)
        st = dg_err_errno(err, path, "cannot rename into place");
    if (st != DG_OK) {
        unlink(temporary);
        return st;
    }
    folder_of(path, folder);
    return dg_folder_sync(folder, err);
}

typedef struct dg_bytes {
    const char *path;
    const void *at;
    size_t n;
} dg_bytes;

static dg_status put_all(int fd, void *context, dg_err *err)
{
    const dg_bytes *b = context;
    return dg_file_put(fd, b->path, b->at, b->n, err);
}

dg_status dg_file_replace(const char *path, const void *bytes, size_t n, dg_err *err)
{
    return dg_file_make(path, 0666, put_all, &(dg_bytes){path, bytes, n}, err);
}

dg_status dg_file_read(const char *path, size_t most, dg_text *out, dg_err *err)
{
    char part[16384];
    const size_t before = out->n;
    ssize_t n = 1;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, path, "cannot open");
    while (n > 0 && out->n - before <= most && !out->failed) {
        n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            dg_text_bytes(out, part, (size_t)n);
    }
    if (n < 0) return close_failed(fd, path, "cannot read", err);
    close(fd);
    if (out->failed) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory reading it", path);
    if (out->n - before > most)
        return DG_FAIL(err, DG_ERR_DATA, "%s: longer than %zu bytes", path, most);
    return DG_OK;
}

static dg_status pour(int from, int to, const char *source, const char *path, dg_err *err)
{
    enum { PART = 1 << 20 };
    char *part = dg_alloc(PART, 1);
    if (part == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory copying it", source);
    dg_status st = DG_OK;
    for (ssize_t n = 1; n > 0 && st == DG_OK;) {
        n = read(from, part, PART);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            st = dg_err_errno(err, source, "cannot read");
        else if (n > 0 && !put(to, part, (size_t)n))
            st = dg_err_errno(err, path, "cannot write");
    }
    dg_free(part);
    return st;
}

dg_status dg_file_copy(const char *from, const char *to, dg_err *err)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) return dg_err_errno(err, from, "cannot open");
    const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out < 0) {
        dg_status st = dg_err_errno(err, to, "cannot create");
        close(in);
        return st;
    }
    dg_status st = pour(in, out, from, to, err);
    close(in);
    if (st == DG_OK)
        st = finish(out, to, err);
    else
        close(out);
    if (st != DG_OK) unlink(to);
    return st;
}

dg_status dg_folder_make(const char *folder, dg_err *err)
{
    char path[DG_PATH];
    struct stat info;
    if (folder[0] == '\0') return DG_FAIL(err, DG_ERR_CANTCREATE, "a folder has an empty name");
    if (strlen(folder) >= sizeof path)
        return DG_FAIL(err, DG_ERR_CANTCREATE, "%.80s…: the folder's path is too long", folder);
    snprintf(path, sizeof path, "%s", folder);
    for (char *slash = path + 1; slash != NULL; *slash++ = '/') {
        slash = strchr(slash, '/');
        if (slash != NULL) *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            dg_err_errno(err, path, "cannot create the folder");
            return DG_ERR_CANTCREATE;
        }
        if (slash == NULL) break;
    }
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        return DG_FAIL(err, DG_ERR_CANTCREATE, "%s: is not a folder", folder);
    return DG_OK;
}

dg_status dg_folder_remove(const char *folder, dg_err *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) return errno == ENOENT ? DG_OK : dg_err_errno(err, folder, "cannot open");
    dg_status st = DG_OK;
    for (struct dirent *e; st == DG_OK && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (unlinkat(dirfd(dir), e->d_name, 0) != 0 && errno != ENOENT)
            st = dg_err_errno(err, folder, "cannot remove a file in it");
    }
    closedir(dir);
    if (st == DG_OK && rmdir(folder) != 0 && errno != ENOENT)
        st = dg_err_errno(err, folder, "cannot remove");
    return st;
}
