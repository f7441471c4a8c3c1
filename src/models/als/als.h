/* als.h - alternating least squares: `als` for ratings, `ials` for behaviour.
 *
 * Source  ratings: Zhou, Wilkinson, Schreiber, Pan 2008, "Large-scale parallel collaborative
 *         filtering for the Netflix prize", with biases solved inside the row. Behaviour: Rendle,
 *         Krichene, Zhang, Koren 2022, "Revisiting the performance of iALS on item recommendation
 *         benchmarks"; Hu, Koren, Volinsky 2008, "Collaborative filtering for implicit feedback
 *         datasets". docs/algorithms/als.md has the formulas. */
#ifndef DG_MODELS_ALS_ALS_H
#define DG_MODELS_ALS_ALS_H
#include "models/model.h"

/* Same bits for any number of ranks and threads on the same instruction set and BLAS core. */
extern const dg_model_class dg_als_class, dg_ials_class;

#endif
