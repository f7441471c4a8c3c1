#include "artifact/crypt.h"

#include "artifact/seal.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "DAOGOU CRYPT ";

enum {
    VERSION = 1,
    PART = 1 << 20,
    MOST_PART = 64 << 20,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
};

bool dg_crypt_is(const char head[DG_CRYPT_HEAD])
{
    return memcmp(head, magic, sizeof magic - 1) == 0;
}

/* ---- head ---- */

static void write_head(const dg_crypt *c, char head[DG_CRYPT_HEAD])
{
    char salt[2 * sizeof c->salt + 1];
    sodium_bin2hex(salt, sizeof salt, c->salt, sizeof c->salt);
    memset(head, 0, DG_CRYPT_HEAD);
    snprintf(head, DG_CRYPT_HEAD,
             "%s%d bytes %" PRId64 " part %" PRId64 " xchacha20poly1305 key %s salt %s\n", magic,
             VERSION, c->n_bytes, c->part, c->key_id, salt);
}

static int64_t parts_of(const dg_crypt *c) { return (c->n_bytes + c->part - 1) / c->part; }

static int64_t file_length(const dg_crypt *c)
{
    return DG_CRYPT_HEAD + c->n_bytes + TAG * parts_of(c);
}

/* Taken as it would be written, and in no other way. */
static bool parse_head(const char head[DG_CRYPT_HEAD], dg_crypt *c)
{
    char text[DG_CRYPT_HEAD + 1] = "", again[DG_CRYPT_HEAD], salt[2 * sizeof c->salt + 1] = "";
    memcpy(text, head, DG_CRYPT_HEAD);
    if (sscanf(text + sizeof magic - 1,
               "1 bytes %" SCNd64 " part %" SCNd64 " xchacha20poly1305 key %16s salt %32s",
               &c->n_bytes, &c->part, c->key_id, salt) != 4 ||
        c->n_bytes < 1 || c->n_bytes > INT64_MAX / 2 || c->part < 1 || c->part > MOST_PART ||
        sodium_hex2bin(c->salt, sizeof c->salt, salt, strlen(salt), NULL, NULL, NULL) != 0)
        return false;
    write_head(c, again);
    return memcmp(again, head, DG_CRYPT_HEAD) == 0;
}

static dg_status read_fully(int fd, const char *path, void *out, size_t n, int64_t at, dg_err *err)
{
    char *to = out;
    while (n > 0) {
        const ssize_t got = pread(fd, to, n, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return dg_err_errno(err, path, "cannot read");
        if (got == 0) return DG_FAIL(err, DG_ERR_DATA, "%s: file is truncated", path);
        to += got, at += got, n -= (size_t)got;
    }
    return DG_OK;
}

static dg_status read_head(int fd, const char *path, dg_crypt *c, char head[DG_CRYPT_HEAD],
                           dg_err *err)
{
    struct stat info;
    int version = 0;
    dg_status st = read_fully(fd, path, head, DG_CRYPT_HEAD, 0, err);
    if (st != DG_OK) return st;
    if (!dg_crypt_is(head)) return DG_FAIL(err, DG_ERR_DATA, "%s: is not encrypted", path);
    if (sscanf(head + sizeof magic - 1, "%4d", &version) == 1 && version > VERSION) {
        st = DG_FAIL(err, DG_ERR_DATA,
                     "%s: encrypted in format version %d, this program reads up to %d", path,
                     version, VERSION);
        return dg_err_hint(err, st, "use the Daogou version that wrote it, or newer");
    }
    if (!parse_head(head, c))
        return DG_FAIL(err, DG_ERR_DATA, "%s: its first bytes are damaged", path);
    if (fstat(fd, &info) != 0) return dg_err_errno(err, path, "cannot look at");
    if (info.st_size != file_length(c))
        return DG_FAIL(err, DG_ERR_DATA,
                       "%s: file is truncated or grown: %lld bytes, made with %lld", path,
                       (long long)info.st_size, (long long)file_length(c));
    return DG_OK;
}

dg_status dg_crypt_head(const char *path, dg_crypt *out, dg_err *err)
{
    char head[DG_CRYPT_HEAD];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, path, "cannot open");
    const dg_status st = read_head(fd, path, out, head, err);
    close(fd);
    return st;
}

/* ---- parts ---- */

typedef struct dg_parts {
    const char *path; /* of the encrypted file, for messages */
    const dg_key *key;
    dg_crypt head;
    char text[DG_CRYPT_HEAD];
    unsigned char *sealed; /* (part + TAG,) */
} dg_parts;

static void nonce_of(const dg_crypt *c, int64_t k, unsigned char nonce[NONCE])
{
    memcpy(nonce, c->salt, sizeof c->salt);
    for (size_t b = 0; b < 8; b++)
        nonce[sizeof c->salt + b] = (unsigned char)((uint64_t)k >> (8 * b));
}

static size_t plain_size(const dg_crypt *c, int64_t k)
{
    const int64_t rest = c->n_bytes - k * c->part;
    return (size_t)(rest < c->part ? rest : c->part);
}

static void close_part(dg_parts *p, int64_t k, const unsigned char *plain)
{
    unsigned char nonce[NONCE];
    nonce_of(&p->head, k, nonce);
    crypto_aead_xchacha20poly1305_ietf_encrypt(p->sealed, NULL, plain, plain_size(&p->head, k),
                                               (const unsigned char *)p->text, DG_CRYPT_HEAD, NULL,
                                               nonce, p->key->bytes);
}

static dg_status open_part(dg_parts *p, int fd, int64_t k, unsigned char *plain, dg_err *err)
{
    unsigned char nonce[NONCE];
    const size_t n = plain_size(&p->head, k) + TAG;
    const dg_status st =
        read_fully(fd, p->path, p->sealed, n, DG_CRYPT_HEAD + k * (p->head.part + TAG), err);
    if (st != DG_OK) return st;
    nonce_of(&p->head, k, nonce);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, p->sealed, n,
                                                   (const unsigned char *)p->text, DG_CRYPT_HEAD,
                                                   nonce, p->key->bytes) == 0)
        return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA,
                   "%s: part %" PRId64 " of %" PRId64 " is damaged or was tampered with", p->path,
                   k + 1, parts_of(&p->head));
}

/* ---- loading ---- */

static dg_status check_key(const char *path, const dg_crypt *c, const dg_key *key, dg_err *err)
{
    char id[DG_KEY_ID_SIZE];
    dg_key_id(key, id);
    if (strcmp(id, c->key_id) == 0) return DG_OK;
    return DG_FAIL(err, DG_ERR_PERM, "%s: is encrypted with key %s, the key given is %s", path,
                   c->key_id, id);
}

static dg_status key_for(const char *path, const dg_crypt *c, const dg_key *given, dg_key *out,
                         dg_err *err)
{
    dg_status st = DG_OK;
    if (given != NULL)
        *out = *given;
    else
        st = dg_key_from_environment(out, err);
    if (st == DG_ERR_NOINPUT) {
        st = DG_FAIL(err, DG_ERR_PERM, "%s: is encrypted with key %s, and no key was given", path,
                     c->key_id);
        return dg_err_hint(err, st, "give its key in DAOGOU_ENCRYPTION_KEY or by --encryption-key");
    }
    return st == DG_OK ? check_key(path, c, out, err) : st;
}

static dg_status new_memory(const char *path, int64_t n, char **at, dg_err *err)
{
    void *memory =
        mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: no memory for its %lld bytes", path, (long long)n);
    madvise(memory, (size_t)n, MADV_DONTDUMP);
    *at = memory;
    return DG_OK;
}

dg_status dg_crypt_load(int fd, const char *path, const dg_key *given, dg_crypt *head, char **at,
                        dg_err *err)
{
    dg_parts p = {.path = path};
    dg_key key = {{0}};
    char *plain = NULL;
    *at = NULL;
    dg_status st = read_head(fd, path, &p.head, p.text, err);
    if (st == DG_OK) st = key_for(path, &p.head, given, &key, err);
    if (st == DG_OK && (p.sealed = dg_alloc((size_t)p.head.part + TAG, 1)) == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    if (st == DG_OK) st = new_memory(path, p.head.n_bytes, &plain, err);
    p.key = &key;
    for (int64_t k = 0; st == DG_OK && k < parts_of(&p.head); k++)
        st = open_part(&p, fd, k, (unsigned char *)plain + k * p.head.part, err);
    dg_key_wipe(&key);
    dg_free(p.sealed);
    if (st != DG_OK) {
        if (plain != NULL) munmap(plain, (size_t)p.head.n_bytes);
        return st;
    }
    mprotect(plain, (size_t)p.head.n_bytes, PROT_READ);
    *at = plain;
    *head = p.head;
    return DG_OK;
}

/* ---- copies ---- */

typedef struct dg_copying {
    const char *from, *to;
    int in; /* descriptor of from */
    const dg_key *key;
} dg_copying;

static dg_status put_parts(dg_parts *p, const dg_copying *c, int out, unsigned char *plain,
                           dg_err *err)
{
    dg_status st = dg_file_put(out, c->to, p->text, DG_CRYPT_HEAD, err);
    for (int64_t k = 0; st == DG_OK && k < parts_of(&p->head); k++) {
        const size_t n = plain_size(&p->head, k);
        st = read_fully(c->in, c->from, plain, n, k * p->head.part, err);
        if (st != DG_OK) break;
        close_part(p, k, plain);
        st = dg_file_put(out, c->to, p->sealed, n + TAG, err);
    }
    return st;
}

static dg_status put_encrypted(int out, void *context, dg_err *err)
{
    const dg_copying *c = context;
    dg_parts p = {.path = c->to, .key = c->key, .head = {.part = PART}};
    struct stat info;
    if (fstat(c->in, &info) != 0) return dg_err_errno(err, c->from, "cannot look at");
    p.head.n_bytes = info.st_size;
    dg_key_id(c->key, p.head.key_id);
    randombytes_buf(p.head.salt, sizeof p.head.salt);
    write_head(&p.head, p.text);
    unsigned char *plain = dg_alloc((size_t)p.head.part, 1);
    p.sealed = dg_alloc((size_t)p.head.part + TAG, 1);
    const dg_status st = plain == NULL || p.sealed == NULL
                             ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", c->to)
                             : put_parts(&p, c, out, plain, err);
    dg_free(p.sealed);
    dg_free(plain);
    return st;
}

static dg_status put_plain(int out, void *context, dg_err *err)
{
    const dg_copying *c = context;
    dg_crypt head;
    char *at;
    dg_status st = dg_crypt_load(c->in, c->from, c->key, &head, &at, err);
    if (st != DG_OK) return st;
    const size_t n = (size_t)head.n_bytes;
    st = dg_seal_check_bytes(&(dg_sealed){c->from, -1, at, head.n_bytes}, NULL, err);
    if (st == DG_OK) st = dg_file_put(out, c->to, at, n, err);
    munmap(at, n);
    return st;
}

static dg_status copy(dg_copying *c, unsigned mode,
                      dg_status (*fill)(int out, void *context, dg_err *err), dg_err *err)
{
    if (sodium_init() < 0) return DG_FAIL(err, DG_ERR_INTERNAL, "libsodium cannot start");
    c->in = open(c->from, O_RDONLY | O_CLOEXEC);
    if (c->in < 0) return dg_err_errno(err, c->from, "cannot open");
    const dg_status st = dg_file_make(c->to, mode, fill, c, err);
    close(c->in);
    return st;
}

dg_status dg_crypt_encrypt(const char *from, const char *to, const dg_key *key, dg_err *err)
{
    const dg_status st = dg_seal_check(from, err);
    return st == DG_OK ? copy(&(dg_copying){from, to, -1, key}, 0666, put_encrypted, err) : st;
}

dg_status dg_crypt_decrypt(const char *from, const char *to, const dg_key *key, dg_err *err)
{
    return copy(&(dg_copying){from, to, -1, key}, 0600, put_plain, err);
}
