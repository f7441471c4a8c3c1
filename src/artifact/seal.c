#include "artifact/seal.h"

#include "base/fault.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t block_bytes = 4 << 20;
static const char magic[] = "DAOGOU FILE 1 ";

int64_t dg_seal_blocks(int64_t n_bytes)
{
    return (n_bytes - DG_SEAL_SIZE + block_bytes - 1) / block_bytes;
}

static dg_status read_fully(int fd, const char *path, char *at, size_t n, int64_t offset,
                            dg_err *err)
{
    if (dg_fault("read")) return DG_FAIL(err, DG_ERR_IO, "%s: read failed (injected)", path);
    dg_fault("read.kill");
    while (n > 0) {
        const ssize_t got = pread(fd, at, n, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return dg_err_errno(err, path, "read failed");
        if (got == 0) return DG_FAIL(err, DG_ERR_DATA, "%s: file is truncated", path);
        at += got;
        offset += got;
        n -= (size_t)got;
    }
    return DG_OK;
}

dg_status dg_seal_digest(int fd, const char *path, int64_t n_bytes, int64_t first, int64_t end,
                         dg_digest *out, dg_err *err)
{
    char *buffer = dg_alloc((size_t)block_bytes, 1);
    dg_status st = buffer != NULL ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "read buffer");
    for (int64_t b = first; b < end && st == DG_OK; b++) {
        const int64_t at = DG_SEAL_SIZE + b * block_bytes;
        const size_t n = (size_t)(n_bytes - at < block_bytes ? n_bytes - at : block_bytes);
        st = read_fully(fd, path, buffer, n, at, err);
        if (st == DG_OK) out[b - first] = dg_digest_of(buffer, n);
    }
    dg_free(buffer);
    return st;
}

void dg_seal_text(int64_t n_bytes, const dg_digest *blocks, char seal[DG_SEAL_SIZE])
{
    char hex[DG_HEX_SIZE];
    dg_digest_hex(blocks, (size_t)dg_seal_blocks(n_bytes) * sizeof *blocks, hex);
    memset(seal, 0, DG_SEAL_SIZE);
    snprintf(seal, DG_SEAL_SIZE, "%sbytes %" PRId64 " blake2b %s\n", magic, n_bytes, hex);
}

dg_status dg_seal_open(const char *path, int *fd, int64_t *n_bytes, char seal[DG_SEAL_SIZE],
                       dg_err *err)
{
    struct stat info;
    int64_t stated = 0;
    char text[DG_SEAL_SIZE + 1] = "";
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) return dg_err_errno(err, path, "cannot open");
    dg_status st = DG_OK;
    if (fstat(*fd, &info) != 0)
        st = dg_err_errno(err, path, "cannot look at");
    else if (S_ISDIR(info.st_mode))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: is a folder, not a Daogou file", path);
    else if (info.st_size <= DG_SEAL_SIZE)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: not a Daogou file (only %lld bytes)", path,
                     (long long)info.st_size);
    if (st == DG_OK) st = read_fully(*fd, path, seal, DG_SEAL_SIZE, 0, err);
    if (st == DG_OK) {
        *n_bytes = info.st_size;
        memcpy(text, seal, DG_SEAL_SIZE);
        if (strncmp(text, magic, sizeof magic - 1) != 0 ||
            sscanf(text + sizeof magic - 1, "bytes %" SCNd64, &stated) != 1)
            st = DG_FAIL(err, DG_ERR_DATA, "%s: not a Daogou file, or its first bytes are damaged",
                         path);
        else if (stated != *n_bytes)
            st = DG_FAIL(err, DG_ERR_DATA,
                         "%s: file is truncated or grown: %lld bytes, made with %lld", path,
                         (long long)*n_bytes, (long long)stated);
    }
    if (st != DG_OK) {
        close(*fd);
        *fd = -1;
    }
    return st;
}

dg_status dg_seal_compare(const char *path, const char stored[DG_SEAL_SIZE],
                          const char computed[DG_SEAL_SIZE], dg_err *err)
{
    if (memcmp(stored, computed, DG_SEAL_SIZE) == 0) return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA, "%s: file is damaged: its bytes do not match its digest",
                   path);
}

dg_status dg_seal_check(const char *path, dg_err *err)
{
    char stored[DG_SEAL_SIZE], computed[DG_SEAL_SIZE];
    int64_t n_bytes;
    int fd;
    dg_status st = dg_seal_open(path, &fd, &n_bytes, stored, err);
    if (st != DG_OK) return st;
    const int64_t n = dg_seal_blocks(n_bytes);
    dg_digest *blocks = dg_alloc((size_t)n, sizeof *blocks);
    st = blocks == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%lld block digests", (long long)n)
                        : dg_seal_digest(fd, path, n_bytes, 0, n, blocks, err);
    close(fd);
    if (st == DG_OK) {
        dg_seal_text(n_bytes, blocks, computed);
        st = dg_seal_compare(path, stored, computed, err);
    }
    dg_free(blocks);
    return st;
}
