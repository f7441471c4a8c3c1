/* listing.h - rows of a catalogue as a rank read them, and on their way to the owners of the rows.
 */
#ifndef DG_INGEST_LISTING_H
#define DG_INGEST_LISTING_H
#include "base/strings.h"
#include "comm/shards.h"

/* Zero-initialise but for n_columns; free with dg_listing_free. */
typedef struct dg_listing {
    int64_t n;          /* rows, in file order */
    int32_t *code;      /* (n,) whose row each is: a code of the rank's dictionary */
    int32_t n_columns;  /* the same on every rank */
    dg_strings *column; /* (n_columns,) n texts each; NULL while there is no row */
    size_t capacity;
} dg_listing;

/** Append a row. LOCAL. The caller then adds one text to each column.
 *  Errors DG_ERR_NOMEM. */
dg_status dg_listing_add(dg_listing *l, int32_t code, dg_err *err);

/**
 * Give every own row its texts: those of the first row listed for it, "" where there is none.
 * COLLECTIVE.
 *
 * @param[in]  l       rows read by this rank; ranks hold them in file order
 * @param[in]  row     global row of each code; all listed ones have a row
 * @param[in]  shards  of the rows, same on every rank
 * @param[out] out     (l->n_columns,) one text per row of this rank's shards each; caller frees
 *
 * Cost    16 bytes and the texts per listed row.
 * Errors  DG_ERR_NOMEM, agreed; `out` is then empty.
 */
dg_status dg_listing_deliver(const dg_comm *c, const dg_listing *l, const int64_t *row,
                             const dg_shards *shards, dg_strings *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_listing_free(dg_listing *l);

#endif
