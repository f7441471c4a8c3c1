/* evaluate.h - judge a model on a part of the dataset held back from training.
 *
 * Lists: every item is ranked for every user with at least one target, ranking/metrics.h says
 * what is measured, and the measures are averaged over those users (each counts the same). Users
 * without any history (no train and no fold_in entry) are counted apart and not ranked: nothing
 * but popularity could rank for them. With exclude_seen, items of the user's train and fold_in
 * rows are not listed, and when test is judged those of valid neither: all of them are known by
 * then. A target that was seen stays a target, so an overlapping split costs recall visibly.
 * Values: rmse and mae are taken over all pairs of the part, those of users without history
 * included (what the model gives them is its answer), clipped to the scorer's range. Where all
 * training values lie from 0 to 1 they are labels: logloss, auc and gauc judge them as such.
 * Intervals: what is a mean over users comes with the middle 95 % of resamples of users
 * (registry/bootstrap.h). Slices: users by the length of their history, targets by the popularity
 * of their items (ranking/popularity.h). */
#ifndef DG_EVALUATE_EVALUATE_H
#define DG_EVALUATE_EVALUATE_H
#include "base/text.h"
#include "models/scorer.h"
#include "ranking/metrics.h"
#include "ranking/popularity.h"
#include "store/dataset.h"

enum { DG_EVALUATE_K = 32, DG_EVALUATE_K_MAX = 100000 }; /* most k's at once, and the largest */
enum { DG_HISTORIES = 7 };                               /* slices of users */
enum { DG_MEASURES = (DG_METRIC_OF_K + 3) * DG_EVALUATE_K + 5 };

typedef struct dg_evaluate_options {
    dg_part part;              /* DG_PART_VALID or DG_PART_TEST */
    int n_k, k[DG_EVALUATE_K]; /* ascending, each > 0 */
    dg_metric_set metrics;     /* rmse and mae go without saying where the scorer rates, and are
                                  not defined elsewhere: asked for or not makes no difference */
    bool exclude_seen;
    int resamples; /* for intervals; 0: none */
    int sampled;   /* more than 0: also rank each target among so many drawn items (sampled.h) */
    uint64_t seed; /* of both */
    const char *by_attribute; /* of items: slices by its texts into categories; NULL: none */
    struct dg_categories *categories; /* filled with them (evaluate/categories.h); on all ranks or
                                         none, with by_attribute */
    struct dg_user_metrics *each; /* filled with the measures of each own user (evaluate/users.h);
                                     NULL: not wanted. On all ranks or none */
} dg_evaluate_options;

typedef struct dg_measure {
    dg_metric metric;
    int k; /* 0 where the metric has none */
    double value;
    double low, high; /* interval; both 0 where there is none */
    int sampled;      /* among so many drawn items; 0: among all */
} dg_measure;

/* Users by their ratings in train and fold_in, from `least` to below the next one's. */
typedef struct dg_history_slice {
    int64_t least, users, targets; /* users ranked, and their targets; of raters, all of both */
    double value[DG_MEASURES];     /* as dg_metrics.at; NAN of what is no mean over users */
} dg_history_slice;

typedef struct dg_popularity_slice {
    int64_t items, targets;
    double recall[DG_EVALUATE_K]; /* hits of the group / its targets, at each k */
} dg_popularity_slice;

typedef struct dg_metrics {
    int64_t users;      /* with a target and a history: what averages are over */
    int64_t cold_users; /* with a target, without history */
    int64_t targets;    /* pairs of the part */
    int n;
    dg_measure at[DG_MEASURES]; /* (n,) those without a k first */
    dg_history_slice by_history[DG_HISTORIES];
    int n_k, k[DG_EVALUATE_K];
    dg_popularity_slice by_popularity[DG_ITEM_GROUPS]; /* users 0 and n_k 0: not there */
    int64_t resamples;
} dg_metrics;

/** Read evaluate.k and evaluate.metrics of a job: k sorted, doubles dropped. LOCAL.
 *  Errors DG_ERR_CONFIG naming the value. */
dg_status dg_evaluate_parse(const dg_strings *k, const dg_strings *metrics,
                            dg_evaluate_options *out, dg_err *err);

/**
 * Measure. COLLECTIVE; options and the dataset's shards are the same on every rank.
 *
 * @param[in]  scorer  of this rank; never called twice at a time
 * @param[out] out     the same bits on every rank, and for every number of ranks
 *
 * Cost    n_users n_items scores in all. A rank has 1 MB, 25 bytes an item, as many again for each
 *         three k's if exposure is asked for, and 25 bytes a column and resample; a user costs a
 *         dozen ns a resample and what evaluate/similar.h, auc.h and sampled.h say.
 * Errors  DG_ERR_DATA no user has a target, or none that has one has a history; DG_ERR_NUMERIC a
 *         score is not finite, naming user row and item; DG_ERR_NOMEM; the scorer's. Agreed.
 */
dg_status dg_evaluate(const dg_comm *c, const dg_dataset *d, const dg_scorer *scorer,
                      const dg_evaluate_options *o, dg_metrics *out, dg_err *err);

/** "ndcg@100" or "rmse" into buf, returned. LOCAL. */
const char *dg_measure_name(const dg_measure *m, char *buf, size_t n);

/** The measure so named, or NULL. LOCAL. */
const dg_measure *dg_metrics_find(const dg_metrics *m, const char *name);

/** Append the JSON object of metrics.json; numbers read back to the same bits. LOCAL. */
void dg_metrics_json(const dg_metrics *m, dg_text *out);

#endif
