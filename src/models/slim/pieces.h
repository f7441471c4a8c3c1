/* pieces.h - sparse rows whose lengths are known only when they are made, each a block of its own;
 * threads make them in any order. Internal to models/slim/. */
#ifndef DG_MODELS_SLIM_PIECES_H
#define DG_MODELS_SLIM_PIECES_H
#include "comm/shards.h"
#include "sparse/csr.h"

#include <stdbool.h>

typedef struct dg_piece_row {
    int64_t n;
    int32_t *index;
    float *value;
} dg_piece_row;

typedef struct dg_pieces {
    dg_range own;
    dg_piece_row *row; /* (own rows,) empty until made */
} dg_pieces;

/** Empty rows. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_pieces_create(dg_range own, dg_pieces *out, dg_err *err);

/** Room for n entries of a row, once. LOCAL, one thread a row. False where there is no memory. */
bool dg_pieces_room(dg_piece_row *row, int64_t n);

/** Join them, and free them on the way. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_pieces_join(dg_pieces *p, dg_csr *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_pieces_free(dg_pieces *p);

#endif
