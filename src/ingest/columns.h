/* columns.h - a look at the columns of a file: what they seem to hold, and what is odd about them.
 */
#ifndef DG_INGEST_COLUMNS_H
#define DG_INGEST_COLUMNS_H
#include "table/dialect.h"
#include "table/record.h"
#include "table/source.h"

enum { DG_COLUMNS_ROWS = 20000, DG_COLUMNS_MAX = 64 };

/* What values look like; those from DG_LOOKS_MAIL on are about a person. */
typedef enum dg_looks {
    DG_LOOKS_TEXT,
    DG_LOOKS_NUMBER,
    DG_LOOKS_TIME,
    DG_LOOKS_MAIL,
    DG_LOOKS_PHONE,   /* "+44 20 7946 0000", "(020) 7946-0000", 11 digits of a Chinese mobile */
    DG_LOOKS_CARD,    /* 13 to 19 digits of a payment card, its check digit right */
    DG_LOOKS_ADDRESS, /* "192.0.2.7" of the Internet */
    DG_N_LOOKS
} dg_looks;

typedef struct dg_column {
    char name[64];           /* "" without a header; cut where it is longer */
    dg_looks looks;          /* of nearly all values */
    bool constant;           /* one value in all rows */
    bool unique;             /* every value once, in 100 rows or more */
    int64_t empty, distinct; /* values */
} dg_column;

typedef struct dg_columns {
    int64_t rows; /* looked at */
    int n;        /* columns, at most DG_COLUMNS_MAX; 0 for lists and mtx */
    dg_column at[DG_COLUMNS_MAX];
} dg_columns;

/** A word for it: "e-mail". LOCAL. */
const char *dg_looks_text(dg_looks looks);

/** What one value looks like. LOCAL. */
dg_looks dg_looks_of(dg_slice value);

/** Look at the first DG_COLUMNS_ROWS rows of a file; of jsonl and hdf5 at the paths that roles
 * are read from, the only ones known. LOCAL; holds their different values.
 *  @param[in] role  (DG_N_ROLES,) column of each, or NULL
 *  Errors as dg_rows_open and dg_rows_next; DG_ERR_NOMEM. */
dg_status dg_columns_look(const dg_source *source, const dg_dialect *d,
                          const char *const role[DG_N_ROLES], dg_columns *out, dg_err *err);

#endif
