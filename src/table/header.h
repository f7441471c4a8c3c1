/* header.h - the first line of a file: column names, and where the data begins. */
#ifndef DG_TABLE_HEADER_H
#define DG_TABLE_HEADER_H
#include "base/strings.h"
#include "table/dialect.h"
#include "table/source.h"

/* Zero-initialise; free with dg_header_free. */
typedef struct dg_header {
    dg_strings names;   /* (n_fields,) UTF-8; none where the dialect has no header */
    int64_t data_begin; /* first byte after byte order mark and header */
    int64_t lines;      /* before data_begin */
    int32_t n_fields;   /* of the header, else of the first good record */
    bool empty;         /* no record follows */
} dg_header;

/** Read the header, or the shape of the first record. LOCAL, reads a megabyte or so.
 *  Errors  DG_ERR_DATA nothing in the file, or a header (a whole file without one) that cannot be
 *          split; and those of stream.h. */
dg_status dg_header_read(const dg_source *source, const dg_dialect *d, dg_header *out, dg_err *err);

/**
 * Find a column by its name, else by its number from 1. LOCAL.
 *
 * @param[out] column  from 0
 *
 * Errors  DG_ERR_CONFIG no such column: the text lists those there are, the hint has the nearest
 *         name, or asks whether the separator is right; DG_ERR_DATA two columns of that name.
 */
dg_status dg_header_find(const dg_header *h, const dg_source *source, const dg_dialect *d,
                         const char *wanted, int32_t *column, dg_err *err);

/** LOCAL, twice-safe. */
void dg_header_free(dg_header *h);

#endif
