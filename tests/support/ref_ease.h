/* ref_ease.h - EASE, slow and obvious: dense matrices, Gauss and Jordan, everything on every rank.
 */
#ifndef TESTS_REF_EASE_H
#define TESTS_REF_EASE_H
#include "made_dataset.h"

/** What the model reads of a user: train, or fold_in of a held-out one; 0 where there is nothing.
 */
double ref_profile(const made_shop *shop, int64_t user, int64_t item, bool binary);

/** X'X of the training part, (n_items, n_items); dg_free. */
double *ref_gram(const made_shop *shop, bool binary);

/** Weights b[j * n + i] of item j for item i; dg_free. Aborts on a singular matrix. */
double *ref_ease(const made_shop *shop, bool binary, double lambda);

/** Score of the item for the user by weights (n_items, n_items). */
double ref_score(const made_shop *shop, bool binary, const double *weights, int64_t user,
                 int64_t item);

#endif
