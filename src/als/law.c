#include "als/law.h"

#include <math.h>
#include <stddef.h>

const char *const dg_als_losses[] = {"ials", "hkv", "ratings", NULL};
const char *const dg_als_confidences[] = {"none", "linear", "log", NULL};
const char *const dg_als_compats[] = {"none", "implicit", "spark", "onedal", "hkv", NULL};

bool dg_als_is_positive(float value) { return value > 0; }

/* Observed confidence beyond the unseen weight: 1, alpha r, or alpha log(1 + r / epsilon). */
static double observed(const dg_als_law *law, double size)
{
    switch (law->confidence) {
    case DG_ALS_LINEAR: return law->alpha * size;
    case DG_ALS_LOG: return law->alpha * log1p(size / law->epsilon);
    default: return 1;
    }
}

dg_als_pair dg_als_pair_of(const dg_als_law *law, float value)
{
    /* oneDAL takes alpha * r as it is; everybody else takes the size of a dislike. */
    const double size = law->compat == DG_ALS_ONEDAL ? value : fabs(value);
    double weight = observed(law, size);
    if (law->compat == DG_ALS_IMPLICIT)
        weight -= 1; /* its confidence alpha * r includes the unseen 1 */
    const double whole = law->loss == DG_ALS_HKV ? law->unobserved_weight + weight : weight;
    return (dg_als_pair){(float)weight, dg_als_is_positive(value) ? (float)whole : 0};
}

double dg_als_row_reg(const dg_als_law *law, double reg, int64_t n_counted, int64_t n_columns)
{
    const bool spread =
        law->loss == DG_ALS_IALS || (law->loss == DG_ALS_HKV && law->compat == DG_ALS_OURS);
    const double n = (double)n_counted + (spread ? law->unobserved_weight * (double)n_columns : 0);
    if (law->reg_exponent == 0) return reg;
    return law->reg_exponent == 1 ? reg * n : reg * pow(n, law->reg_exponent);
}
