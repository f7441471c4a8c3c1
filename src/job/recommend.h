/* recommend.h - lists of goods from a trained model: for named users, or for everybody. */
#ifndef DG_JOB_RECOMMEND_H
#define DG_JOB_RECOMMEND_H
#include "job/selector.h"

typedef struct dg_recommend_options {
    int k;
    bool exclude_seen;       /* leave out what the user has in any part of the data */
    const dg_strings *users; /* ids; NULL for all users */
    dg_selector_options select;
} dg_recommend_options;

/**
 * Recommend to everybody: FOLDER/recommendations/part-NNNN.csv, one file per user shard, each
 * written by the shard's owner and renamed into place; "user,rank,item,score" with a header.
 * COLLECTIVE. Cost n_users n_items d flops; with filter or rules 512 bytes an item. Errors
 * DG_ERR_CANTCREATE, DG_ERR_IO, DG_ERR_NUMERIC.
 */
dg_status dg_recommend_all(dg_work *w, const dg_recommend_options *o, int64_t *n_users,
                           dg_err *err);

/**
 * Recommend to named users: the same lines, as text on rank 0, in the order of the dataset.
 * COLLECTIVE. Errors DG_ERR_NOINPUT an unknown user, named.
 */
dg_status dg_recommend_some(dg_work *w, const dg_recommend_options *o, dg_text *out, dg_err *err);

#endif
