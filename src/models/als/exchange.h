/* exchange.h - how one side's factors get to the ranks that solve the other side's rows from them.
 *
 * `replicate`: every node gets all of them. `rows`: every node gets those its ratings name. Long
 * rows (long.h) either send their sums, and then name nothing, or are gathered by their owners.
 * Which one is least is measured before the first sweep; no bit depends on it. Internal to als/. */
#ifndef DG_MODELS_ALS_EXCHANGE_H
#define DG_MODELS_ALS_EXCHANGE_H
#include "models/als/long.h"
#include "models/als/table.h"

#include <jansson.h>

/* Bytes that all nodes together would receive in a half-sweep; -1 where that was not measured. */
typedef struct dg_als_volume {
    int64_t replicate, rows, rows_and_sums, sums;
} dg_als_volume;

typedef struct dg_als_exchange {
    dg_rows *rows;          /* the plan; NULL: replicate */
    bool sends;             /* long rows send sums */
    dg_als_long *long_rows; /* NULL where there are none */
    dg_csr ratings; /* the rows being solved; index: places in the table, own where `rows` */
    dg_als_volume volume;
} dg_als_exchange;

/**
 * Survey, choose and plan. COLLECTIVE.
 * @param[in] row_floats  floats a row of the table takes
 * @param[in] observes    the half measures the observed loss
 * Errors  DG_ERR_NOMEM; DG_ERR_UNAVAILABLE as dg_rows_plan; agreed.
 */
dg_status dg_als_exchange_create(const dg_nodes *nodes, const dg_als_half *half, int row_floats,
                                 bool observes, dg_als_exchange *out, dg_err *err);

/* What is to be done. */
typedef struct dg_als_choice {
    bool by_rows; /* else replicate */
    bool sends;   /* long rows send sums */
} dg_als_choice;

/** The way that moves least, out of those that the options allow. LOCAL. */
dg_als_choice dg_als_exchange_choose(const dg_als_options *o, int nodes, const dg_als_volume *v);

/** What was chosen, and what it was chosen from. LOCAL. */
json_t *dg_als_exchange_figures(const dg_als_exchange *x);

/** The same as one line of the log. LOCAL, rank 0 speaks. */
void dg_als_exchange_tell(const dg_als_exchange *x, const char *factors);

/** COLLECTIVE, twice-safe. */
void dg_als_exchange_destroy(dg_als_exchange *x);

#endif
