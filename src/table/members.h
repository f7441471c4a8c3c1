/* members.h - where a packed file can be entered: the parts that were packed one by one.
 *
 * Known are bgzip's members (BGZF: each says how long it is, and unpacked), frames of zstd that say
 * how long they are unpacked (several files packed and laid end to end), and the table at the end
 * of a file in zstd's seekable format. Others have none: gzip's own members can only be found by
 * unpacking what is before them, and pzstd does not say how long its frames are unpacked.
 *
 * What headers say is not believed: dg_stream_read holds each of these places against where
 * unpacking the part before has come to. */
#ifndef DG_TABLE_MEMBERS_H
#define DG_TABLE_MEMBERS_H
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { DG_MEMBERS_MAX = 1 << 16 }; /* places that are kept: every second, fourth, ... of more */

typedef struct dg_member { /* where one begins */
    int64_t packed, content;
} dg_member;

/* Free with dg_members_free. */
typedef struct dg_members {
    int64_t n;       /* 0 where the file has to be read from its first byte */
    int64_t content; /* bytes of all, unpacked */
    dg_member *at;   /* (n,) both ascending; the first is {0, 0} */
} dg_members;

/**
 * Look for the members of a gzip or zstd file. LOCAL.
 *
 * @param[in]  fd, size  the file
 * @param[out] out       n == 0 where it has no such members, or one, or is damaged
 *
 * Cost    two small reads a member, one a block of zstd; 16 bytes of memory for each place kept
 * Errors  DG_ERR_NOMEM.
 * Source  SAM specification, section 4.1 (BGZF); RFC 8878; zstd's contrib/seekable_format.
 */
dg_status dg_members_find(int fd, int64_t size, bool gzip, dg_members *out, dg_err *err);

/** The last place at or before a byte of the content. LOCAL, O(log n). n > 0. */
int64_t dg_members_before(const dg_members *m, int64_t content);

/** LOCAL, twice-safe. */
void dg_members_free(dg_members *m);

#endif
