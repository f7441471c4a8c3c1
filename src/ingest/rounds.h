/* rounds.h - moving rows to their owners a few rows at a time, so that buffers stay small.
 *
 * In round k every rank receives the k-th part of its own rows. What arrives in one exchange is
 * grouped by source rank, hence in global input order; rows that are done are never touched again.
 * No result depends on the number of rounds. */
#ifndef DG_INGEST_ROUNDS_H
#define DG_INGEST_ROUNDS_H
#include "comm/shards.h"

enum { DG_ROUNDS = 1024 }; /* at most */

typedef struct dg_rounds {
    const dg_shards *shards; /* borrowed */
    int size;                /* ranks */
    int n;
} dg_rounds;

/**
 * Rounds of about `batch` ratings over all ranks. LOCAL, the same on every rank where n_ratings is.
 * @param[in]  most  1 .. DG_ROUNDS: rounds cost a scan each where data is not dealt to them first
 */
dg_rounds dg_rounds_plan(const dg_shards *shards, int size, int64_t n_ratings, int64_t batch,
                         int most);

/** The rows that `rank` receives in round `round`; may be none. LOCAL. */
dg_range dg_rounds_rows(const dg_rounds *r, int round, int rank);

/** The round in which a row is received by its owner `rank`. LOCAL. */
int dg_rounds_find(const dg_rounds *r, int rank, int64_t row);

#endif
