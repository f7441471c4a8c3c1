/* rows.h - a catalogue (items.csv, users.csv, ...) row by row, as text. */
#ifndef DG_TABLE_ROWS_H
#define DG_TABLE_ROWS_H
#include "table/record.h"

typedef struct dg_rows dg_rows;

/* Slices are valid until the next call. */
typedef struct dg_table_row {
    dg_outcome outcome;
    const dg_slice *field; /* (n_wanted,) in the order asked for, UTF-8, may be empty */
    int64_t line;          /* of the row's first byte in the file, from 1 */
    const dg_reject *reject;
} dg_table_row;

/**
 * Open a whole catalogue. LOCAL; memory as in record.h.
 *
 * @param[in]  source  borrowed until dg_rows_close
 * @param[in]  wanted  (n_wanted,) names in the header, else numbers from 1; not kept
 *
 * Errors  as dg_layout_read; DG_ERR_DATA also for a file without any row.
 */
dg_status dg_rows_open(const dg_source *source, const dg_dialect *d, const char *const *wanted,
                       int32_t n_wanted, dg_rows **out, dg_err *err);

/** Next row or reject. LOCAL. Errors those of stream.h, then no further call. */
dg_status dg_rows_next(dg_rows *r, dg_table_row *out, dg_err *err);

/** LOCAL, NULL-safe, twice-safe. */
void dg_rows_close(dg_rows **r);

#endif
