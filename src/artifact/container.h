/* container.h - read any Daogou file: dataset, checkpoint, model, artifact.
 *
 * They share one HDF5 layout (docs/formats.md): attributes of /meta say what the file is, arrays
 * are datasets of one or two dimensions, and /digests/PATH holds for array PATH one row per shard:
 * first element row, end row, and the two halves of the XXH3-128 of the shard's bytes.
 * Nothing in a file is trusted: sizes, types and offsets are checked before a byte is used.
 * Built twice: against parallel HDF5 for daogou, serial HDF5 for daogou-serve. Uses no MPI. */
#ifndef DG_ARTIFACT_CONTAINER_H
#define DG_ARTIFACT_CONTAINER_H
#include "base/digest.h"
#include "base/keys.h"
#include "base/strings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers in content digests: new ones go to the end. F16 is IEEE binary16, in uint16_t here. */
typedef enum dg_type { DG_U8, DG_I32, DG_I64, DG_U64, DG_F32, DG_F64, DG_I8, DG_F16 } dg_type;

typedef struct dg_array_info {
    dg_type type;
    int64_t n_rows;
    int64_t n_cols; /* 1 for one-dimensional arrays */
    int64_t n_shards;
} dg_array_info;

typedef struct dg_container dg_container;

/** Bytes of one element. LOCAL. */
size_t dg_type_size(dg_type type);

/**
 * Open for reading, after checking the digest of the whole file. LOCAL, reads the file once.
 *
 * @param[in]  format  "daogou-dataset", …; NULL accepts any Daogou file
 * @param[in]  version newest format_version understood
 *
 * Errors  DG_ERR_NOINPUT missing; DG_ERR_DATA not HDF5, truncated, another format or a newer
 *         version, each one sentence that names the file; DG_ERR_NOMEM.
 */
dg_status dg_container_open(const char *path, const char *format, int version, dg_container **out,
                            dg_err *err);

/* What is asked of a file before a byte of it is used. Zero: nothing but that it is whole. */
typedef struct dg_access {
    const dg_keyring *trusted; /* one of these keys must have signed it; NULL: nobody has to */
    const dg_key *decrypt;     /* key of an encrypted file; NULL: of the environment */
} dg_access;

/**
 * As dg_container_open for serving: the file is opened once, checked, and read in place, so that
 * what was checked is what is used, whoever renames what meanwhile. An encrypted file
 * (artifact/crypt.h) is decrypted into memory first. LOCAL.
 *
 * @param[in] access  NULL: zero
 * Errors  as dg_container_open; DG_ERR_PERM not signed by a trusted key, no key to decrypt it or
 * the wrong one.
 */
dg_status dg_container_open_for(const char *path, const char *format, int version,
                                const dg_access *access, dg_container **out, dg_err *err);

/** The same of bytes in memory, borrowed until closed; `name` is for messages. LOCAL. */
dg_status dg_container_open_bytes(const char *name, const void *at, size_t n, const char *format,
                                  int version, const dg_access *access, dg_container **out,
                                  dg_err *err);

/** As dg_container_open for a file whose seal (artifact/seal.h) was checked already, by all ranks
 *  together or a moment ago. LOCAL. */
dg_status dg_container__open_checked(const char *path, const char *format, int version,
                                     dg_container **out, dg_err *err);

/** LOCAL, NULL-safe. Maps handed out stay valid until here. */
void dg_container_close(dg_container **c);

/** What was opened; borrowed. LOCAL. */
const char *dg_container_path(const dg_container *c);
const char *dg_container_format(const dg_container *c);  /* "daogou-model" */
const char *dg_container_content(const dg_container *c); /* content digest, 64 hex digits */

/** Id of the encryption key where the file was encrypted, else NULL; of the key that signed it,
 * which only dg_access.trusted checks, else NULL. Of files opened by dg_container_open_for.
 * Borrowed. LOCAL. */
const char *dg_container_encrypted(const dg_container *c);
const char *dg_container_signed(const dg_container *c);

/** Is there such an array? LOCAL. */
bool dg_container_has(const dg_container *c, const char *array);

/** Attributes of a group ("/meta", "/run"). Text is dg_alloc'ed. LOCAL. Errors DG_ERR_DATA,
 *  DG_ERR_NOMEM. */
dg_status dg_container_text(const dg_container *c, const char *group, const char *name, char **out,
                            dg_err *err);
dg_status dg_container_int(const dg_container *c, const char *group, const char *name, int64_t *out,
                           dg_err *err);
dg_status dg_container_real(const dg_container *c, const char *group, const char *name, double *out,
                            dg_err *err);

/** Names of the attributes of a group, sorted, each with its NUL. LOCAL. Errors DG_ERR_DATA. */
dg_status dg_container_attributes(const dg_container *c, const char *group, dg_strings *names,
                                  dg_err *err);

/** Names of all arrays, sorted, each with its NUL; digests left out. LOCAL. */
dg_status dg_container_arrays(const dg_container *c, dg_strings *names, dg_err *err);

/** Type and shape of an array. LOCAL. Errors DG_ERR_DATA when missing or of a foreign type. */
dg_status dg_container_info(const dg_container *c, const char *array, dg_array_info *out,
                            dg_err *err);

/**
 * Read the elements of shards [first, end) and check their digests. LOCAL.
 * @param[out] out    dg_alloc'ed, n_rows x n_cols elements of `type`
 * @param[out] begin  first element row read; may be NULL
 * @param[out] n_rows element rows read; may be NULL
 * Errors  DG_ERR_DATA wrong type, damaged bytes (names file, array, shard); DG_ERR_NOMEM.
 */
dg_status dg_container_read(const dg_container *c, const char *array, dg_type type, int64_t first,
                            int64_t end, void **out, int64_t *begin, int64_t *n_rows, dg_err *err);

/** The whole array, digests checked. LOCAL. */
dg_status dg_container_read_all(const dg_container *c, const char *array, dg_type type, void **out,
                                int64_t *n_rows, dg_err *err);

/** Borrow a contiguous, unfiltered array in place, mapped read-only; nothing is read or checked
 *  but its place and size. LOCAL, O(1). Errors DG_ERR_DATA when it cannot be mapped. */
dg_status dg_container_map(const dg_container *c, const char *array, dg_type type, const void **at,
                           dg_err *err);

/** Check every digest of every array, and the content digest over them. LOCAL, reads it all. */
dg_status dg_container_verify(const dg_container *c, dg_err *err);

#endif
