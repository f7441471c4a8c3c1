#include "store/open.h"

#include "artifact/seal.h"
#include "base/memory.h"

#include <unistd.h>

/* This rank's share of the block digests, zeros elsewhere. */
static dg_status digest_share(const dg_comm *c, const char *path, char seal[DG_SEAL_SIZE],
                              int64_t *n_bytes, dg_digest **blocks, dg_err *err)
{
    int fd;
    *blocks = NULL;
    dg_status st = dg_seal_open(path, &fd, n_bytes, seal, err);
    if (st != DG_OK) return st;
    const int64_t n = dg_seal_blocks(*n_bytes);
    const int64_t first = n * c->rank / c->size, end = n * (c->rank + 1) / c->size;
    *blocks = dg_alloc((size_t)n, sizeof **blocks);
    st = *blocks == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path)
                         : dg_seal_digest(fd, path, *n_bytes, first, end, *blocks + first, err);
    close(fd);
    return st;
}

static dg_status check_seal(const dg_comm *c, const char *path, dg_err *err)
{
    char stored[DG_SEAL_SIZE], computed[DG_SEAL_SIZE];
    dg_digest *blocks;
    int64_t n_bytes = 0;
    dg_status st = digest_share(c, path, stored, &n_bytes, &blocks, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_agree_same(c, "file length", n_bytes, err);
    if (st == DG_OK) {
        const int64_t n = dg_seal_blocks(n_bytes);
        for (int64_t k = 0; k < n; k += 1 << 20) {
            const int64_t part = n - k < 1 << 20 ? n - k : 1 << 20;
            dg_sum_int64(c, (int64_t *)(blocks + k), (int)(2 * part));
        }
        dg_seal_text(n_bytes, blocks, computed);
        st = dg_seal_compare(path, stored, computed, err);
    }
    dg_free(blocks);
    return st;
}

dg_status dg_store_open(const dg_comm *c, const char *path, const char *format, int version,
                        dg_container **out, dg_err *err)
{
    *out = NULL;
    dg_status st = check_seal(c, path, err);
    if (st == DG_OK)
        st = dg_agree(c, dg_container__open_checked(path, format, version, out, err), err);
    if (st != DG_OK) dg_container_close(out);
    return st;
}
