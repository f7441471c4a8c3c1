/* options.h - hyper-parameters of item-knn and user-knn. */
#ifndef DG_MODELS_NEIGHBORS_OPTIONS_H
#define DG_MODELS_NEIGHBORS_OPTIONS_H
#include "base/option.h"
#include "models/neighbors/similarity.h"

/* What is taken off a rating before it is averaged, and added to the average again. */
typedef enum dg_knn_center {
    DG_CENTER_NONE,
    DG_CENTER_USER, /* the mean of its user */
    DG_CENTER_ITEM, /* the mean of its item */
    DG_CENTER_BOTH  /* global mean, bias of the item, bias of the user */
} dg_knn_center;

typedef struct dg_knn_options {
    dg_similarity_options similarity;
    int prediction;   /* dg_tally_norm */
    int center;       /* dg_knn_center */
    int64_t k, min_k; /* neighbours that count in a prediction; fewer than min_k say nothing */
    double damping;   /* means are over n + damping ratings, so many of them the global mean */
} dg_knn_options;

enum { DG_KNN_N = 18 };
extern const dg_option dg_knn__options[DG_KNN_N];

/** Check what depends on each other. LOCAL. Errors DG_ERR_CONFIG. */
dg_status dg_knn__settle(void *options, dg_err *err);

#endif
