#include "layout/tar.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 512, PART = 1 << 20 };

struct dg_tar {
    gzFile out;
    const char *path;
};

dg_status dg_tar_create(int fd, const char *path, dg_tar **out, dg_err *err)
{
    dg_tar *t = *out = dg_alloc(1, sizeof *t);
    const int own = t == NULL ? -1 : dup(fd);
    if (t != NULL)
        *t = (dg_tar){own < 0 ? NULL : gzdopen(own, "wb1"), path}; /* factors hardly shrink */
    if (t != NULL && t->out != NULL) return DG_OK;
    if (own >= 0) close(own);
    dg_free(t);
    *out = NULL;
    return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
}

static dg_status put(dg_tar *t, const void *at, size_t n, dg_err *err)
{
    errno = EIO;
    if (n == 0 || gzwrite(t->out, at, (unsigned)n) == (int)n) return DG_OK;
    return dg_err_errno(err, t->path, "cannot write");
}

/* Octal where it fits; else, as GNU tar and all after it read, binary with the first bit set. */
static void put_size(char field[12], int64_t n)
{
    if (n < INT64_C(1) << 33) {
        snprintf(field, 12, "%011" PRIo64, n);
        return;
    }
    memset(field, 0, 12);
    for (int k = 11; k > 3; k--, n >>= 8) field[k] = (char)(n & 0xFF);
    field[0] = (char)0x80;
}

/* Fields by their place: name 0, mode 100, uid 108, gid 116, size 124, time 136, sum 148, type 156,
 * magic 257. All members are of nobody in particular and of no date: the same files make the same
 * archive. */
static dg_status put_head(dg_tar *t, const char *name, unsigned mode, int64_t n, dg_err *err)
{
    char head[BLOCK] = "";
    unsigned sum = 0;
    snprintf(head, 100, "%s", name);
    snprintf(head + 100, 8, "%07o", mode);
    snprintf(head + 108, 8, "%07o", 0);
    snprintf(head + 116, 8, "%07o", 0);
    put_size(head + 124, n);
    snprintf(head + 136, 12, "%011o", 0);
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257, "ustar\00000", 8);
    for (int k = 0; k < BLOCK; k++) sum += (unsigned char)head[k];
    snprintf(head + 148, 8, "%06o", sum);
    return put(t, head, BLOCK, err);
}

static dg_status fill_block(dg_tar *t, int64_t n, dg_err *err)
{
    static const char zeros[BLOCK];
    return put(t, zeros, (size_t)((BLOCK - n % BLOCK) % BLOCK), err);
}

dg_status dg_tar_add(dg_tar *t, const char *name, unsigned mode, const void *bytes, size_t n,
                     dg_err *err)
{
    dg_status st = put_head(t, name, mode, (int64_t)n, err);
    if (st == DG_OK) st = put(t, bytes, n, err);
    return st == DG_OK ? fill_block(t, (int64_t)n, err) : st;
}

static dg_status pour(dg_tar *t, int fd, const char *from, int64_t n, char *part, dg_err *err)
{
    dg_status st = DG_OK;
    while (n > 0 && st == DG_OK) {
        const ssize_t got = read(fd, part, n < PART ? (size_t)n : PART);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return dg_err_errno(err, from, "cannot read");
        if (got == 0) return DG_FAIL(err, DG_ERR_IO, "%s: became shorter meanwhile", from);
        st = put(t, part, (size_t)got, err);
        n -= got;
    }
    return st;
}

dg_status dg_tar_add_file(dg_tar *t, const char *name, unsigned mode, const char *from, dg_err *err)
{
    struct stat info = {0};
    const int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, from, "cannot open");
    char *part = dg_alloc(PART, 1);
    dg_status st = part == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", from) : DG_OK;
    if (st == DG_OK && fstat(fd, &info) != 0) st = dg_err_errno(err, from, "cannot look at");
    if (st == DG_OK) st = put_head(t, name, mode, info.st_size, err);
    if (st == DG_OK) st = pour(t, fd, from, info.st_size, part, err);
    if (st == DG_OK) st = fill_block(t, info.st_size, err);
    dg_free(part);
    close(fd);
    return st;
}

dg_status dg_tar_finish(dg_tar **tar, dg_err *err)
{
    static const char zeros[2 * BLOCK];
    dg_tar *t = *tar;
    if (t == NULL) return DG_OK;
    dg_status st = put(t, zeros, sizeof zeros, err);
    errno = EIO;
    if (gzclose(t->out) != Z_OK && st == DG_OK) st = dg_err_errno(err, t->path, "cannot write");
    dg_free(t);
    *tar = NULL;
    return st;
}
