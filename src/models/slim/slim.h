/* slim.h - `slim`: sparse item weights by elastic-net regression of every item on those like it.
 *
 * Source  Ning, Karypis 2011, "SLIM: sparse linear methods for top-N recommender systems"; solved
 * in covariance form, as Friedman, Hastie, Tibshirani 2010, "Regularization paths for generalized
 * linear models via coordinate descent". docs/algorithms/slim.md. */
#ifndef DG_MODELS_SLIM_SLIM_H
#define DG_MODELS_SLIM_SLIM_H
#include "models/model.h"

/* Same bits for any number of ranks and threads. */
extern const dg_model_class dg_slim_class;

#endif
