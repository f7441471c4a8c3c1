/* keys.h - key files: pairs that sign (Ed25519), keys that encrypt, and keys of pseudonyms.
 *
 * A key file is one line of text, "daogou-KIND HEX", where HEX is 32 bytes and KIND one of
 * dg_key_kind; lines that begin with # are notes. A file of trusted keys has any number of public
 * ones. A secret must not be readable by everybody: such a file is refused. */
#ifndef DG_BASE_KEYS_H
#define DG_BASE_KEYS_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DG_KEY_BYTES = 32,
    DG_SIGNATURE_BYTES = 64,
    DG_KEY_ID_SIZE = 17,   /* what a key is called: 16 hexadecimal digits, and the NUL */
    DG_PSEUDONYM_SIZE = 33 /* 32 hexadecimal digits, and the NUL */
};

typedef enum dg_key_kind {
    DG_KEY_SIGN,     /* "signing-key": the secret half of a pair, its Ed25519 seed */
    DG_KEY_PUBLIC,   /* "public-key": the other half */
    DG_KEY_ENCRYPT,  /* "encryption-key" */
    DG_KEY_PSEUDONYM /* "pseudonym-key" */
} dg_key_kind;

/* Wipe with dg_key_wipe. */
typedef struct dg_key {
    unsigned char bytes[DG_KEY_BYTES];
} dg_key;

/* Public keys, any of which will do. Zero-initialise; free with dg_keyring_free. */
typedef struct dg_keyring {
    dg_key *key; /* (n,) */
    size_t n, capacity;
} dg_keyring;

/** Write a new secret key to `path`, for its owner alone (0600), and for signing the public half to
 *  PATH.pub. Nothing is written over. LOCAL. Errors DG_ERR_CANTCREATE, those of errno. */
dg_status dg_key_create(const char *path, dg_key_kind kind, dg_err *err);

/** Read the one key of a file. LOCAL. Errors DG_ERR_NOINPUT missing; DG_ERR_PERM a secret that all
 *  may read; DG_ERR_CONFIG another kind of key, or none. */
dg_status dg_key_read(const char *path, dg_key_kind kind, dg_key *out, dg_err *err);

/** The encryption key in the environment variable DAOGOU_ENCRYPTION_KEY, written as in its file or
 *  as HEX alone. LOCAL. Errors DG_ERR_NOINPUT there is none; DG_ERR_CONFIG it is no such key. */
dg_status dg_key_from_environment(dg_key *out, dg_err *err);

/** What a key is called, so that people can tell keys apart: digits of a digest, which say nothing
 *  of a secret. LOCAL. */
void dg_key_id(const dg_key *key, char id[DG_KEY_ID_SIZE]);

/** What an id is called by those who do not have the key: 96 bits of BLAKE2b of it, keyed (RFC
 * 7693), and 32 bits of those under the same key, by which the key knows its pseudonyms: one stays
 * what it is. The same id has the same pseudonym under the same key; without the key nobody can
 * tell one from the other, nor try ids out. LOCAL, some 600 ns. */
void dg_key_pseudonym(const dg_key *key, const void *id, size_t n, char out[DG_PSEUDONYM_SIZE]);

/** Overwrite a secret. LOCAL. */
void dg_key_wipe(dg_key *key);

/** Add every public key of a file. LOCAL. Errors as dg_key_read; DG_ERR_CONFIG there is none. */
dg_status dg_keyring_read(const char *path, dg_keyring *ring, dg_err *err);

/** LOCAL. */
bool dg_keyring_has(const dg_keyring *ring, const dg_key *public_key);

/** LOCAL, twice-safe. */
void dg_keyring_free(dg_keyring *ring);

/** Sign n bytes (RFC 8032); gives the public key too. LOCAL, some 50 µs. */
void dg_key_sign(const dg_key *secret, const void *bytes, size_t n, dg_key *public_key,
                 unsigned char signature[DG_SIGNATURE_BYTES]);

/** Did the owner of this key sign these bytes? LOCAL, some 100 µs. */
bool dg_key_signed(const dg_key *public_key, const void *bytes, size_t n,
                   const unsigned char signature[DG_SIGNATURE_BYTES]);

#endif
