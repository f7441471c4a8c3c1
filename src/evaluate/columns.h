/* columns.h - the numbers kept of one user, from which every measure over users is made: sums of
 * columns over users, then one sum divided by another. Totals, slices, resamples and the file of
 * each user's measures all hold the same columns. */
#ifndef DG_EVALUATE_COLUMNS_H
#define DG_EVALUATE_COLUMNS_H
#include "evaluate/evaluate.h"

/* Columns that always are there. */
enum {
    DG_USER_RANKED,  /* 1 where a list was made, 0 for users without history */
    DG_USER_TARGETS, /* pairs */
    DG_USER_SQUARES, /* sum of squared errors of values; 0 where the model does not rate */
    DG_USER_MISSES,  /* sum of absolute errors */
    DG_USER_LISTS    /* first measure of a list */
};

enum { DG_USER_COLUMNS = DG_USER_LISTS + (DG_METRIC_OF_USER + 3) * DG_EVALUATE_K + 5 };

typedef struct dg_user_column {
    dg_metric metric;
    int k, sampled;
    int by;        /* column whose sum this one's is divided by; -1: no measure of its own */
    char name[40]; /* "recall@10", "targets" */
} dg_user_column;

typedef struct dg_user_layout {
    int n;
    int auc, logloss, sampled; /* first column of each, 0 where not asked for; auc: its sum, users,
                                  gauc's sum, weights */
    dg_user_column at[DG_USER_COLUMNS];
} dg_user_layout;

/** The columns that these options ask for. LOCAL. */
void dg_user_layout_make(const dg_evaluate_options *o, dg_user_layout *out);

/** The measure of column k from sums of all columns; NAN where there is nothing to divide by.
 * LOCAL. */
double dg_user_layout_value(const dg_user_layout *l, const double *sum, int k);

#endif
