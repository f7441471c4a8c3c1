/* popular.h - `popular`: the same goods for everybody, those chosen most. The yardstick of every
 * other model, and the least a shop can show. */
#ifndef DG_MODELS_POPULAR_POPULAR_H
#define DG_MODELS_POPULAR_POPULAR_H
#include "models/model.h"

/* The same bits for any number of ranks. One column of factors: 1 for users, popularity for items.
 */
extern const dg_model_class dg_popular_class;

#endif
