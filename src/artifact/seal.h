/* seal.h - a digest of the whole file in its first 512 bytes.
 *
 * Every Daogou file starts with an HDF5 user block that holds one line of text: the file's length
 * and a digest over the digests of its blocks. A reader checks it before the HDF5 library sees a
 * byte, so truncation and any flipped byte, in arrays, metadata or padding, are refused cleanly.
 * Blocks make the check divisible: ranks each take a share. */
#ifndef DG_ARTIFACT_SEAL_H
#define DG_ARTIFACT_SEAL_H
#include "base/digest.h"
#include "base/status.h"

#include <stdint.h>

enum { DG_SEAL_SIZE = 512 }; /* bytes of user block; HDF5 allows powers of two from 512 */

/** Blocks of a file of n bytes, the seal itself left out. LOCAL. */
int64_t dg_seal_blocks(int64_t n_bytes);

/** Digests of blocks [first, end) of the open file, into out (end-first,). LOCAL.
 *  Cost one read of 4 MiB a block. Errors DG_ERR_IO. */
dg_status dg_seal_digest(int fd, const char *path, int64_t n_bytes, int64_t first, int64_t end,
                         dg_digest *out, dg_err *err);

/** The seal text for a file with these block digests. LOCAL. */
void dg_seal_text(int64_t n_bytes, const dg_digest *blocks, char seal[DG_SEAL_SIZE]);

/** Does the file start like one of ours and have the length its seal states? LOCAL, O(1).
 *  Errors DG_ERR_DATA not ours, truncated; DG_ERR_NOINPUT; DG_ERR_IO. */
dg_status dg_seal_open(const char *path, int *fd, int64_t *n_bytes, char seal[DG_SEAL_SIZE],
                       dg_err *err);

/** Compare a seal read with one computed. LOCAL. Errors DG_ERR_DATA. */
dg_status dg_seal_compare(const char *path, const char stored[DG_SEAL_SIZE],
                          const char computed[DG_SEAL_SIZE], dg_err *err);

/** Open, digest every block, compare, close. LOCAL, reads the whole file. */
dg_status dg_seal_check(const char *path, dg_err *err);

#endif
