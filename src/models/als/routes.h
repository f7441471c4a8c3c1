/* routes.h - which way a row is solved: a function of its length and the number of columns alone,
 * so that no bit depends on the machine's mood. Internal to als/. */
#ifndef DG_MODELS_ALS_ROUTES_H
#define DG_MODELS_ALS_ROUTES_H
#include "models/als/options.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum dg_als_route { DG_ALS_BY_CHOLESKY, DG_ALS_BY_DUAL, DG_ALS_BY_CG } dg_als_route;

/**
 * The cheapest route in the eigenbasis for a row of n entries and d columns. LOCAL.
 * Flops over rates: the rates are constants, measured by `daogou bench kernels`
 * (docs/performance.md). A solver the options name is taken where it can serve the row.
 * @param[in] capacity  entries a panel holds; longer rows are gathered anew at each step of CG
 */
dg_als_route dg_als__route(const dg_als_options *o, int64_t n, int d, int capacity);

/** What a row takes on one core by the model that chooses routes, and its useful flops. LOCAL. */
double dg_als__route_nanoseconds(dg_als_route route, double n, double d, bool fits);
double dg_als__route_flops(dg_als_route route, double n, double d);

#endif
