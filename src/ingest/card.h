/* card.h - what a dataset is like, in numbers: how long its rows are, how unequal, what its values.
 *
 * Counts are whole numbers summed over ranks, so the card is the same on any number of them. */
#ifndef DG_INGEST_CARD_H
#define DG_INGEST_CARD_H
#include "comm/comm.h"
#include "store/dataset.h"

enum { DG_CARD_QUANTILES = 5, DG_CARD_LENGTHS = 16, DG_CARD_VALUES = 10 };

/* Of the rows of one side: how many training ratings each has. */
typedef struct dg_spread {
    int64_t rows, ratings;
    int64_t empty;                       /* rows without any: cold */
    int64_t most;                        /* of the longest row */
    int64_t quantile[DG_CARD_QUANTILES]; /* at dg_card_at, of the rows that are not empty */
    double gini;                         /* of the rows that are not empty, 0 equal .. 1 */
    double top_share;                    /* of all ratings, that the longest 1 % of rows have */
    int64_t length[DG_CARD_LENGTHS]; /* rows of [2^k, 2^(k+1)) ratings; the last takes the rest */
} dg_spread;

extern const double dg_card_at[DG_CARD_QUANTILES]; /* .1, .25, .5, .75, .9 */

typedef struct dg_card_attribute { /* of a column of attributes */
    int64_t missing;               /* rows without it */
    double least, most;            /* of numbers; least > most where all miss it */
} dg_card_attribute;

typedef struct dg_card {
    dg_card_attribute item[DG_ATTRIBUTES_MAX], user[DG_ATTRIBUTES_MAX]; /* as the dataset's */
    dg_spread users, items;
    double density;                /* ratings over users times items, both not empty */
    int64_t value[DG_CARD_VALUES]; /* training ratings in equal steps from value_min to value_max */
} dg_card;

/**
 * Describe the training part. COLLECTIVE, the same on every rank.
 *
 * Lengths up to 65,535 are counted exactly; longer ones to 1 part in 256, which is how near their
 * quantiles and their part of gini and top_share are.
 *
 * Cost    one pass over rows and values; 1.3 MB and sums of 155,000 counts.
 * Errors  DG_ERR_NOMEM, agreed.
 */
dg_status dg_card_make(const dg_comm *c, const dg_dataset *d, dg_card *out, dg_err *err);

#endif
