/* split.h - the lines of a byte range as fields: what records, rows and headers are read with. */
#ifndef DG_TABLE_SPLIT_H
#define DG_TABLE_SPLIT_H
#include "table/record.h"

#include <stdint.h>

typedef struct dg_split dg_split;

/* One record, its quotes taken off, in UTF-8 unless the file is not what its dialect says.
 * Valid until the next call. */
typedef struct dg_fields {
    const dg_slice *at; /* (n,) */
    size_t n;           /* > 0 */
    int64_t line;       /* of the first byte, counted from the range's first line, from 1 */
    int64_t position;   /* of the first byte in the decompressed content */
    bool ascii;         /* surely nothing but ASCII, hence UTF-8 */
} dg_fields;

/* The lines that begin in [begin, end), see dg_records_open. */
typedef struct dg_span {
    int64_t begin, end;
    int64_t data_begin;   /* where records may begin: behind the header, or 0 to read it too */
    int64_t header_lines; /* before data_begin; counted as lines of the span with begin 0 */
    int64_t start;        /* where the first record begins, where that is known; 0: find out */
} dg_span;

/** Open the records of a span. LOCAL. `source` is borrowed until dg_split_close.
 *  Errors  those of dg_stream_open; DG_ERR_CONFIG latin1 with a separator beyond ASCII. */
dg_status dg_split_open(const dg_source *source, const dg_dialect *d, dg_span span, dg_split **out,
                        dg_err *err);

/**
 * Next record that is not blank. LOCAL.
 *
 * @param[out] outcome  DG_OUTCOME_REJECT: broken quotes, NUL bytes, or too long
 * @param[out] fields   DG_OUTCOME_RECORD only, else n == 0
 * @param[out] reject   its line is that of the record, good or bad; the rest is set on a reject
 *
 * Errors  those of dg_stream_read; DG_ERR_DATA a UTF-16 byte order mark.
 */
dg_status dg_split_next(dg_split *s, dg_outcome *outcome, dg_fields *fields, dg_reject *reject,
                        dg_err *err);

/** Lines begun so far. LOCAL. */
int64_t dg_split_lines(const dg_split *s);

/** First byte not yet read, in the decompressed content. LOCAL. */
int64_t dg_split_position(const dg_split *s);

/** Where the first record of the span was taken to begin, be it of the next span; DG_NO_RECORD
 * where no line begins from the span to its content's end, or to the span's own. LOCAL. */
int64_t dg_split_first(const dg_split *s);

/** Do lines end in CR alone, as far as the bytes at hand say? LOCAL. */
bool dg_split_has_bare_cr(const dg_split *s);

/** LOCAL, NULL-safe, twice-safe. */
void dg_split_close(dg_split **s);

#endif
