#include "ingest/rounds.h"

dg_rounds dg_rounds_plan(const dg_shards *shards, int size, int64_t n_ratings, int64_t batch)
{
    const int longest = (shards->n + size - 1) / size;
    const int most = longest < DG_ROUNDS ? longest : DG_ROUNDS;
    const int64_t worth = n_ratings / (batch > 0 ? batch : DG_ROUND_BATCH) + 1;
    return (dg_rounds){shards, size, worth < most ? (int)worth : most};
}

dg_run dg_rounds_run(const dg_rounds *r, int round, int rank)
{
    const dg_run own = dg_shards_run(r->shards->n, rank, r->size);
    const int n = own.end - own.begin;
    return (dg_run){own.begin + round * n / r->n, own.begin + (round + 1) * n / r->n};
}

dg_range dg_rounds_rows(const dg_rounds *r, int round, int rank)
{
    const dg_run run = dg_rounds_run(r, round, rank);
    return (dg_range){r->shards->begin[run.begin], r->shards->begin[run.end]};
}
