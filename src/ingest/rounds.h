/* rounds.h - moving rows to their owners a few shards at a time, so that buffers stay small.
 *
 * In round k every rank receives the rows of the k-th part of its own run of shards. What arrives
 * in one exchange is grouped by source rank, hence in global input order; shards that are done are
 * never touched again. No result depends on the number of rounds. */
#ifndef DG_INGEST_ROUNDS_H
#define DG_INGEST_ROUNDS_H
#include "comm/shards.h"

enum {
    DG_ROUNDS = 32,           /* at most: buffers are this fraction of the data */
    DG_ROUND_BATCH = 1 << 18, /* ratings over all ranks: fewer are not worth a round */
};

typedef struct dg_rounds {
    const dg_shards *shards; /* borrowed */
    int size;                /* ranks */
    int n;
} dg_rounds;

/** The rounds that move n_ratings to the owners of shards; the same on every rank where n_ratings
 *  is. `batch` is DG_ROUND_BATCH where 0. LOCAL. */
dg_rounds dg_rounds_plan(const dg_shards *shards, int size, int64_t n_ratings, int64_t batch);

/** The shards that `rank` receives in round `round`; may be empty. LOCAL. */
dg_run dg_rounds_run(const dg_rounds *r, int round, int rank);

/** The rows of those shards. LOCAL. */
dg_range dg_rounds_rows(const dg_rounds *r, int round, int rank);

#endif
