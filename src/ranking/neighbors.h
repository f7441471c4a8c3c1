/* neighbors.h - lists of neighbours, and scores from them: the same code trains, judges and serves.
 *
 * A row's list holds its nearest rows, best first; equal weights by row. */
#ifndef DG_RANKING_NEIGHBORS_H
#define DG_RANKING_NEIGHBORS_H
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct dg_neighbors {
    int64_t begin, end; /* rows held, global; the list of row r is [ptr[r-begin], ptr[r-begin+1]) */
    int64_t *ptr;       /* (end-begin+1,) ptr[0] = 0 */
    int32_t *index;     /* (n,) global row of the neighbour */
    float *weight;      /* (n,) similarity, descending; finite, not 0 */
} dg_neighbors;

/** Room for the lists of rows [begin, end), n neighbours in all; all zero. LOCAL. Errors
 *  DG_ERR_NOMEM. */
dg_status dg_neighbors_create(int64_t begin, int64_t end, int64_t n, dg_neighbors *out,
                              dg_err *err);

/** LOCAL, twice-safe. */
void dg_neighbors_free(dg_neighbors *l);

#endif
