/* ref_als.h - alternating least squares the slow way: dense, double, every pair visited.
 *
 * The systems are written out law by law as each library or paper publishes them; the losses are
 * written from what a pair weighs and aims at. Neither shares a line with src/models. */
#ifndef TESTS_REF_ALS_H
#define TESTS_REF_ALS_H
#include <stdbool.h>
#include <stdint.h>

typedef enum ref_law {
    REF_RATINGS,  /* Zhou et al. 2008, biases inside the row */
    REF_IALS,     /* Rendle et al. 2022, weight 1 */
    REF_IALS_LOG, /* the same, weight alpha log(1 + r / epsilon) */
    REF_HKV,      /* Rendle's system, Hu-Koren-Volinsky's right side: alpha0 + alpha r aims at 1 */
    REF_IMPLICIT, /* implicit 0.7, cpu/_als.pyx */
    REF_SPARK,    /* Spark 3, ml/recommendation/ALS.scala */
    REF_ONEDAL,   /* oneDAL, implicit_als_train_dense_default_batch_impl.i, CSR input */
    REF_PAPER_HKV /* Hu, Koren, Volinsky 2008, equation 4 */
} ref_law;

typedef struct ref_als {
    ref_law law;
    bool biases;               /* the last column is the row's bias (ratings only) */
    double alpha0;             /* weight of every pair (ials, hkv) */
    double alpha, epsilon;     /* confidence */
    double reg_user, reg_item; /* lambda of the sides */
    double nu;                 /* its exponent, where the law leaves it open */
    double mean;               /* global mean (ratings) */
    int d;                     /* columns of a row */
    int64_t n_users, n_items;
    const double *value;   /* (n_users, n_items) NaN where nothing was observed */
    double *users, *items; /* (n_users, d), (n_items, d) */
} ref_als;

typedef struct ref_loss {
    double observed, unobserved, regularization;
} ref_loss;

/** Solve a (d, d) x = b by Gaussian elimination with partial pivoting; x in b. False if singular.
 */
bool ref_solve(int d, double *a, double *b);

/** One row's solution from its law's published system; row `at` of the users, or of the items. */
bool ref_als_row(const ref_als *r, bool of_users, int64_t at, double *x);

/** Scores of all pairs without the mean: (n_users, n_items). */
void ref_als_scores(const ref_als *r, double *score);

/** One row's Newton step over columns [begin, begin + n), as iALS++ writes it (arXiv 2110.14044):
 * from the scores, which follow. False if singular. */
bool ref_als_block(ref_als *r, bool of_users, int64_t at, int begin, int n, double *score);

/** How far a row is from solving those columns of its law's system, as a share of the right side.
 */
double ref_als_residual(const ref_als *r, bool of_users, int64_t at, int begin, int n);

/** All of the loss, in its parts, from all pairs. */
ref_loss ref_als_loss(const ref_als *r);

static inline double ref_total(ref_loss l) { return l.observed + l.unobserved + l.regularization; }

/** Derivative of the loss by element k of a row, by central differences: exact but for rounding,
 *  since the loss is quadratic in a row. */
double ref_als_gradient(ref_als *r, bool of_users, int64_t at, int k);

#endif
