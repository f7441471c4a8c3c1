#include "models/als/weights.h"

#include <math.h>

bool dg_als_is_positive(float value) { return value > 0; }

/* Observed confidence beyond the unseen weight: 1, alpha r, or alpha log(1 + r / epsilon). */
static double observed(const dg_als_options *o, double size)
{
    switch (o->confidence) {
    case DG_ALS_LINEAR: return o->alpha * size;
    case DG_ALS_LOG: return o->alpha * log1p(size / o->epsilon);
    default: return 1;
    }
}

dg_als_pair dg_als_pair_of(const dg_als_options *o, float value)
{
    /* oneDAL takes alpha * r as it is; everybody else takes the size of a dislike. */
    const double size = o->compat == DG_ALS_ONEDAL ? value : fabs(value);
    double weight = observed(o, size);
    if (o->compat == DG_ALS_IMPLICIT)
        weight -= 1; /* its confidence alpha * r includes the unseen 1 */
    const double whole = o->loss == DG_ALS_HKV ? o->unobserved_weight + weight : weight;
    return (dg_als_pair){(float)weight, dg_als_is_positive(value) ? (float)whole : 0};
}

double dg_als_row_reg(const dg_als_options *o, double reg, int64_t n_counted, int64_t n_columns)
{
    const bool spread =
        o->loss == DG_ALS_IALS || (o->loss == DG_ALS_HKV && o->compat == DG_ALS_OURS);
    const double n = (double)n_counted + (spread ? o->unobserved_weight * (double)n_columns : 0);
    if (o->reg_exponent == 0) return reg;
    return o->reg_exponent == 1 ? reg * n : reg * pow(n, o->reg_exponent);
}
