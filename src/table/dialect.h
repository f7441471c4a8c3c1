/* dialect.h - how a text file is cut into fields. */
#ifndef DG_TABLE_DIALECT_H
#define DG_TABLE_DIALECT_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum dg_format {
    DG_FORMAT_CSV,   /* one record a line (more in quotes), the same number of fields in each */
    DG_FORMAT_LISTS, /* "user item item ..." in time order; runs of separators count as one */
    DG_FORMAT_MTX,   /* MatrixMarket coordinates, see mtx.h; likewise */
    DG_FORMAT_JSONL, /* an object a line; columns are paths of keys, see json.h */
    DG_FORMAT_HDF5   /* arrays of an HDF5 file; columns are their paths, and what is read of them is
                        csv of the default dialect, see wanted.h */
} dg_format;

typedef enum dg_encoding { DG_ENCODING_UTF8, DG_ENCODING_LATIN1 } dg_encoding;

/* Lines end in LF or CR LF. A UTF-8 byte order mark is skipped. Plain data: safe to copy. */
typedef struct dg_dialect {
    dg_format format;
    dg_encoding encoding;
    bool header;       /* the first line names the columns */
    char quote;        /* RFC 4180 quote of csv, '\0' for none; a doubled one stands for itself */
    char separator[8]; /* 1 to 7 bytes and a NUL */
} dg_dialect;

enum {
    DG_RECORD_MAX = 1 << 20, /* bytes; a longer record is rejected, never held in memory */
    DG_ID_MAX = 512          /* bytes of a user, item, event or scene in UTF-8 */
};

/* Borrowed bytes, not NUL-terminated. */
typedef struct dg_slice {
    const char *at;
    size_t n;
} dg_slice;

/** Comma, header, double quotes, UTF-8. LOCAL. */
dg_dialect dg_dialect_default(void);

/** Set the separator as a job spells it: any 1 to 7 bytes; a backslash and a t mean a tab. LOCAL.
 *  Errors DG_ERR_CONFIG empty, too long, or holding a quote, a line end or a NUL. */
dg_status dg_dialect_separate(dg_dialect *d, const char *separator, dg_err *err);

#endif
