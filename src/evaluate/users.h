/* users.h - the measures of each user, so that two models can be compared on the same users; and
 * the digest that says whether two evaluations had the same targets. */
#ifndef DG_EVALUATE_USERS_H
#define DG_EVALUATE_USERS_H
#include "evaluate/columns.h"

enum { DG_USERS_VERSION = 1 };

/* Zero-initialise; free with dg_user_metrics_free. Own users that were judged, in row order. */
typedef struct dg_user_metrics {
    int n_cols;
    int64_t n;
    int64_t *user; /* (n,) global rows */
    double *value; /* (n, n_cols) */
    size_t user_capacity, value_capacity;
} dg_user_metrics;

/** Columns that these options ask for. LOCAL. */
int dg_user_columns(const dg_evaluate_options *o);

/** Room for one more row of n_cols values, zeroed, of user `user`; NULL when out of memory. LOCAL.
 */
double *dg_user_metrics_add(dg_user_metrics *m, int64_t user);

/** LOCAL, twice-safe. */
void dg_user_metrics_free(dg_user_metrics *m);

/**
 * Digest of what a model is judged by: which users, which items of theirs with which values, who
 * has a history, whether what was seen is left out. Two datasets that hold out the same have the
 * same digest, however many other ratings they have. COLLECTIVE.
 *
 * Cost    8 n_items bytes a rank; one pass over the targets.
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_evaluate_split(const dg_comm *c, const dg_dataset *d, const dg_evaluate_options *o,
                            char hex[DG_HEX_SIZE], dg_err *err);

/**
 * Write a "daogou-metrics" file: `ids/user` and `value` (users, columns), users in the order of
 * (hash, id), which no dataset changes. COLLECTIVE. Errors as dg_writer_commit.
 * @param[in] inputs  digest of all it was made from
 * @param[in] split   dg_evaluate_split
 */
dg_status dg_user_metrics_write(const dg_comm *c, const dg_dataset *d, const dg_evaluate_options *o,
                                const dg_user_metrics *m, const char *inputs, const char *split,
                                const char *path, dg_err *err);

/* Such a file, whole, on one rank. Free with dg_user_table_free. */
typedef struct dg_user_table {
    int64_t n;
    int n_cols;
    char *columns; /* names with a blank after each */
    char *split;
    int64_t *offset; /* (n+1,) */
    char *bytes;     /* id of row r is bytes[offset[r] … offset[r+1]) */
    uint64_t *hash;  /* (n,) dg_id_hash of each */
    int64_t n_bytes;
    double *value; /* (n, n_cols) */
} dg_user_table;

/* A measure as sums over users: over / by, or its root. */
typedef struct dg_user_ratio {
    int over, by; /* columns */
    bool root;
} dg_user_ratio;

/** Read and check. LOCAL. Errors DG_ERR_NOINPUT, DG_ERR_DATA, DG_ERR_NOMEM. */
dg_status dg_user_table_read(const char *path, dg_user_table *out, dg_err *err);

/** Number of the column so named, -1 where there is none. LOCAL. */
int dg_user_table_column(const dg_user_table *t, const char *name);

/** What makes the measure so named ("rmse", "recall@10"); false where the file does not have it.
 *  LOCAL. */
bool dg_user_table_measure(const dg_user_table *t, const char *name, dg_user_ratio *out);

/** over / by, or its root; NAN where `by` is not above 0. LOCAL. */
double dg_user_ratio_value(const dg_user_ratio *r, double over, double by);

/** Have both the same users in the same order? LOCAL. */
bool dg_user_table_pairs(const dg_user_table *a, const dg_user_table *b);

/** LOCAL, twice-safe. */
void dg_user_table_free(dg_user_table *t);

#endif
