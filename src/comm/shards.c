#include "comm/shards.h"

#include "base/memory.h"

int dg_shards_count(int64_t n_ratings)
{
    int n = DG_SHARDS_MIN;
    while (n < DG_SHARDS_MAX && n_ratings / n > (1 << 20)) n *= 2;
    return n;
}

dg_status dg_shards_create(int n, dg_shards *out, dg_err *err)
{
    out->n = n;
    out->begin = dg_alloc((size_t)n + 1, sizeof *out->begin);
    return out->begin == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%d shards", n) : DG_OK;
}

void dg_shards_destroy(dg_shards *s)
{
    dg_free(s->begin);
    *s = (dg_shards){0};
}

dg_run dg_shards_run(int n_shards, int rank, int size)
{
    return (dg_run){(int)((int64_t)rank * n_shards / size),
                    (int)((int64_t)(rank + 1) * n_shards / size)};
}

int dg_shards_owner(int n_shards, int shard, int size)
{
    int rank = (int)((int64_t)shard * size / n_shards);
    while (dg_shards_run(n_shards, rank, size).end <= shard) rank++;
    return rank;
}

dg_range dg_shards_rows(const dg_shards *s, int rank, int size)
{
    const dg_run run = dg_shards_run(s->n, rank, size);
    return (dg_range){s->begin[run.begin], s->begin[run.end]};
}

int dg_shards_find(const dg_shards *s, int64_t row)
{
    int low = 0, high = s->n - 1; /* the last shard whose first row is <= row */
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (s->begin[middle] <= row)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

int64_t dg_shards_cut_at(int64_t total, int part, int n)
{
    return total / n * part + total % n * part / n;
}

void dg_shards_cut(dg_shards *s, const int64_t *work, int64_t n_rows)
{
    int64_t total = 0, before = 0;
    int next = 1;
    for (int64_t r = 0; r < n_rows; r++) total += work[r];
    s->begin[0] = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        /* A row belongs to the shard that its first unit of work falls into. */
        while (next < s->n && before >= dg_shards_cut_at(total, next, s->n)) s->begin[next++] = r;
        before += work[r];
    }
    while (next <= s->n) s->begin[next++] = n_rows;
}
