#include "ingest/rounds.h"

dg_rounds dg_rounds_plan(const dg_shards *shards, int size, int64_t n_ratings, int64_t batch,
                         int most)
{
    const int64_t worth = n_ratings / batch + 1;
    return (dg_rounds){shards, size, worth < most ? (int)worth : most};
}

/* Row k of n belongs to round k * rounds / n: a round begins at the first row that reaches it. */
dg_range dg_rounds_rows(const dg_rounds *r, int round, int rank)
{
    const dg_range own = dg_shards_rows(r->shards, rank, r->size);
    const int64_t n = own.end - own.begin, up = r->n - 1;
    return (dg_range){own.begin + (round * n + up) / r->n,
                      own.begin + ((round + 1) * n + up) / r->n};
}

int dg_rounds_find(const dg_rounds *r, int rank, int64_t row)
{
    const dg_range own = dg_shards_rows(r->shards, rank, r->size);
    return (int)((row - own.begin) * r->n / (own.end - own.begin));
}
