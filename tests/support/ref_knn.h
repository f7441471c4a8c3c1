/* ref_knn.h - predictions from neighbours, slow and obvious, straight from the formulas of
 * docs/algorithms/neighbors.md. */
#ifndef TESTS_REF_KNN_H
#define TESTS_REF_KNN_H
#include "models/neighbors/options.h"
#include "ref_similarity.h"

/** Predictions for all users and items, (n_users, n_items), of training values `m` (users as rows);
 *  dg_free when done. Pairs of equal similarity must not matter. */
double *ref_knn(const ref_matrix *m, bool of_users, const dg_knn_options *o);

#endif
