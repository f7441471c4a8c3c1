/* shards.h - the fixed cut of rows that everything depends on instead of ranks.
 *
 * Rows are cut into S shards, a power of two chosen from the data's size alone; a rank owns a
 * contiguous run of them. File layout, random numbers, the order of sums and digests follow shards,
 * therefore the model's bits do not depend on the number of ranks (docs/architecture.md). */
#ifndef DG_COMM_SHARDS_H
#define DG_COMM_SHARDS_H
#include "comm/comm.h"

enum { DG_SHARDS_MIN = 64, DG_SHARDS_MAX = 4096 };

typedef struct dg_shards {
    int n;          /* shards, a power of two */
    int64_t *begin; /* (n+1,) first row of each shard; begin[n] = rows in all; same on every rank */
} dg_shards;

typedef struct dg_run { /* half-open run of shards */
    int begin, end;
} dg_run;

typedef struct dg_range { /* half-open range of global rows */
    int64_t begin, end;
} dg_range;

/** Shards for data of n ratings: 64, doubled up to 4096 while a shard would hold over 2^20. LOCAL.
 */
int dg_shards_count(int64_t n_ratings);

/** Room for n shards, begin zeroed. LOCAL; DG_ERR_NOMEM. */
dg_status dg_shards_create(int n, dg_shards *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_shards_destroy(dg_shards *s);

/** The shards `rank` of `size` owns: [rank*n/size, (rank+1)*n/size). LOCAL. */
dg_run dg_shards_run(int n_shards, int rank, int size);

/** The rank that owns a shard. LOCAL. */
int dg_shards_owner(int n_shards, int shard, int size);

/** Rows of a rank's run; of this rank with c->rank. LOCAL. */
dg_range dg_shards_rows(const dg_shards *s, int rank, int size);

/** The shard that holds a row. LOCAL, O(log n). */
int dg_shards_find(const dg_shards *s, int64_t row);

/** The work before shard `part` of n in an even cut of `total`: floor(total part / n), without
 *  overflow. A row belongs to the last shard whose value is <= the work before the row. LOCAL. */
int64_t dg_shards_cut_at(int64_t total, int part, int n);

/**
 * Cut rows so that every shard has about equal work. LOCAL (serial reference and small inputs).
 * Shapes  work (n_rows,) > 0. Cost O(n_rows). Source: prefix cuts at multiples of total/S.
 */
void dg_shards_cut(dg_shards *s, const int64_t *work, int64_t n_rows);

#endif
