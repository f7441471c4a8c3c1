/* seal.h - a digest of the whole file in its first 512 bytes, and a signature where it has one.
 *
 * Every Daogou file starts with an HDF5 user block that holds one line of text: the file's length
 * and a digest over the digests of its blocks. A reader checks it before the HDF5 library sees a
 * byte, so truncation and any flipped byte, in arrays, metadata or padding, are refused cleanly.
 * Blocks make the check divisible: ranks each take a share.
 *
 * That digest is quick and finds damage, not forgery. A second line is what somebody signed: a
 * BLAKE2b-256 over the BLAKE2b-256 of the blocks, the signer's public key, and an Ed25519 signature
 * over both lines (docs/decisions/0032). */
#ifndef DG_ARTIFACT_SEAL_H
#define DG_ARTIFACT_SEAL_H
#include "base/digest.h"
#include "base/keys.h"

#include <stdint.h>

enum { DG_SEAL_SIZE = 512 }; /* bytes of user block; HDF5 allows powers of two from 512 */

/* The bytes of one file: of an open descriptor, or in memory. Everything borrowed. */
typedef struct dg_sealed {
    const char *path; /* for messages */
    int fd;
    const char *at; /* (n_bytes,) or NULL */
    int64_t n_bytes;
} dg_sealed;

/* What the second line of a seal says. */
typedef struct dg_signature {
    unsigned char tree[32]; /* digest that the file must have */
    dg_key by;
    unsigned char signature[DG_SIGNATURE_BYTES];
} dg_signature;

/** Blocks of a file of n bytes, the seal itself left out. LOCAL. */
int64_t dg_seal_blocks(int64_t n_bytes);

/** Digests of blocks [first, end) of the open file, into out (end-first,). LOCAL.
 *  Cost one read of 4 MiB a block. Errors DG_ERR_IO. */
dg_status dg_seal_digest(int fd, const char *path, int64_t n_bytes, int64_t first, int64_t end,
                         dg_digest *out, dg_err *err);

/** The seal text for a file with these block digests. LOCAL. */
void dg_seal_text(int64_t n_bytes, const dg_digest *blocks, char seal[DG_SEAL_SIZE]);

/** Does the file start like one of ours and have the length its seal states, and does a signature
 *  in it belong to that seal? LOCAL, O(1). Errors DG_ERR_DATA not ours, truncated, encrypted;
 *  DG_ERR_NOINPUT; DG_ERR_IO. */
dg_status dg_seal_open(const char *path, int *fd, int64_t *n_bytes, char seal[DG_SEAL_SIZE],
                       dg_err *err);

/** Compare a seal read with one computed. LOCAL. Errors DG_ERR_DATA. */
dg_status dg_seal_compare(const char *path, const char stored[DG_SEAL_SIZE],
                          const char computed[DG_SEAL_SIZE], dg_err *err);

/** Open, digest every block, compare, close. LOCAL, reads the whole file. */
dg_status dg_seal_check(const char *path, dg_err *err);

/**
 * Check the digest of all bytes, or with `trusted` that one of these keys signed just these bytes.
 * LOCAL, reads them once.
 *
 * Cost    on up to eight threads: without keys at memory speed; with keys BLAKE2b, at some 0.8 GB
 *         a second each.
 * Errors  DG_ERR_DATA damaged, not ours; DG_ERR_PERM not signed, or by none of the keys;
 *         DG_ERR_NOMEM; DG_ERR_IO.
 */
dg_status dg_seal_check_bytes(const dg_sealed *file, const dg_keyring *trusted, dg_err *err);

/** The signature of a seal; false where it has none. LOCAL. */
bool dg_seal_signature(const char seal[DG_SEAL_SIZE], dg_signature *out);

/** Sign a file in place, in the stead of who signed it before; what this key signed is left. Only
 * its first 512 bytes change, so a node that maps it is not disturbed. LOCAL, reads it twice.
 * Errors as dg_seal_check. */
dg_status dg_seal_sign(const char *path, const dg_key *secret, dg_err *err);

#endif
