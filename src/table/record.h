/* record.h - interactions (user, item, value, time, ...) out of a byte range of one file.
 *
 * Ranges cut a plain file anywhere: a record belongs to the range its first byte lies in, so the
 * records of adjoining ranges are those of the whole, each once. A range takes its first line for
 * its first record. A line break in quotes may prove it wrong: then dg_records_end of the range
 * before is not its dg_records_first, and it is to be read again from there. */
#ifndef DG_TABLE_RECORD_H
#define DG_TABLE_RECORD_H
#include "table/dialect.h"
#include "table/filter.h"
#include "table/reject.h"
#include "table/source.h"

typedef enum dg_role {
    DG_ROLE_USER,
    DG_ROLE_ITEM,
    DG_ROLE_VALUE,
    DG_ROLE_TIME,
    DG_ROLE_EVENT,
    DG_ROLE_SCENE,
    DG_N_ROLES
} dg_role;

/* Where things are in one file. Plain data, but for the paths of jsonl. */
typedef struct dg_layout {
    int64_t data_begin;         /* first byte after byte order mark and header */
    int64_t header_lines;       /* lines before data_begin */
    int32_t n_fields;           /* of the header, else of the first record; every record's number */
    int32_t column[DG_N_ROLES]; /* from 0, -1 where the file has none; unused for lists */
    bool empty;                 /* no record follows: nothing but a header, or blank lines */
    int32_t filtered[DG_FILTERS_MAX];              /* column of each filter, from 0 */
    const char *path[DG_N_ROLES + DG_FILTERS_MAX]; /* (n_fields,) jsonl, hdf5: of each column;
                                                      borrowed */
} dg_layout;

/**
 * Read a file's first lines and find the columns. LOCAL, reads a megabyte or so. Columns of jsonl
 * are the paths that are asked for; records may lack them.
 *
 * @param[in]  columns  (DG_N_ROLES,) name of each role's column in the header, else its number
 *                      from 1; NULL where the job names none. User and item are needed, except
 *                      that lists need and heed none
 * @param[in]  filters  whose columns are found too; NULL for none. Lists can have none
 * @param[out] out      defined on success only
 *
 * Errors  DG_ERR_CONFIG a column the header lacks (the text lists those there are, the hint has the
 *         nearest), user or item not named, a path that is none, a filter of lists; DG_ERR_DATA a
 * number beyond the first record's columns; DG_ERR_DATA nothing in the file, a broken header, a
 * named column twice in it, UTF-16; and those of stream.h.
 */
dg_status dg_layout_read(const dg_source *source, const dg_dialect *d,
                         const char *const columns[DG_N_ROLES], const dg_filters *filters,
                         dg_layout *out, dg_err *err);

typedef enum dg_outcome {
    DG_OUTCOME_END,    /* the range is done */
    DG_OUTCOME_RECORD, /* a good record */
    DG_OUTCOME_REJECT  /* a bad one, see reject */
} dg_outcome;

/* Slices are valid until the next call. */
typedef struct dg_record {
    dg_outcome outcome;
    dg_slice user, item;     /* UTF-8, 1 to DG_ID_MAX bytes */
    dg_slice event, scene;   /* UTF-8; n == 0 where the file or the record has none */
    float value;             /* finite; 1 where the file, or a record of jsonl, has none */
    int64_t time;            /* seconds since 1970 UTC; lists: place from 1; 0 where none */
    int64_t position;        /* unique and increasing in a file: byte offset of the record in the
                                decompressed content; lists: of the line, plus the item's place;
                                hdf5: in the text of the range */
    int64_t line;            /* of the record's first byte, counted as in dg_reject */
    const dg_reject *reject; /* DG_OUTCOME_REJECT only; valid until the next call */
} dg_record;

typedef struct dg_records dg_records;

/* Bytes of a file's content. */
typedef struct dg_bytes {
    int64_t begin, end;
    int64_t start; /* where the first record begins, where that is known; 0: at the first line */
} dg_bytes;

/**
 * Open the records that begin in [at.begin, at.end). LOCAL; holds at most 2 MiB (4 for
 * latin1) and 32 bytes per column, whatever the file holds.
 *
 * @param[in]  source  borrowed until dg_records_close
 * @param[in]  filters as the layout was read with, borrowed; NULL for none
 * @param[in]  at      0 <= begin <= size of the source; the range is empty unless end > begin.
 *                     All of a compressed source belongs to the range that holds byte 0,
 *                     but rows of hdf5 are dealt to ranges as dg_cutout says; they are its lines
 *
 * Errors  those of stream.h.
 */
dg_status dg_records_open(const dg_source *source, const dg_dialect *d, const dg_layout *layout,
                          const dg_filters *filters, dg_bytes at, dg_records **out, dg_err *err);

/**
 * Next record or reject of the range. LOCAL, no allocation once the widest line has been seen.
 * Blank lines are skipped, and rows that a filter passes over, whatever else is wrong with them but
 * the number of their columns; a user of a list without items is no record.
 *
 * Errors  those of stream.h, then no further call; a bad record is an outcome, never an error.
 */
dg_status dg_records_next(dg_records *r, dg_record *out, dg_err *err);

/** Lines of the range met so far, all of them after DG_OUTCOME_END; the range with begin 0 counts
 *  the header's. A line's number in its file is its number here plus the lines of all earlier
 *  ranges. LOCAL. */
int64_t dg_records_lines(const dg_records *r);

enum { DG_NO_RECORD = -1 };

/** Where the first record was taken to begin, and where the one behind the range begins, after
 *  DG_OUTCOME_END. The first is DG_NO_RECORD where a line passes through the whole range. LOCAL. */
int64_t dg_records_first(const dg_records *r);
int64_t dg_records_end(const dg_records *r);

/** Rows passed over so far by each filter: (filters->n,). LOCAL. */
const int64_t *dg_records_dropped(const dg_records *r);

/** LOCAL, NULL-safe, twice-safe. */
void dg_records_close(dg_records **r);

#endif
