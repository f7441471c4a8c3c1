/* options.h - hyper-parameters of alternating least squares, both losses. */
#ifndef DG_MODELS_ALS_OPTIONS_H
#define DG_MODELS_ALS_OPTIONS_H
#include "als/law.h"
#include "base/option.h"

typedef enum dg_als_solver {
    DG_ALS_AUTO,
    DG_ALS_CHOLESKY,
    DG_ALS_DUAL,
    DG_ALS_CG,
    DG_ALS_IALSPP
} dg_als_solver;

/* Precision of the factors rows are solved from; what is solved is always float. */
typedef enum dg_als_precision { DG_ALS_AS_FITS, DG_ALS_F32, DG_ALS_F16 } dg_als_precision;

/* How factors travel between nodes, and what is done for long rows (exchange.h). No bit depends on
 * either. */
typedef enum dg_als_strategy {
    DG_ALS_EXCHANGE_AUTO,
    DG_ALS_REPLICATE,
    DG_ALS_ROWS
} dg_als_strategy;

typedef enum dg_als_sums { DG_ALS_SUMS_AUTO, DG_ALS_SUMS_SEND, DG_ALS_SUMS_GATHER } dg_als_sums;

typedef struct dg_als_options {
    int64_t n_factors, iterations;
    double reg, reg_user, reg_item; /* lambda; the sides' own are -1 where `reg` holds */
    dg_als_law law;
    double init_std;     /* sigma*: entries start as N(0, sigma*^2 / d) */
    bool biases;         /* user and item biases (ratings only) */
    int solver;          /* dg_als_solver */
    double cg_tolerance; /* of a row's loss at x = 0 */
    int gather;          /* dg_als_precision */
    int64_t block_size;  /* columns of a block of ialspp, before the cut is made even */
    int exchange;        /* dg_als_strategy */
    int partial_sums;    /* dg_als_sums */
} dg_als_options;

enum { DG_ALS_N_IALS = 19, DG_ALS_N_RATINGS = 14 };
extern const dg_option dg_als__ials_options[DG_ALS_N_IALS],
    dg_als__ratings_options[DG_ALS_N_RATINGS];

/** Make `compat` into the plain options it stands for; check what depends on each other. LOCAL.
 *  Errors DG_ERR_CONFIG. */
dg_status dg_als__settle_ials(void *options, dg_err *err);
dg_status dg_als__settle_ratings(void *options, dg_err *err);

#endif
