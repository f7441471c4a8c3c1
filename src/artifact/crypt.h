/* crypt.h - a Daogou file encrypted at rest: written once, decrypted into memory when opened.
 *
 * 512 bytes of text say so: the plain file's length, the length of a part, the key's id and a salt.
 * Then come the parts, each encrypted and authenticated by itself (XChaCha20-Poly1305): the nonce
 * is the salt and the part's number, and the head is authenticated with every part. So a part that
 * was changed, moved, left out or taken from another file is refused, and so is another length
 * (docs/decisions/0033). What was signed stays signed: the plain file lies inside as it is. */
#ifndef DG_ARTIFACT_CRYPT_H
#define DG_ARTIFACT_CRYPT_H
#include "base/keys.h"

enum { DG_CRYPT_HEAD = 512 };

/* What the head says. */
typedef struct dg_crypt {
    int64_t n_bytes; /* of the plain file */
    int64_t part;    /* plain bytes in a part; the last may have fewer */
    char key_id[DG_KEY_ID_SIZE];
    unsigned char salt[16];
} dg_crypt;

/** Do the first DG_CRYPT_HEAD bytes of a file say that it is encrypted? LOCAL. */
bool dg_crypt_is(const char head[DG_CRYPT_HEAD]);

/** What the head of an encrypted file says, checked against the file's length. LOCAL, O(1).
 *  Errors DG_ERR_NOINPUT; DG_ERR_DATA not encrypted by Daogou, truncated, a newer format. */
dg_status dg_crypt_head(const char *path, dg_crypt *out, dg_err *err);

/** Write an encrypted copy of a sound Daogou file: durable, under its name only when whole. LOCAL,
 *  reads it twice. Errors as dg_seal_check; those of writing. */
dg_status dg_crypt_encrypt(const char *from, const char *to, const dg_key *key, dg_err *err);

/** Write the plain copy of an encrypted file, likewise. LOCAL. Errors as dg_crypt_load. */
dg_status dg_crypt_decrypt(const char *from, const char *to, const dg_key *key, dg_err *err);

/**
 * Decrypt an open encrypted file into memory that is not written into core dumps. LOCAL.
 *
 * @param[in]  key  NULL: from the environment (dg_key_from_environment)
 * @param[out] head what the file says of itself
 * @param[out] at   (head->n_bytes,) mapped; free with munmap
 *
 * Cost    0.8 s per GB, with new pages and the check of the seal 1.2; the file's length in memory
 * that the kernel cannot drop. Errors  DG_ERR_PERM no key, or another than the file's; DG_ERR_DATA
 * damaged or tampered with, with the part; DG_ERR_NOMEM; DG_ERR_IO.
 */
dg_status dg_crypt_load(int fd, const char *path, const dg_key *key, dg_crypt *head, char **at,
                        dg_err *err);

#endif
