#include "serve/guard/tokens.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

enum { HASH = 32, FILE_MOST = 1 << 20 };

typedef struct entry {
    unsigned char hash[HASH];
    int64_t expires; /* seconds since 1970; INT64_MAX: never */
    dg_bearer who;
} entry;

typedef struct table {
    entry *at; /* (n,) */
    size_t n, capacity;
} table;

/* What tells one state of the file from another; a rename changes the inode. */
typedef struct seen {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} seen;

struct dg_tokens {
    char *path;
    table table; /* guarded by lock */
    pthread_rwlock_t lock;
    seen seen; /* of whoever refreshes */
};

static bool is(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

unsigned dg_roles_parse(const char *s, size_t n)
{
    unsigned roles = 0;
    for (size_t begin = 0; begin <= n;) {
        const char *comma = memchr(s + begin, ',', n - begin);
        const size_t length = (comma != NULL ? (size_t)(comma - s) : n) - begin;
        if (is(s + begin, length, "read"))
            roles |= DG_ROLE_READ;
        else if (is(s + begin, length, "events"))
            roles |= DG_ROLE_EVENTS;
        else if (is(s + begin, length, "admin"))
            roles |= DG_ROLE_READ | DG_ROLE_EVENTS | DG_ROLE_ADMIN;
        else
            return 0;
        begin += length + 1;
    }
    return roles;
}

static bool is_name(const char *s, size_t n)
{
    if (n == 0 || n >= DG_TOKEN_NAME) return false;
    for (size_t k = 0; k < n; k++)
        if (!((s[k] >= 'a' && s[k] <= 'z') || (s[k] >= 'A' && s[k] <= 'Z') ||
              (s[k] >= '0' && s[k] <= '9') || s[k] == '.' || s[k] == '_' || s[k] == '-'))
            return false;
    return true;
}

static bool parse_expiry(const char *s, size_t n, int64_t *out)
{
    *out = INT64_MAX;
    return is(s, n, "never") || dg_parse_time(s, n, out);
}

static bool parse_hash(const char *s, size_t n, unsigned char out[HASH])
{
    size_t used = 0;
    const char *end;
    return n == (size_t)2 * HASH && sodium_hex2bin(out, HASH, s, n, NULL, &used, &end) == 0 &&
           used == HASH && end == s + n;
}

/* Cut a line at blanks. Yields how many words there are, at most 5. */
static int cut(const char *s, size_t n, const char *word[5], size_t length[5])
{
    int words = 0;
    for (size_t k = 0; k < n && words < 5;) {
        while (k < n && (s[k] == ' ' || s[k] == '\t' || s[k] == '\r')) k++;
        if (k == n || s[k] == '#') break;
        const size_t begin = k;
        while (k < n && s[k] != ' ' && s[k] != '\t' && s[k] != '\r') k++;
        word[words] = s + begin;
        length[words++] = k - begin;
    }
    return words;
}

static dg_status add_line(table *t, const char *path, long line, const char *s, size_t n,
                          dg_err *err)
{
    const char *word[5];
    size_t length[5];
    entry one = {.expires = 0};
    const int words = cut(s, n, word, length);
    const char *wrong = NULL;
    if (words == 0) return DG_OK;
    if (words != 4)
        wrong = "expected NAME ROLES EXPIRES HASH";
    else if (!is_name(word[0], length[0]))
        wrong = "a name has at most 63 letters, digits and . _ -";
    else if ((one.who.roles = dg_roles_parse(word[1], length[1])) == 0)
        wrong = "roles are read, events and admin, with commas";
    else if (!parse_expiry(word[2], length[2], &one.expires))
        wrong = "the third word is a date or \"never\"";
    else if (!parse_hash(word[3], length[3], one.hash))
        wrong = "the hash has 64 hexadecimal digits";
    else if (t->n == DG_MAX_TOKENS)
        wrong = "too many tokens";
    if (wrong != NULL) return DG_FAIL(err, DG_ERR_DATA, "%s:%ld: %s", path, line, wrong);
    memcpy(one.who.name, word[0], length[0]);
    entry *grown = dg_grow(t->at, t->n, t->n + 1, &t->capacity, sizeof *grown);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    t->at = grown;
    t->at[t->n++] = one;
    return DG_OK;
}

static dg_status parse(const char *path, const char *text, size_t n, table *out, dg_err *err)
{
    dg_status st = DG_OK;
    *out = (table){0};
    long line = 1;
    for (size_t begin = 0; begin < n && st == DG_OK; line++) {
        const char *end = memchr(text + begin, '\n', n - begin);
        const size_t length = (end != NULL ? (size_t)(end - text) : n) - begin;
        st = add_line(out, path, line, text + begin, length, err);
        begin += length + 1;
    }
    if (st == DG_OK) return DG_OK;
    dg_free(out->at);
    *out = (table){0};
    return st;
}

/* What others may write gives them every role. Reading it gives nothing: hashes of random bits. */
static dg_status look(const char *path, seen *now, dg_err *err)
{
    struct stat s;
    if (stat(path, &s) != 0) return dg_err_errno(err, path, "cannot open");
    *now = (seen){s.st_dev, s.st_ino, s.st_size, s.st_mtim};
    if ((s.st_mode & (S_IWGRP | S_IWOTH)) == 0) return DG_OK;
    DG_FAIL(err, DG_ERR_PERM, "%s: others than its owner may write this file of tokens", path);
    return dg_err_hint(err, DG_ERR_PERM, "chmod go-w %s", path);
}

static bool same(const seen *a, const seen *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static dg_status read_table(const char *path, table *out, dg_err *err)
{
    dg_text text = {0};
    *out = (table){0};
    dg_status st = dg_file_read(path, FILE_MOST, &text, err);
    if (st == DG_OK) st = parse(path, text.at != NULL ? text.at : "", text.n, out, err);
    dg_text_free(&text);
    return st;
}

static dg_status make(const char *path, dg_tokens **out, dg_err *err)
{
    dg_tokens *t = *out = dg_alloc(1, sizeof *t);
    if (t == NULL || (t->path = dg_strdup(path)) == NULL) {
        dg_free(t);
        *out = NULL;
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    }
    pthread_rwlock_init(&t->lock, NULL);
    return DG_OK;
}

dg_status dg_tokens_parse(const char *path, const char *text, size_t n, dg_tokens **out,
                          dg_err *err)
{
    dg_status st = make(path, out, err);
    if (st == DG_OK) st = parse(path, text, n, &(*out)->table, err);
    if (st != DG_OK) dg_tokens_close(out);
    return st;
}

dg_status dg_tokens_open(const char *path, dg_tokens **out, dg_err *err)
{
    dg_status st = make(path, out, err);
    if (st == DG_OK) st = look(path, &(*out)->seen, err);
    if (st == DG_OK) st = read_table(path, &(*out)->table, err);
    if (st != DG_OK) dg_tokens_close(out);
    return st;
}

void dg_tokens_close(dg_tokens **t)
{
    if (*t == NULL) return;
    pthread_rwlock_destroy(&(*t)->lock);
    dg_free((*t)->table.at);
    dg_free((*t)->path);
    dg_free(*t);
    *t = NULL;
}

dg_status dg_tokens_refresh(dg_tokens *t, bool *changed, dg_err *err)
{
    seen now = {0};
    table fresh;
    *changed = false;
    dg_status st = look(t->path, &now, err);
    if (same(&now, &t->seen)) return DG_OK; /* told already, whatever it was */
    t->seen = now;
    if (st == DG_OK) st = read_table(t->path, &fresh, err);
    if (st != DG_OK) return st;
    pthread_rwlock_wrlock(&t->lock);
    const table before = t->table;
    t->table = fresh;
    pthread_rwlock_unlock(&t->lock);
    dg_free(before.at);
    *changed = true;
    return DG_OK;
}

int64_t dg_tokens_count(dg_tokens *t)
{
    pthread_rwlock_rdlock(&t->lock);
    const int64_t n = (int64_t)t->table.n;
    pthread_rwlock_unlock(&t->lock);
    return n;
}

static void hash_of(const char *s, size_t n, unsigned char out[HASH])
{
    crypto_generichash(out, HASH, (const unsigned char *)s, n, NULL, 0);
}

dg_verdict dg_tokens_check(dg_tokens *t, const char *header, int64_t now, dg_bearer *who)
{
    static const char scheme[] = "Bearer ";
    unsigned char own[HASH];
    dg_verdict verdict = DG_TOKEN_WRONG;
    if (header == NULL || strncasecmp(header, scheme, sizeof scheme - 1) != 0) return DG_TOKEN_NONE;
    const char *shown = header + sizeof scheme - 1;
    const size_t n = strlen(shown);
    if (n != DG_TOKEN_SIZE - 1) return DG_TOKEN_WRONG; /* its length is no secret */
    hash_of(shown, n, own);
    pthread_rwlock_rdlock(&t->lock);
    for (size_t k = 0; k < t->table.n; k++) {
        const entry *one = &t->table.at[k];
        if (sodium_memcmp(own, one->hash, HASH) != 0) continue;
        verdict = now < one->expires ? DG_TOKEN_GOOD : DG_TOKEN_EXPIRED;
        *who = one->who;
    }
    pthread_rwlock_unlock(&t->lock);
    return verdict;
}

dg_status dg_token_make(const char *name, const char *roles, const char *expires,
                        char token[DG_TOKEN_SIZE], dg_text *line, dg_err *err)
{
    unsigned char raw[32], hash[HASH];
    char hex[2 * HASH + 1];
    int64_t when;
    if (!is_name(name, strlen(name)))
        return DG_FAIL(err, DG_ERR_USAGE,
                       "a token's name has at most %d letters, digits and . _ -, not \"%s\"",
                       DG_TOKEN_NAME - 1, name);
    if (dg_roles_parse(roles, strlen(roles)) == 0)
        return DG_FAIL(err, DG_ERR_USAGE, "roles are read, events and admin, not \"%s\"", roles);
    if (!parse_expiry(expires, strlen(expires), &when))
        return DG_FAIL(err, DG_ERR_USAGE, "expected a date or \"never\", found \"%s\"", expires);
    if (sodium_init() < 0) return DG_FAIL(err, DG_ERR_IO, "no source of random numbers");
    randombytes_buf(raw, sizeof raw);
    memcpy(token, "dgt_", 4);
    sodium_bin2base64(token + 4, DG_TOKEN_SIZE - 4, raw, sizeof raw,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    hash_of(token, strlen(token), hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    sodium_memzero(raw, sizeof raw);
    dg_text_add(line, "%s %s %s %s", name, roles, expires, hex);
    return line->failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a token") : DG_OK;
}
