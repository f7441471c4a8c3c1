/* ease.h - `ease`: a closed-form linear autoencoder over items, by one matrix inverse.
 *
 * Source  Steck 2019, "Embarrassingly shallow autoencoders for sparse data".
 *         docs/algorithms/ease.md has the formulas. */
#ifndef DG_MODELS_EASE_EASE_H
#define DG_MODELS_EASE_EASE_H
#include "models/model.h"

/* Same bits at an equal number of ranks and threads; weights within 1e-9 relative otherwise. */
extern const dg_model_class dg_ease_class;

#endif
