/* forecast.h - what a sweep will take: bytes between ranks, memory, flops and time, before a run.
 *
 * Bytes are exact where the data is known, but for long rows solved by conjugate gradients, whose
 * number of steps is not known before. Memory and time are models; docs/performance.md says how far
 * they were off. */
#ifndef DG_MODELS_ALS_FORECAST_H
#define DG_MODELS_ALS_FORECAST_H
#include "comm/shards.h"
#include "models/als/options.h"

/* Where a job is to run. */
typedef struct dg_als_machines {
    int ranks, ranks_per_node, threads; /* of a rank */
    double node_bandwidth;              /* bytes a second into a node */
    double latency;                     /* seconds a message */
} dg_als_machines;

/* One side being solved from the other. Counts are whole where they come from data. */
typedef struct dg_als_side_counts {
    double rows, entries;           /* of all ranks */
    double most_rows, most_entries; /* of the rank that has most */
    double long_rows[2];            /* by their matrix, by conjugate gradients */
    double long_entries;
    double needed[2]; /* rows of the other side that nodes get from others: by all rows, by all but
                         the long ones */
    double most_needed[2]; /* of the node that gets most */
    double sums;           /* bytes that long rows' sums take, received by all ranks */
    double flops[3];       /* by Cholesky, in the dual, by conjugate gradients */
    double nanoseconds;    /* of one core */
} dg_als_side_counts;

/* What is known of the data. */
typedef struct dg_als_data {
    int n_shards;
    double n_rows[2];           /* users, items */
    double other_bytes;         /* of the fullest rank: held-out ratings, ids */
    dg_als_side_counts side[2]; /* users being solved, items being solved */
} dg_als_data;

/* One side's ratings as a file has them, all rows. */
typedef struct dg_als_ratings {
    const dg_shards *solved, *other;
    const int64_t *ptr;   /* (rows + 1,) */
    const int32_t *index; /* (entries,) */
} dg_als_ratings;

/** Count a side of real data. LOCAL. Cost one pass over the ratings for each way, and a byte a row
 *  of the other side. Errors DG_ERR_NOMEM. */
dg_status dg_als_count_side(const dg_als_options *o, const dg_als_machines *m,
                            const dg_als_ratings *ratings, bool users, dg_als_side_counts *out,
                            dg_err *err);

/** Guess the data of a shop with so many users, items and ratings: popularity of the r-th item
 *  1 / (r + 10), activity of a user u^(-1/3) - 1 for u even between 0 and 1 (docs/generate.md).
 *  LOCAL. */
void dg_als_guess_data(const dg_als_options *o, const dg_als_machines *m, double users,
                       double items, double ratings, dg_als_data *out);

typedef enum dg_als_way {
    DG_ALS_WAY_REPLICATE,
    DG_ALS_WAY_ROWS,
    DG_ALS_WAY_SUMS,
    DG_ALS_WAYS
} dg_als_way;

typedef struct dg_als_forecast {
    dg_als_way way[2];                 /* chosen for solving users, items */
    bool possible[2][DG_ALS_WAYS];     /* sums: only where there are long rows */
    double rows_bytes[2][DG_ALS_WAYS]; /* factor rows all nodes receive in a half-sweep */
    double sums_bytes[2][DG_ALS_WAYS]; /* sums all ranks receive in a half-sweep */
    double end_bytes;                  /* sums after both halves */
    double rank_bytes, node_bytes;     /* peak memory */
    double factor_bytes, rating_bytes, work_bytes, process_bytes; /* of rank_bytes */
    double flops, compute_seconds, network_seconds, sweep_seconds;
} dg_als_forecast;

/** Put it together. LOCAL. */
void dg_als_forecast_make(const dg_als_options *o, const dg_als_machines *m, const dg_als_data *d,
                          dg_als_forecast *out);

/** "replicate", "rows", "rows and sums". LOCAL. */
const char *dg_als_way_name(dg_als_way way);

#endif
