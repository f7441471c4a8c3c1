/* window.h - a sliding piece of a source's content, wide enough for any record. */
#ifndef DG_TABLE_WINDOW_H
#define DG_TABLE_WINDOW_H
#include "table/dialect.h"
#include "table/stream.h"

#include <stdbool.h>
#include <stdint.h>

enum { DG_WINDOW_SIZE = 2 * DG_RECORD_MAX }; /* at most */

typedef struct dg_window {
    const dg_source *source;
    dg_stream *stream;
    int64_t end;      /* content beyond it is read in small pieces */
    size_t size;      /* bytes of memory: few enough for a core's cache until a record needs more */
    char *bytes;      /* (size,) of which [at, n) is unread; may be written to */
    size_t at, n;     /* the reader moves `at` */
    int64_t position; /* of bytes[0] in the content */
    bool drained;     /* the content ends at n */
    bool has_nul;     /* a NUL byte has been seen: most files have none to look for, */
    bool has_high;    /* nor a byte beyond ASCII, in the columns that matter */
} dg_window;

/** Open at byte `begin` of the content (a compressed source is unpacked up to there); a UTF-8 byte
 *  order mark is passed over. *w may hold anything. LOCAL.
 *  Errors those of stream.h; DG_ERR_DATA a UTF-16 byte order mark. */
dg_status dg_window_open(dg_window *w, const dg_source *source, int64_t begin, int64_t end,
                         dg_err *err);

/** Read on behind the unread bytes, which move to the front. LOCAL. `drained` or more bytes. */
dg_status dg_window_refill(dg_window *w, dg_err *err);

/** Pass over everything up to and with the next line feed. LOCAL.
 *  @param[in]  limit  look no further than to this byte of the content, or a little beyond
 *  @param[out] found  is a line feed passed over? May be NULL */
dg_status dg_window_skip_line(dg_window *w, int64_t limit, bool *found, dg_err *err);

/** LOCAL, twice-safe. */
void dg_window_close(dg_window *w);

#endif
