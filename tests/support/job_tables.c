#include "job_tables.h"

static const char *const solvers[] = {"auto", "cholesky", "cg", NULL};
static const char *const factor_names[] = {"rank", "n_components", NULL};

static const dg_option toy_rows[] = {
    {.key = "model.factors",
     .type = DG_OPT_INT,
     .offset = offsetof(toy_options, factors),
     .fallback = "128",
     .help = "length of a factor",
     .min = 1,
     .max = 8192,
     .aliases = factor_names},
    {.key = "model.regularization",
     .type = DG_OPT_REAL,
     .offset = offsetof(toy_options, regularization),
     .fallback = "0.003",
     .min = 0,
     .max = 1e9},
    {.key = "model.solver",
     .type = DG_OPT_CHOICE,
     .offset = offsetof(toy_options, solver),
     .fallback = "auto",
     .choices = solvers},
    {.key = "model.note", .type = DG_OPT_TEXT, .offset = offsetof(toy_options, note)},
};

typedef struct size_options {
    int64_t size;
} size_options;

static const dg_option plain_rows[] = {
    {.key = "model.size", .type = DG_OPT_INT, .offset = offsetof(size_options, size)},
};
static const dg_option generate_rows[] = {
    {.key = "generate.users",
     .type = DG_OPT_INT,
     .offset = offsetof(size_options, size),
     .fallback = "1000"},
};

static const dg_job_table models[] = {
    {"toy", toy_rows, sizeof toy_rows / sizeof *toy_rows, sizeof(toy_options), NULL},
    {"plain", plain_rows, 1, sizeof(size_options), NULL},
};
static const dg_job_table generate = {"generate", generate_rows, 1, sizeof(size_options), NULL};

const dg_job_tables toy_tables = {models, 2, &generate};
