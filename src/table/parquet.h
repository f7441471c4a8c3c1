/* parquet.h - a Parquet file as the text of a csv file: a header, then its rows, as read by DuckDB.
 *
 * DuckDB's library is looked for when the first such file is opened: DAOGOU_DUCKDB names it, else
 * libduckdb.so is searched for as any library is. Nothing else of ours needs it. */
#ifndef DG_TABLE_PARQUET_H
#define DG_TABLE_PARQUET_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dg_parquet dg_parquet;

/** Does a file of these first and last four bytes say that it is one? LOCAL. */
bool dg_parquet_is(const void *head, const void *tail);

/**
 * Open one. LOCAL; one thread, rows in the file's order.
 *
 * Values are written as DuckDB casts them to text: numbers shortest, times as "2020-01-01
 * 00:00:00"; NULL as nothing. RFC 4180: separator ",", quote '"' where it is needed.
 *
 * Errors  DG_ERR_UNAVAILABLE no library; DG_ERR_DATA no such file, damaged; DG_ERR_NOMEM.
 */
dg_status dg_parquet_open(const char *path, dg_parquet **out, dg_err *err);

/** What comes next of the text, as dg_stream_read gives it. LOCAL; holds a few thousand rows. */
dg_status dg_parquet_read(dg_parquet *p, char *bytes, size_t capacity, size_t *n, dg_err *err);

/** LOCAL, NULL-safe, twice-safe. */
void dg_parquet_close(dg_parquet **p);

#endif
