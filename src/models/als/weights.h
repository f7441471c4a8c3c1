/* weights.h - what a value means: how much a pair counts, and what it pulls towards. */
#ifndef DG_MODELS_ALS_WEIGHTS_H
#define DG_MODELS_ALS_WEIGHTS_H
#include "models/als/options.h"

#include <stdint.h>

/* A pair of value r with score s adds  weight * s^2 - 2 pull * s + …  to the loss. */
typedef struct dg_als_pair {
    float weight; /* c: on f f' in the row's matrix, beyond alpha0 */
    float pull;   /* t: on f in the right side */
} dg_als_pair;

/** Weight and pull of one implicit value. LOCAL. A value <= 0 is a dislike: it pulls towards 0. */
dg_als_pair dg_als_pair_of(const dg_als_options *o, float value);

/** Does the value count as a positive for Spark's lambda * n? LOCAL. */
bool dg_als_is_positive(float value);

/** lambda of a row: reg * n^nu, with n the number of its ratings (of its positives for spark), plus
 *  alpha0 * (columns) for the ials family at nu > 0. LOCAL. */
double dg_als_row_reg(const dg_als_options *o, double reg, int64_t n_counted, int64_t n_columns);

#endif
