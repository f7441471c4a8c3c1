/* law.h - what a value means to alternating least squares: how much a pair counts, what it pulls
 * towards, and how a row's regularisation grows. Training and folding in share it.
 *
 * Source  Rendle et al. 2022; Hu, Koren, Volinsky 2008; Zhou et al. 2008. docs/algorithms/als.md */
#ifndef DG_ALS_LAW_H
#define DG_ALS_LAW_H
#include <stdbool.h>
#include <stdint.h>

/* Whose loss is minimised. `ratings`: Zhou et al. 2008. `ials`: Rendle et al. 2022, target 1 on the
 * observed part only. `hkv`: Hu, Koren, Volinsky 2008, confidence unobserved + observed. */
typedef enum dg_als_loss { DG_ALS_IALS, DG_ALS_HKV, DG_ALS_RATINGS } dg_als_loss;

typedef enum dg_als_confidence { DG_ALS_NONE, DG_ALS_LINEAR, DG_ALS_LOG } dg_als_confidence;

typedef enum dg_als_compat {
    DG_ALS_OURS,
    DG_ALS_IMPLICIT,
    DG_ALS_SPARK,
    DG_ALS_ONEDAL,
    DG_ALS_COMPAT_HKV
} dg_als_compat;

/* The same by name, in the order of the enums, NULL-terminated: of job files and artifacts. */
extern const char *const dg_als_losses[], *const dg_als_confidences[], *const dg_als_compats[];

typedef struct dg_als_law {
    int loss;                 /* dg_als_loss */
    int confidence;           /* dg_als_confidence */
    int compat;               /* dg_als_compat */
    double unobserved_weight; /* alpha0 */
    double alpha, epsilon;    /* confidence alpha*r, or log(1 + r/epsilon) */
    double reg_exponent;      /* nu: lambda times (weight of the row)^nu */
} dg_als_law;

/* A pair of value r with score s adds  weight * s^2 - 2 pull * s + …  to the loss. */
typedef struct dg_als_pair {
    float weight; /* c: on f f' in the row's matrix, beyond alpha0 */
    float pull;   /* t: on f in the right side */
} dg_als_pair;

/** Weight and pull of one implicit value. LOCAL. A value <= 0 is a dislike: it pulls towards 0. */
dg_als_pair dg_als_pair_of(const dg_als_law *law, float value);

/** Does the value count as a positive for Spark's lambda * n? LOCAL. */
bool dg_als_is_positive(float value);

/** lambda of a row: reg * n^nu, with n the number of its ratings (of its positives for spark), plus
 *  alpha0 * (columns) for the ials family at nu > 0. LOCAL. */
double dg_als_row_reg(const dg_als_law *law, double reg, int64_t n_counted, int64_t n_columns);

#endif
