/* knn.h - neighbourhood models: `item-knn` and `user-knn`, for ratings and for rankings.
 *
 * Source  Resnick et al. 1994, "GroupLens" (user_knn); Sarwar, Karypis, Konstan, Riedl 2001
 *         (item_knn). docs/algorithms/neighbors.md has the formulas. */
#ifndef DG_MODELS_NEIGHBORS_KNN_H
#define DG_MODELS_NEIGHBORS_KNN_H
#include "models/model.h"

/* Same bits for any number of ranks and threads. */
extern const dg_model_class dg_item_knn_class, dg_user_knn_class;

#endif
