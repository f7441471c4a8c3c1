#include "models/als/options.h"

static const char *const losses[] = {"ials", "hkv", NULL}; /* those of behaviour */
static const char *const gathers[] = {"auto", "f32", "f16", NULL};
static const char *const solvers[] = {"auto", "cholesky", "dual", "cg", "ialspp", NULL};

static const char *const strategies[] = {"auto", "replicate", "rows", NULL};
static const char *const sums[] = {"auto", "send", "gather", NULL};

/* What peers call the same thing (docs/algorithms/als.md). */
static const char *const as_factors[] = {
    "rank",           "n_factors",     "nFactors", "n_components",
    "embedding_size", "embedding_dim", "features", "k",
    "num-latent",     "NFactors",      NULL};
static const char *const as_iterations[] = {"maxIter",      "maxIterations", "max_iter", "epochs",
                                            "train_epochs", "iters",         NULL};
static const char *const as_reg[] = {"regParam", "reg", "lambda", "lambda_", "lam", NULL};
static const char *const as_exponent[] = {"nu", "nu_star", "regularization_exp", NULL};
static const char *const as_unobserved[] = {"alpha0", NULL};
static const char *const as_confidence[] = {"confidence_scaling", NULL};
static const char *const as_alpha[] = {"weight", NULL};
static const char *const as_solver[] = {"solver_type", "linear_solver", NULL};
static const char *const as_block[] = {"ialspp_subspace_dimension", NULL};
static const char *const as_init[] = {"stddev", NULL};

#define FIELD(f) offsetof(dg_als_options, f)

#define SHARED_ROWS(iterations_, reg_)                                                             \
    {.key = "model.factors",                                                                       \
     .type = DG_OPT_INT,                                                                           \
     .offset = FIELD(n_factors),                                                                   \
     .fallback = "64",                                                                             \
     .min = 1,                                                                                     \
     .max = 8192,                                                                                  \
     .aliases = as_factors,                                                                        \
     .help = "latent dimensions d"},                                                               \
        {.key = "model.iterations",                                                                \
         .type = DG_OPT_INT,                                                                       \
         .offset = FIELD(iterations),                                                              \
         .fallback = iterations_,                                                                  \
         .min = 0,                                                                                 \
         .max = 100000,                                                                            \
         .aliases = as_iterations,                                                                 \
         .help = "sweeps; one sweep solves all users, then all items"},                            \
        {.key = "model.regularization",                                                            \
         .type = DG_OPT_REAL,                                                                      \
         .offset = FIELD(reg),                                                                     \
         .fallback = reg_,                                                                         \
         .min = 0,                                                                                 \
         .max = 1e9,                                                                               \
         .aliases = as_reg,                                                                        \
         .help = "lambda, of both sides"},                                                         \
        {.key = "model.reg_user",                                                                  \
         .type = DG_OPT_REAL,                                                                      \
         .offset = FIELD(reg_user),                                                                \
         .fallback = "-1",                                                                         \
         .min = -1,                                                                                \
         .max = 1e9,                                                                               \
         .help = "lambda of users; -1: regularization"},                                           \
        {.key = "model.reg_item",                                                                  \
         .type = DG_OPT_REAL,                                                                      \
         .offset = FIELD(reg_item),                                                                \
         .fallback = "-1",                                                                         \
         .min = -1,                                                                                \
         .max = 1e9,                                                                               \
         .help = "lambda of items; -1: regularization"},                                           \
        {.key = "model.reg_exponent",                                                              \
         .type = DG_OPT_REAL,                                                                      \
         .offset = FIELD(law.reg_exponent),                                                        \
         .fallback = "1",                                                                          \
         .min = 0,                                                                                 \
         .max = 2,                                                                                 \
         .aliases = as_exponent,                                                                   \
         .help = "nu: lambda is multiplied by (weight of the row)^nu; 0: plain"},                  \
        {.key = "model.init_std",                                                                  \
         .type = DG_OPT_REAL,                                                                      \
         .offset = FIELD(init_std),                                                                \
         .fallback = "0.1",                                                                        \
         .min = 0,                                                                                 \
         .max = 1e3,                                                                               \
         .aliases = as_init,                                                                       \
         .help = "start: N(0, init_std^2 / factors)"},                                             \
        {.key = "model.solver",                                                                    \
         .type = DG_OPT_CHOICE,                                                                    \
         .offset = FIELD(solver),                                                                  \
         .fallback = "auto",                                                                       \
         .choices = solvers,                                                                       \
         .aliases = as_solver,                                                                     \
         .help = "how rows are solved; auto: by their length and the factors"},                    \
        {.key = "model.cg_tolerance",                                                              \
         .type = DG_OPT_REAL,                                                                      \
         .offset = FIELD(cg_tolerance),                                                            \
         .fallback = "5e-5",                                                                       \
         .min = 1e-9,                                                                              \
         .max = 1,                                                                                 \
         .help = "cg goes on until a row's loss is so near its minimum, as a share of that at 0"}, \
        {.key = "model.block_size",                                                                \
         .type = DG_OPT_INT,                                                                       \
         .offset = FIELD(block_size),                                                              \
         .fallback = "128",                                                                        \
         .min = 1,                                                                                 \
         .max = 8192,                                                                              \
         .aliases = as_block,                                                                      \
         .help = "solver ialspp: columns of a block, at most factors"},                            \
        {.key = "model.exchange",                                                                  \
         .type = DG_OPT_CHOICE,                                                                    \
         .offset = FIELD(exchange),                                                                \
         .fallback = "auto",                                                                       \
         .choices = strategies,                                                                    \
         .speed_only = true,                                                                       \
         .help = "what nodes get of each other's factors: all, or the rows they need"},            \
        {.key = "model.partial_sums",                                                              \
         .type = DG_OPT_CHOICE,                                                                    \
         .offset = FIELD(partial_sums),                                                            \
         .fallback = "auto",                                                                       \
         .choices = sums,                                                                          \
         .speed_only = true,                                                                       \
         .help = "rows with long histories: ranks send sums, or the row's owner gathers"},         \
    {                                                                                              \
        .key = "model.gather", .type = DG_OPT_CHOICE, .offset = FIELD(gather), .fallback = "auto", \
        .choices = gathers,                                                                        \
        .help = "rows are solved from the other side's factors as f32, or rounded to f16; auto: "  \
                "f16 for large tables, exact routes always f32"                                    \
    }

const dg_option dg_als__ials_options[DG_ALS_N_IALS] = {
    SHARED_ROWS("16", "0.003"),
    {.key = "model.unobserved_weight",
     .type = DG_OPT_REAL,
     .offset = FIELD(law.unobserved_weight),
     .fallback = "0.1",
     .min = 0,
     .max = 1e6,
     .aliases = as_unobserved,
     .help = "alpha0: weight of every pair, seen or not, towards 0"},
    {.key = "model.loss",
     .type = DG_OPT_CHOICE,
     .offset = FIELD(law.loss),
     .fallback = "ials",
     .choices = losses,
     .help = "ials: target 1 on the observed part; hkv: on the whole confidence"},
    {.key = "model.confidence",
     .type = DG_OPT_CHOICE,
     .offset = FIELD(law.confidence),
     .fallback = "none",
     .choices = dg_als_confidences,
     .aliases = as_confidence,
     .help = "weight of an observed value r: 1, alpha*r, or alpha*log(1 + r/epsilon)"},
    {.key = "model.alpha",
     .type = DG_OPT_REAL,
     .offset = FIELD(law.alpha),
     .fallback = "1",
     .min = 0,
     .max = 1e9,
     .aliases = as_alpha,
     .help = "alpha of linear and log confidence"},
    {.key = "model.epsilon",
     .type = DG_OPT_REAL,
     .offset = FIELD(law.epsilon),
     .fallback = "1",
     .min = 1e-9,
     .max = 1e9,
     .help = "epsilon of log confidence"},
    {.key = "model.compat",
     .type = DG_OPT_CHOICE,
     .offset = FIELD(law.compat),
     .fallback = "none",
     .choices = dg_als_compats,
     .help = "read alpha and lambda as that library does"},
};

const dg_option dg_als__ratings_options[DG_ALS_N_RATINGS] = {
    SHARED_ROWS("15", "0.1"),
    {.key = "model.biases",
     .type = DG_OPT_BOOL,
     .offset = FIELD(biases),
     .fallback = "true",
     .help = "solve a user and an item bias beside the factors"},
};

static void settle_sides(dg_als_options *o)
{
    if (o->reg_user < 0) o->reg_user = o->reg;
    if (o->reg_item < 0) o->reg_item = o->reg;
}

/* Something must hold a row with fewer entries than factors in place, on either side. */
static dg_status check_solvable(const dg_als_options *o, dg_err *err)
{
    if (o->law.unobserved_weight > 0 || (o->reg_user > 0 && o->reg_item > 0)) return DG_OK;
    const char *key = o->reg_user > 0   ? "reg_item"
                      : o->reg_item > 0 ? "reg_user"
                                        : "regularization";
    return DG_FAIL(
        err, DG_ERR_CONFIG,
        "model.%s is 0%s: rows with fewer entries than factors have no single solution", key,
        o->law.loss == DG_ALS_RATINGS ? "" : ", and model.unobserved_weight is 0 as well");
}

dg_status dg_als__settle_ials(void *options, dg_err *err)
{
    dg_als_options *o = options;
    settle_sides(o);
    if (o->law.compat != DG_ALS_OURS) {
        /* All four weigh the unseen 1 and aim the whole confidence at 1. */
        o->law.loss = DG_ALS_HKV;
        o->law.confidence = DG_ALS_LINEAR;
        o->law.unobserved_weight = 1;
        o->law.reg_exponent =
            o->law.compat == DG_ALS_SPARK || o->law.compat == DG_ALS_ONEDAL ? 1 : 0;
    }
    return check_solvable(o, err);
}

dg_status dg_als__settle_ratings(void *options, dg_err *err)
{
    dg_als_options *o = options;
    settle_sides(o);
    o->law.loss = DG_ALS_RATINGS;
    o->law.unobserved_weight = 0;
    return check_solvable(o, err);
}
