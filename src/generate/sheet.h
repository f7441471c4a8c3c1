/* sheet.h - one text file written by all ranks, piece by piece, with the same bytes on any number
 * of them. */
#ifndef DG_GENERATE_SHEET_H
#define DG_GENERATE_SHEET_H
#include "comm/comm.h"
#include "generate/lines.h"

enum { DG_SHEET_UNIT = 64 }; /* rows, or users, that are made in one go */

/* The file is the header and then every unit's rows in order; whoever makes a unit makes the same
 * bytes. */
typedef struct dg_sheet {
    const char *what;    /* name for the progress line */
    const char *header;  /* first line, newline included */
    int64_t n_units;     /* fixed by the data */
    const int64_t *rows; /* (n_units,) rows of each unit, the same on every rank; NULL: 64 each */
    dg_status (*make)(void *from, int64_t unit, dg_lines *out, dg_err *err); /* LOCAL, appends */
    void *from;
} dg_sheet;

/** Units that hold n rows of 64. LOCAL. */
static inline int64_t dg_sheet_units(int64_t n) { return (n + DG_SHEET_UNIT - 1) / DG_SHEET_UNIT; }

/**
 * Write the file at `path`, replacing what stands there. COLLECTIVE; all ranks see one file system.
 *
 * @param[out] bytes  length of the file, same on every rank
 *
 * Cost    text of 65,536 rows per rank at a time; one agreement and one gather per such wave.
 * Errors  DG_ERR_CANTCREATE, DG_ERR_IO (fault site "write"), DG_ERR_NOMEM, or what `make` fails
 *         with; the file then stays behind incomplete: the caller removes it.
 */
dg_status dg_sheet_write(const dg_comm *c, const char *path, const dg_sheet *s, int64_t *bytes,
                         dg_err *err);

#endif
