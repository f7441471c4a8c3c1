#include "base/keys.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const word[] = {
    [DG_KEY_SIGN] = "daogou-signing-key",
    [DG_KEY_PUBLIC] = "daogou-public-key",
    [DG_KEY_ENCRYPT] = "daogou-encryption-key",
    [DG_KEY_PSEUDONYM] = "daogou-pseudonym-key",
};

enum { HEX = 2 * DG_KEY_BYTES, LINE = 128, LONGEST = 1 << 20 };

/* ---- making ---- */

static dg_status put_line(const char *path, const dg_key *key, dg_key_kind kind, mode_t mode,
                          dg_err *err)
{
    char line[LINE], hex[HEX + 1];
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        const bool taken = errno == EEXIST;
        dg_err_errno(err, path, "cannot create");
        return taken ? dg_err_hint(err, DG_ERR_CANTCREATE, "a key is never written over")
                     : DG_ERR_CANTCREATE;
    }
    sodium_bin2hex(hex, sizeof hex, key->bytes, sizeof key->bytes);
    const int n = snprintf(line, sizeof line, "%s %s\n", word[kind], hex);
    const bool good = write(fd, line, (size_t)n) == n && fsync(fd) == 0;
    const dg_status st = good ? DG_OK : dg_err_errno(err, path, "cannot write");
    close(fd);
    if (!good) unlink(path);
    sodium_memzero(line, sizeof line);
    sodium_memzero(hex, sizeof hex);
    return st;
}

static void public_of(const dg_key *secret, dg_key *public_key, unsigned char whole[64])
{
    crypto_sign_ed25519_seed_keypair(public_key->bytes, whole, secret->bytes);
}

static dg_status put_public(const char *path, const dg_key *secret, dg_err *err)
{
    char name[DG_PATH];
    unsigned char whole[crypto_sign_ed25519_SECRETKEYBYTES];
    dg_key public_key;
    public_of(secret, &public_key, whole);
    sodium_memzero(whole, sizeof whole);
    snprintf(name, sizeof name, "%s.pub", path);
    return put_line(name, &public_key, DG_KEY_PUBLIC, 0644, err);
}

dg_status dg_key_create(const char *path, dg_key_kind kind, dg_err *err)
{
    dg_key key;
    if (sodium_init() < 0) return DG_FAIL(err, DG_ERR_INTERNAL, "libsodium cannot start");
    randombytes_buf(key.bytes, sizeof key.bytes);
    dg_status st = put_line(path, &key, kind, 0600, err);
    if (st == DG_OK && kind == DG_KEY_SIGN && (st = put_public(path, &key, err)) != DG_OK)
        unlink(path);
    dg_key_wipe(&key);
    return st;
}

/* ---- reading ---- */

static bool parse_hex(const char *s, size_t n, dg_key *out)
{
    size_t got;
    return n == HEX && sodium_hex2bin(out->bytes, sizeof out->bytes, s, n, NULL, &got, NULL) == 0 &&
           got == sizeof out->bytes;
}

/* "KIND HEX", and whatever note follows a blank. */
static bool parse_line(const char *s, size_t n, dg_key_kind kind, dg_key *out)
{
    const size_t w = strlen(word[kind]);
    if (n < w + 1 + HEX || memcmp(s, word[kind], w) != 0 || s[w] != ' ') return false;
    if (n > w + 1 + HEX && strchr(" \t\r", s[w + 1 + HEX]) == NULL) return false;
    return parse_hex(s + w + 1, HEX, out);
}

/* One look at the file that is then read, so that nobody can put another in its place between. */
static dg_status read_all(const char *path, bool secret, dg_text *out, dg_err *err)
{
    struct stat info;
    char part[4096];
    ssize_t got = -1;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, path, "cannot open");
    dg_status st = fstat(fd, &info) == 0 ? DG_OK : dg_err_errno(err, path, "cannot look at");
    if (st == DG_OK && secret && S_ISREG(info.st_mode) && (info.st_mode & 07) != 0) {
        st = DG_FAIL(err, DG_ERR_PERM, "%s: a secret key that everybody on this machine can reach",
                     path);
        st = dg_err_hint(err, st, "chmod 600 %s", path);
    }
    while (st == DG_OK && (got = read(fd, part, sizeof part)) > 0 && out->n < LONGEST)
        dg_text_bytes(out, part, (size_t)got);
    if (st == DG_OK && got < 0) st = dg_err_errno(err, path, "cannot read");
    if (st == DG_OK && got > 0) st = DG_FAIL(err, DG_ERR_CONFIG, "%s: too long for keys", path);
    if (st == DG_OK && out->failed) st = DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    sodium_memzero(part, sizeof part);
    close(fd);
    return st;
}

static dg_status add_key(dg_keyring *ring, const dg_key *key, dg_err *err)
{
    dg_key *at = dg_grow(ring->key, ring->n, ring->n + 1, &ring->capacity, sizeof *at);
    if (at == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for keys");
    ring->key = at;
    at[ring->n++] = *key;
    return DG_OK;
}

static dg_status add_lines(const char *path, const dg_text *text, dg_key_kind kind,
                           dg_keyring *ring, dg_err *err)
{
    int line = 0;
    dg_status st = DG_OK;
    for (size_t k = 0; k < text->n && st == DG_OK;) {
        const char *s = text->at + k, *end = memchr(s, '\n', text->n - k);
        const size_t n = end == NULL ? text->n - k : (size_t)(end - s);
        dg_key key;
        k += n + 1;
        line++;
        if (n == 0 || s[0] == '#' || s[0] == '\r') continue;
        if (!parse_line(s, n, kind, &key))
            return DG_FAIL(err, DG_ERR_CONFIG, "%s:%d: expected \"%s\" and %d hexadecimal digits",
                           path, line, word[kind], HEX);
        st = add_key(ring, &key, err);
        dg_key_wipe(&key);
    }
    return st;
}

static dg_status read_keys(const char *path, dg_key_kind kind, dg_keyring *ring, dg_err *err)
{
    dg_text text = {0};
    const size_t before = ring->n;
    dg_status st = read_all(path, kind != DG_KEY_PUBLIC, &text, err);
    if (st == DG_OK) st = add_lines(path, &text, kind, ring, err);
    if (st == DG_OK && ring->n == before)
        st = DG_FAIL(err, DG_ERR_CONFIG, "%s: there is no %s in it", path, word[kind]);
    if (text.at != NULL) sodium_memzero(text.at, text.n);
    dg_text_free(&text);
    return st;
}

dg_status dg_key_read(const char *path, dg_key_kind kind, dg_key *out, dg_err *err)
{
    dg_keyring one = {0};
    dg_status st = read_keys(path, kind, &one, err);
    if (st == DG_OK && one.n > 1)
        st = DG_FAIL(err, DG_ERR_CONFIG, "%s: has %zu keys, one is wanted", path, one.n);
    if (st == DG_OK) *out = one.key[0];
    dg_keyring_free(&one);
    return st;
}

dg_status dg_keyring_read(const char *path, dg_keyring *ring, dg_err *err)
{
    return read_keys(path, DG_KEY_PUBLIC, ring, err);
}

dg_status dg_key_from_environment(dg_key *out, dg_err *err)
{
    static const char name[] = "DAOGOU_ENCRYPTION_KEY";
    const char *s = getenv(name);
    if (s == NULL || s[0] == '\0') return DG_FAIL(err, DG_ERR_NOINPUT, "%s is not set", name);
    const size_t n = strcspn(s, "\r\n");
    if (parse_line(s, n, DG_KEY_ENCRYPT, out) || parse_hex(s, n, out)) return DG_OK;
    return DG_FAIL(err, DG_ERR_CONFIG, "%s: expected %d hexadecimal digits", name, HEX);
}

/* ---- using ---- */

void dg_key_id(const dg_key *key, char id[DG_KEY_ID_SIZE])
{
    unsigned char digest[(DG_KEY_ID_SIZE - 1) / 2];
    unsigned char long_digest[32];
    crypto_generichash(long_digest, sizeof long_digest, key->bytes, sizeof key->bytes,
                       (const unsigned char *)"daogou key id 16", 16);
    memcpy(digest, long_digest, sizeof digest);
    sodium_bin2hex(id, DG_KEY_ID_SIZE, digest, sizeof digest);
}

enum { OF_ID = 12, OF_MARK = 4 }; /* bytes of a pseudonym */

static void keyed_hash(const dg_key *key, const void *bytes, size_t n, unsigned char out[16])
{
    crypto_generichash(out, 16, bytes, n, key->bytes, sizeof key->bytes);
}

/* The mark that only the key can make: a hash of what the id gave. */
static void add_mark(const dg_key *key, unsigned char pseudonym[OF_ID + OF_MARK])
{
    unsigned char mark[16];
    keyed_hash(key, pseudonym, OF_ID, mark);
    memcpy(pseudonym + OF_ID, mark, OF_MARK);
}

static bool is_pseudonym(const dg_key *key, const char *id, size_t n)
{
    unsigned char read[OF_ID + OF_MARK], made[OF_ID + OF_MARK];
    size_t got;
    if (n != DG_PSEUDONYM_SIZE - 1 ||
        sodium_hex2bin(read, sizeof read, id, n, NULL, &got, NULL) != 0 || got != sizeof read)
        return false;
    memcpy(made, read, sizeof made);
    add_mark(key, made);
    return memcmp(made, read, sizeof made) == 0;
}

void dg_key_pseudonym(const dg_key *key, const void *id, size_t n, char out[DG_PSEUDONYM_SIZE])
{
    unsigned char digest[16];
    if (is_pseudonym(key, id, n)) {
        memcpy(out, id, n);
        out[n] = '\0';
        return;
    }
    keyed_hash(key, id, n, digest);
    add_mark(key, digest);
    sodium_bin2hex(out, DG_PSEUDONYM_SIZE, digest, sizeof digest);
}

void dg_key_wipe(dg_key *key) { sodium_memzero(key, sizeof *key); }

bool dg_keyring_has(const dg_keyring *ring, const dg_key *public_key)
{
    for (size_t k = 0; k < ring->n; k++)
        if (memcmp(ring->key[k].bytes, public_key->bytes, DG_KEY_BYTES) == 0) return true;
    return false;
}

void dg_keyring_free(dg_keyring *ring)
{
    for (size_t k = 0; k < ring->n; k++) dg_key_wipe(&ring->key[k]);
    dg_free(ring->key);
    *ring = (dg_keyring){0};
}

void dg_key_sign(const dg_key *secret, const void *bytes, size_t n, dg_key *public_key,
                 unsigned char signature[DG_SIGNATURE_BYTES])
{
    unsigned char whole[crypto_sign_ed25519_SECRETKEYBYTES];
    public_of(secret, public_key, whole);
    crypto_sign_ed25519_detached(signature, NULL, bytes, n, whole);
    sodium_memzero(whole, sizeof whole);
}

bool dg_key_signed(const dg_key *public_key, const void *bytes, size_t n,
                   const unsigned char signature[DG_SIGNATURE_BYTES])
{
    return crypto_sign_ed25519_verify_detached(signature, bytes, n, public_key->bytes) == 0;
}
