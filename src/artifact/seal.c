#include "artifact/seal.h"

#include "artifact/crypt.h"
#include "base/fault.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
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

static int64_t block_begin(int64_t b) { return DG_SEAL_SIZE + b * block_bytes; }

static size_t block_size(int64_t n_bytes, int64_t b)
{
    const int64_t rest = n_bytes - block_begin(b);
    return (size_t)(rest < block_bytes ? rest : block_bytes);
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
    enum { PIECE = 256 << 10 }; /* read and digested while it is in the second-level cache */
    char *buffer = dg_alloc(PIECE, 1);
    dg_status st = buffer != NULL ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "read buffer");
    for (int64_t b = first; b < end && st == DG_OK; b++) {
        dg_digest_stream digest;
        dg_digest_begin(&digest);
        for (size_t at = 0, n = block_size(n_bytes, b); at < n && st == DG_OK; at += PIECE) {
            const size_t piece = n - at < PIECE ? n - at : PIECE;
            st = read_fully(fd, path, buffer, piece, block_begin(b) + (int64_t)at, err);
            if (st == DG_OK) dg_digest_add(&digest, buffer, piece);
        }
        if (st == DG_OK) out[b - first] = dg_digest_end(&digest);
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

/* ---- the second line ---- */

static const char signed_word[] = "signed tree ";

enum { KEY_HEX = 2 * DG_KEY_BYTES, SIGNATURE_HEX = 2 * DG_SIGNATURE_BYTES, MESSAGE = 1024 };

static size_t first_line(const char seal[DG_SEAL_SIZE])
{
    const char *end = memchr(seal, '\n', DG_SEAL_SIZE);
    return end == NULL ? 0 : (size_t)(end - seal) + 1;
}

/* What is signed: the first line, and the tree digest with a word that tells what this is. */
static size_t message_of(const char seal[DG_SEAL_SIZE], const unsigned char tree[32],
                         char out[MESSAGE])
{
    char hex[KEY_HEX + 1];
    sodium_bin2hex(hex, sizeof hex, tree, 32);
    return (size_t)snprintf(out, MESSAGE, "daogou signature 1\n%.*stree blake2b %s\n",
                            (int)first_line(seal), seal, hex);
}

/* Writes the second line behind the first. */
static void add_signature(char seal[DG_SEAL_SIZE], const dg_signature *s)
{
    const size_t at = first_line(seal);
    char tree[KEY_HEX + 1], by[KEY_HEX + 1], signature[SIGNATURE_HEX + 1];
    sodium_bin2hex(tree, sizeof tree, s->tree, sizeof s->tree);
    sodium_bin2hex(by, sizeof by, s->by.bytes, sizeof s->by.bytes);
    sodium_bin2hex(signature, sizeof signature, s->signature, sizeof s->signature);
    memset(seal + at, 0, DG_SEAL_SIZE - at);
    snprintf(seal + at, DG_SEAL_SIZE - at, "%s%s key %s ed25519 %s\n", signed_word, tree, by,
             signature);
}

static bool take_hex(const char **s, const char *before, unsigned char *out, size_t n)
{
    const size_t w = strlen(before);
    if (strncmp(*s, before, w) != 0 || strlen(*s + w) < 2 * n) return false;
    const char *hex = *s + w;
    *s = hex + 2 * n;
    return sodium_hex2bin(out, n, hex, 2 * n, NULL, NULL, NULL) == 0;
}

bool dg_seal_signature(const char seal[DG_SEAL_SIZE], dg_signature *out)
{
    char text[DG_SEAL_SIZE + 1] = "";
    memcpy(text, seal, DG_SEAL_SIZE);
    const char *s = text + first_line(seal);
    return take_hex(&s, signed_word, out->tree, sizeof out->tree) &&
           take_hex(&s, " key ", out->by.bytes, sizeof out->by.bytes) &&
           take_hex(&s, " ed25519 ", out->signature, sizeof out->signature);
}

/* Behind the first line there is nothing, or a signature that is written as we write it and holds
 * for its own key. So a flipped bit is found without reading the file. */
static dg_status check_rest(const char *path, const char seal[DG_SEAL_SIZE], dg_err *err)
{
    static const char zeros[DG_SEAL_SIZE];
    const size_t at = first_line(seal);
    char again[DG_SEAL_SIZE], message[MESSAGE];
    dg_signature s;
    if (at > 0 && memcmp(seal + at, zeros, DG_SEAL_SIZE - at) == 0) return DG_OK;
    if (at > 0 && dg_seal_signature(seal, &s)) {
        memcpy(again, seal, DG_SEAL_SIZE);
        add_signature(again, &s);
        if (memcmp(again, seal, DG_SEAL_SIZE) == 0 &&
            dg_key_signed(&s.by, message, message_of(seal, s.tree, message), s.signature))
            return DG_OK;
    }
    return DG_FAIL(err, DG_ERR_DATA, "%s: its signature is damaged or not of this file", path);
}

/* ---- the first line ---- */

static dg_status check_start(const dg_sealed *f, const char seal[DG_SEAL_SIZE], dg_err *err)
{
    char text[DG_SEAL_SIZE + 1] = "";
    int64_t stated = 0;
    memcpy(text, seal, DG_SEAL_SIZE);
    if (dg_crypt_is(seal)) {
        const dg_status st = DG_FAIL(err, DG_ERR_DATA, "%s: is encrypted", f->path);
        return dg_err_hint(err, st, "daogou decrypt makes a plain copy");
    }
    if (strncmp(text, magic, sizeof magic - 1) != 0 ||
        sscanf(text + sizeof magic - 1, "bytes %" SCNd64, &stated) != 1)
        return DG_FAIL(err, DG_ERR_DATA, "%s: not a Daogou file, or its first bytes are damaged",
                       f->path);
    if (stated != f->n_bytes)
        return DG_FAIL(err, DG_ERR_DATA,
                       "%s: file is truncated or grown: %lld bytes, made with %lld", f->path,
                       (long long)f->n_bytes, (long long)stated);
    return check_rest(f->path, seal, err);
}

dg_status dg_seal_open(const char *path, int *fd, int64_t *n_bytes, char seal[DG_SEAL_SIZE],
                       dg_err *err)
{
    struct stat info;
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
        st = check_start(&(dg_sealed){path, *fd, NULL, *n_bytes}, seal, err);
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
    if (memcmp(stored, computed, first_line(computed)) == 0) return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA, "%s: file is damaged: its bytes do not match its digest",
                   path);
}

/* ---- whole files ---- */

/* Digests of all blocks by a few threads, each taking the next run of them. */
typedef struct dg_tree {
    const dg_sealed *file;
    unsigned char (*leaf)[32]; /* (n,) of the tree digest, or */
    dg_digest *block;          /* (n,) of the seal */
    int64_t n;
    atomic_llong next;
    pthread_mutex_t lock; /* of what follows: the first failure */
    dg_status status;
    dg_err err;
} dg_tree;

/* Blocks of the seal, in runs so long that starting on one costs nothing. */
static dg_status digest_blocks(dg_tree *t, dg_err *err)
{
    enum { RUN = 8 };
    const dg_sealed *f = t->file;
    dg_status st = DG_OK;
    for (long long b; st == DG_OK && (b = atomic_fetch_add(&t->next, RUN)) < t->n;) {
        const int64_t end = b + RUN < t->n ? b + RUN : t->n;
        for (int64_t k = b; f->at != NULL && k < end; k++)
            t->block[k] = dg_digest_of(f->at + block_begin(k), block_size(f->n_bytes, k));
        if (f->at == NULL)
            st = dg_seal_digest(f->fd, f->path, f->n_bytes, b, end, t->block + b, err);
    }
    return st;
}

static dg_status digest_leaves(dg_tree *t, dg_err *err)
{
    const dg_sealed *f = t->file;
    dg_status st = DG_OK;
    char *buffer = f->at != NULL ? NULL : dg_alloc((size_t)block_bytes, 1);
    if (f->at == NULL && buffer == NULL) st = DG_FAIL(err, DG_ERR_NOMEM, "read buffer");
    for (long long b; st == DG_OK && (b = atomic_fetch_add(&t->next, 1)) < t->n;) {
        const size_t n = block_size(f->n_bytes, b);
        if (f->at == NULL) st = read_fully(f->fd, f->path, buffer, n, block_begin(b), err);
        const char *at = f->at != NULL ? f->at + block_begin(b) : buffer;
        if (st == DG_OK) crypto_generichash(t->leaf[b], 32, (const unsigned char *)at, n, NULL, 0);
    }
    dg_free(buffer);
    return st;
}

static void *take_part(void *context)
{
    dg_tree *t = context;
    dg_err err = {.text = ""};
    const dg_status st = t->block != NULL ? digest_blocks(t, &err) : digest_leaves(t, &err);
    pthread_mutex_lock(&t->lock);
    if (t->status == DG_OK && st != DG_OK) t->status = st, t->err = err;
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void run_threads(dg_tree *t)
{
    enum { MOST = 8 };
    pthread_t thread[MOST];
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int n = 0;
    while (n < MOST - 1 && n + 1 < cores && n + 1 < t->n &&
           pthread_create(&thread[n], NULL, take_part, t) == 0)
        n++;
    take_part(t); /* this thread too, alone where there is no other */
    for (int k = 0; k < n; k++) pthread_join(thread[k], NULL);
}

static dg_status compare_blocks(const dg_sealed *f, const char stored[DG_SEAL_SIZE], dg_err *err)
{
    char computed[DG_SEAL_SIZE];
    const int64_t n = dg_seal_blocks(f->n_bytes);
    dg_digest *blocks = dg_alloc((size_t)n, sizeof *blocks);
    dg_status st =
        blocks == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%lld block digests", (long long)n) : DG_OK;
    if (st == DG_OK) {
        dg_tree t = {.file = f, .block = blocks, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER};
        run_threads(&t);
        if ((st = t.status) != DG_OK) *err = t.err;
    }
    if (st == DG_OK) {
        dg_seal_text(f->n_bytes, blocks, computed);
        st = dg_seal_compare(f->path, stored, computed, err);
    }
    dg_free(blocks);
    return st;
}

static dg_status digest_tree(const dg_sealed *f, unsigned char out[32], dg_err *err)
{
    dg_tree t = {.file = f, .n = dg_seal_blocks(f->n_bytes), .lock = PTHREAD_MUTEX_INITIALIZER};
    t.leaf = dg_alloc((size_t)t.n, sizeof *t.leaf);
    if (t.leaf == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", f->path);
    run_threads(&t);
    if (t.status != DG_OK) *err = t.err;
    crypto_generichash(out, 32, t.leaf[0], (size_t)t.n * sizeof *t.leaf, NULL, 0);
    dg_free(t.leaf);
    return t.status;
}

static dg_status check_signed(const dg_sealed *f, const char seal[DG_SEAL_SIZE],
                              const dg_keyring *trusted, dg_err *err)
{
    dg_signature s;
    unsigned char tree[32];
    char id[DG_KEY_ID_SIZE];
    if (!dg_seal_signature(seal, &s))
        return DG_FAIL(err, DG_ERR_PERM, "%s: is not signed, and only what is signed is trusted",
                       f->path);
    dg_key_id(&s.by, id);
    if (!dg_keyring_has(trusted, &s.by))
        return DG_FAIL(err, DG_ERR_PERM, "%s: signed by key %s, which is not among the %zu trusted",
                       f->path, id, trusted->n);
    const dg_status st = digest_tree(f, tree, err);
    if (st != DG_OK || sodium_memcmp(tree, s.tree, sizeof tree) == 0) return st;
    return DG_FAIL(err, DG_ERR_DATA, "%s: its bytes are not those that key %s signed", f->path, id);
}

dg_status dg_seal_check_bytes(const dg_sealed *f, const dg_keyring *trusted, dg_err *err)
{
    char seal[DG_SEAL_SIZE];
    dg_status st = DG_OK;
    if (f->n_bytes <= DG_SEAL_SIZE)
        return DG_FAIL(err, DG_ERR_DATA, "%s: not a Daogou file (only %lld bytes)", f->path,
                       (long long)f->n_bytes);
    if (f->at != NULL)
        memcpy(seal, f->at, DG_SEAL_SIZE);
    else
        st = read_fully(f->fd, f->path, seal, DG_SEAL_SIZE, 0, err);
    if (st == DG_OK) st = check_start(f, seal, err);
    if (st != DG_OK) return st;
    return trusted == NULL ? compare_blocks(f, seal, err) : check_signed(f, seal, trusted, err);
}

dg_status dg_seal_check(const char *path, dg_err *err)
{
    char seal[DG_SEAL_SIZE];
    int64_t n_bytes;
    int fd;
    dg_status st = dg_seal_open(path, &fd, &n_bytes, seal, err);
    if (st != DG_OK) return st;
    st = compare_blocks(&(dg_sealed){path, fd, NULL, n_bytes}, seal, err);
    close(fd);
    return st;
}

static dg_status put_seal(const char *path, const char seal[DG_SEAL_SIZE], dg_err *err)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, path, "cannot open for writing");
    dg_status st = DG_OK;
    if (pwrite(fd, seal, DG_SEAL_SIZE, 0) != DG_SEAL_SIZE || fsync(fd) != 0)
        st = dg_err_errno(err, path, "cannot write");
    close(fd);
    return st;
}

static bool is_by(const dg_signature *s, const dg_key *secret)
{
    unsigned char unused[DG_SIGNATURE_BYTES];
    dg_key own;
    dg_key_sign(secret, "", 0, &own, unused);
    return memcmp(own.bytes, s->by.bytes, sizeof own.bytes) == 0;
}

dg_status dg_seal_sign(const char *path, const dg_key *secret, dg_err *err)
{
    char seal[DG_SEAL_SIZE], message[MESSAGE];
    dg_signature s;
    int64_t n_bytes;
    int fd;
    dg_status st = dg_seal_open(path, &fd, &n_bytes, seal, err);
    if (st != DG_OK) return st;
    const dg_sealed file = {path, fd, NULL, n_bytes};
    if (dg_seal_signature(seal, &s) && is_by(&s, secret)) {
        close(fd);
        return DG_OK;
    }
    st = compare_blocks(&file, seal, err); /* what is damaged is not signed */
    if (st == DG_OK) st = digest_tree(&file, s.tree, err);
    close(fd);
    if (st != DG_OK) return st;
    dg_key_sign(secret, message, message_of(seal, s.tree, message), &s.by, s.signature);
    add_signature(seal, &s);
    return put_seal(path, seal, err);
}
