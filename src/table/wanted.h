/* wanted.h - a file as a dialect reads it: of one that holds tables, the columns that are asked
 * for. */
#ifndef DG_TABLE_WANTED_H
#define DG_TABLE_WANTED_H
#include "table/dialect.h"
#include "table/source.h"

/* Zero-initialise; free with dg_wanted_free. It is not to be moved: its source points into it. */
typedef struct dg_wanted {
    dg_source source; /* to be opened in place of the file; path and reader are borrowed */
    dg_cutout cut;
    const char **column; /* (cut.n,) borrowed, each once */
} dg_wanted;

/**
 * What to open of a file. LOCAL.
 *
 * @param[in] column  (n,) in any order; NULL and repeated ones are passed over; only DG_FORMAT_HDF5
 *                    heeds them
 *
 * Errors  DG_ERR_CONFIG HDF5 read as something else; DG_ERR_DATA something else read as HDF5;
 *         DG_ERR_NOMEM.
 */
dg_status dg_wanted_find(dg_wanted *w, const dg_source *source, const dg_dialect *d,
                         const char *const *column, int32_t n, dg_err *err);

/** LOCAL, twice-safe. */
void dg_wanted_free(dg_wanted *w);

#endif
