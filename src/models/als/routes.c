#include "models/als/routes.h"

#include "models/als/rows.h"

bool dg_als_wants_basis(const dg_als_options *o)
{
    enum { MOST_EXACT = 32 }; /* few factors: assembling the matrix costs no more */
    return o->solver == DG_ALS_CG || o->solver == DG_ALS_DUAL ||
           (o->solver == DG_ALS_AUTO && o->n_factors > MOST_EXACT);
}

/* Nanoseconds of one core: useful flops over rates in GFLOP/s, as measured in docs/performance.md.
 */
static const double gram_rate = 110, pass_rate = 50, factor_rate = 35, bytes_rate = 20;

static double cholesky_cost(double n, double d)
{
    return n * d * d / gram_rate + d * d * d / 3 / factor_rate;
}

static double dual_cost(double n, double d)
{
    return (n * n * d) / gram_rate + n * n * n / 3 / factor_rate + 3 * n * d / pass_rate;
}

static double cg_cost(double n, double d, bool fits)
{
    enum { STEPS = 2 }; /* on average, beside the first residual */
    const double again = fits ? 0 : STEPS * n * d * 2 / bytes_rate;
    return (1 + STEPS) * 4 * n * d / pass_rate + again;
}

dg_als_route dg_als__route(const dg_als_options *o, int64_t n, int d, int capacity)
{
    const bool fits = n <= capacity;
    const double length = (double)n, columns = d;
    if (o->solver == DG_ALS_CG) return DG_ALS_BY_CG;
    const bool dual = n <= d && fits;
    if (o->solver == DG_ALS_DUAL) return dual ? DG_ALS_BY_DUAL : DG_ALS_BY_CHOLESKY;
    const double by_cg = cg_cost(length, columns, fits);
    if (dual && dual_cost(length, columns) < by_cg) return DG_ALS_BY_DUAL;
    return cholesky_cost(length, columns) < by_cg ? DG_ALS_BY_CHOLESKY : DG_ALS_BY_CG;
}

double dg_als__route_nanoseconds(dg_als_route route, double n, double d, bool fits)
{
    if (route == DG_ALS_BY_DUAL) return dual_cost(n, d);
    return route == DG_ALS_BY_CG ? cg_cost(n, d, fits) : cholesky_cost(n, d);
}

double dg_als__route_flops(dg_als_route route, double n, double d)
{
    if (route == DG_ALS_BY_DUAL) return n * n * d + n * n * n / 3;
    return route == DG_ALS_BY_CG ? 3 * 4 * n * d : n * d * d + d * d * d / 3;
}
