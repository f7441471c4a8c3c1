/* stream.h - the bytes of a source, decompressed, from first to last. */
#ifndef DG_TABLE_STREAM_H
#define DG_TABLE_STREAM_H
#include "table/source.h"

#include <stddef.h>

typedef struct dg_stream dg_stream;

/**
 * Open a source for reading in one direction. LOCAL.
 *
 * @param[in]  source  borrowed until dg_stream_close
 * @param[in]  begin   first byte of the content to deliver; 0 for a source that has no other entry
 *                     (dg_source_content). What lies between it and the member it is in is
 *                     unpacked and passed over
 * @param[out] out     close with dg_stream_close; NULL on failure
 *
 * Errors  DG_ERR_NOINPUT, DG_ERR_PERM, DG_ERR_IO, DG_ERR_NOMEM; DG_ERR_INTERNAL bad begin.
 */
dg_status dg_stream_open(const dg_source *source, int64_t begin, dg_stream **out, dg_err *err);

/**
 * Fill `bytes` with what comes next. LOCAL; fault site "read". Large pieces (64 kB and up) make it
 * fast: a plain file goes to `bytes` without a copy.
 *
 * @param[out] n  bytes delivered: `capacity` but at the end of the content, 0 from there on
 *
 * Errors  DG_ERR_DATA content cut short or damaged (all members of a .gz and all frames of a .zst
 *         are read, checksums are checked), or members that do not lie where their headers
 *         say; file shorter than when it was found; DG_ERR_IO;
 *         DG_ERR_NOMEM.
 */
dg_status dg_stream_read(dg_stream *s, char *bytes, size_t capacity, size_t *n, dg_err *err);

/** LOCAL, NULL-safe, twice-safe. */
void dg_stream_close(dg_stream **s);

#endif
