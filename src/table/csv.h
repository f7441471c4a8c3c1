/* csv.h - write csv as dg_dialect_default reads it, RFC 4180: for tables that become text. */
#ifndef DG_TABLE_CSV_H
#define DG_TABLE_CSV_H
#include "base/text.h"

/** Append a field, in quotes where it needs them; then dg_csv_end. LOCAL. */
void dg_csv_field(dg_text *t, const char *s, size_t n);

/** End a field, and the record where it is the last. LOCAL. */
static inline void dg_csv_end(dg_text *t, bool last) { dg_text_bytes(t, last ? "\n" : ",", 1); }

#endif
