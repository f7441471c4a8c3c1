#include "models/slim/slim.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stop.h"
#include "models/slim/column.h"
#include "models/slim/cooccurrence.h"
#include "models/slim/pieces.h"
#include "models/weights/model.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static const char *const as_l2[] = {"l2", "l2r", "beta", "lambda", NULL};
static const char *const as_l1[] = {"l1r", "l1_reg", NULL};
static const char *const as_candidates[] = {"neighbors", "nnbrs", NULL};
static const char *const as_tolerance[] = {"tol", "optTol", NULL};
static const char *const as_passes[] = {"max_iter", "niters", NULL};

static const dg_option options_table[] = {
    {.key = "model.regularization",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_slim_options, l2),
     .fallback = "200",
     .min = 0,
     .max = 1e12,
     .aliases = as_l2,
     .help = "weight of the squares of weights"},
    {.key = "model.l1",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_slim_options, l1),
     .fallback = "1",
     .min = 0,
     .max = 1e12,
     .aliases = as_l1,
     .help = "weight of the sum of weights: the larger, the fewer are not 0"},
    {.key = "model.candidates",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_slim_options, candidates),
     .fallback = "500",
     .min = 0,
     .max = INT32_MAX,
     .aliases = as_candidates,
     .help = "items tried for each item, the most similar by cosine; 0: all"},
    {.key = "model.tolerance",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_slim_options, tolerance),
     .fallback = "1e-5",
     .min = 0,
     .max = 1,
     .aliases = as_tolerance,
     .help = "by how much optimality may be missed, over the item's own count"},
    {.key = "model.passes",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_slim_options, passes),
     .fallback = "10000",
     .min = 1,
     .max = INT32_MAX,
     .aliases = as_passes,
     .help = "most passes over the candidates of an item"},
    {.key = "model.binary",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_slim_options, binary),
     .fallback = "true",
     .help = "every rating counts 1; false: as much as its value"},
};

static const dg_slim_options *options_of(const dg_model *m) { return m->options; }

static dg_status create(const dg_comm *c, const dg_dataset *data, const void *options,
                        uint64_t seed, dg_model **out, dg_err *err)
{
    (void)seed;
    const dg_slim_options *o = options;
    return dg_weights_model_create(c, data, o, o->binary, "violation", out, err);
}

/* Solving the own columns. */
typedef struct dg_solving {
    const dg_slim_options *options;
    const dg_node_csr *gram;
    float *diagonal; /* (n_items,) */
    dg_pieces found;
    dg_column_terms *term; /* (own items,) */
    double violation;      /* of own columns */
    int64_t n_open;        /* own columns that passes did not suffice for */
    dg_status status;      /* the first failure of a thread */
    dg_err *err;
} dg_solving;

static dg_status prepare(const dg_model *m, dg_solving *g, dg_err *err)
{
    const dg_range own =
        dg_shards_rows(&m->weights.data->items, m->weights.comm->rank, m->weights.comm->size);
    const int64_t n = g->gram->n_rows;
    g->diagonal = dg_alloc((size_t)n, sizeof *g->diagonal);
    g->term = dg_alloc((size_t)(own.end - own.begin), sizeof *g->term);
    if (g->diagonal == NULL || g->term == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for weights of items");
    for (int64_t i = 0; i < n; i++) {
        const dg_node_row row = dg_node_csr_row(g->gram, i);
        const int64_t e = dg_node_row_find(row, i);
        g->diagonal[i] = e < row.n && row.entry[e].index == i ? row.entry[e].value : 0;
    }
    return dg_pieces_create(own, &g->found, err);
}

static dg_status keep(dg_piece_row *out, const dg_slim_solution *s, int64_t j, dg_err *err)
{
    int64_t n = 0;
    if (!dg_pieces_room(out, s->n_positive))
        return DG_FAIL(err, DG_ERR_NOMEM, "item row %lld: out of memory for %lld weights",
                       (long long)j, (long long)s->n_positive);
    for (int64_t b = 0; b < s->n; b++) {
        if (s->weight[b] == 0) continue;
        out->index[n] = s->item[b];
        out->value[n++] = (float)s->weight[b];
    }
    return DG_OK;
}

static dg_status solve_one(dg_solving *g, dg_slim_solver *solver, int64_t j, dg_err *err)
{
    const int64_t k = j - g->found.own.begin;
    dg_slim_solution s;
    dg_status st = dg_slim_solve(solver, j, &s, err);
    if (st == DG_OK) st = keep(&g->found.row[k], &s, j, err);
    if (st != DG_OK) return st;
    g->term[k] = s.terms;
#pragma omp critical
    {
        g->violation = fmax(g->violation, s.violation);
        g->n_open += s.violation > g->options->tolerance;
    }
    return DG_OK;
}

static void fail(dg_solving *g, dg_status st, const dg_err *err)
{
#pragma omp critical
    if (g->status == DG_OK) {
        g->status = st;
        *g->err = *err;
    }
}

/* One thread's share; which thread solves a column changes nothing. */
static void solve_share(dg_solving *g)
{
    dg_slim_solver *solver = NULL;
    dg_err err = {.text = ""};
    dg_status st = dg_slim_solver_create(g->options, g->gram, g->diagonal, &solver, &err);
#pragma omp for schedule(dynamic, 4) nowait
    for (int64_t j = g->found.own.begin; j < g->found.own.end; j++) {
        if (st != DG_OK || dg_stop_now()) continue; /* agreed on afterwards */
        st = solve_one(g, solver, j, &err);
        if (omp_get_thread_num() == 0) dg_progress(j - g->found.own.begin, NULL);
    }
    if (st != DG_OK) fail(g, st, &err);
    dg_slim_solver_destroy(&solver);
}

static dg_status solve_own(dg_solving *g, dg_csr *out, dg_err *err)
{
    g->err = err;
    dg_progress_begin("weights", "item", g->found.own.end - g->found.own.begin);
#pragma omp parallel
    solve_share(g);
    dg_progress_end();
    return g->status == DG_OK ? dg_pieces_join(&g->found, out, err) : g->status;
}

/* The greatest of all ranks; bits of positive doubles are ordered as the doubles are. */
static double greatest(const dg_comm *c, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    dg_max_int64(c, &bits, 1);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void tell(dg_model *m, const dg_solving *g, int64_t n_weights)
{
    const dg_comm *c = m->weights.comm;
    int64_t count[] = {n_weights, g->n_open};
    dg_sum_int64(c, count, 2);
    m->figure = greatest(c, g->violation);
    dg_log_fields(
        DG_LOG_INFO, "weights",
        json_pack("{s:I, s:f}", "weights", (json_int_t)count[0], "violation", m->figure),
        "%lld weights above 0, %.1f an item; optimality holds within %.2g of an item's count",
        (long long)count[0], (double)count[0] / (double)g->gram->n_rows, m->figure);
    if (count[1] > 0)
        dg_log(DG_LOG_WARN, "open", "%lld items need more than %lld passes to hold %.2g",
               (long long)count[1], (long long)options_of(m)->passes, options_of(m)->tolerance);
}

static dg_status sweep(dg_model *m, dg_loss *loss, dg_err *err)
{
    const dg_comm *c = m->weights.comm;
    const dg_dataset *d = m->weights.data;
    dg_node_csr gram = {0};
    dg_csr own = {0};
    dg_column_terms sum = {0};
    dg_status st = dg_slim_cooccurrence(c, d, options_of(m)->binary, &gram, err);
    if (st != DG_OK) return st;
    dg_solving g = {.options = options_of(m), .gram = &gram};
    st = prepare(m, &g, err);
    if (st == DG_OK) st = solve_own(&g, &own, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_columns_sum(c, &d->items, g.term, &sum, err);
    if (st == DG_OK) st = dg_weights_take_columns(&m->weights, &own, err);
    if (st == DG_OK) {
        *loss = (dg_loss){.observed = sum.residual, .regularization = sum.regularization};
        tell(m, &g, dg_csr_count(&own));
    }
    dg_pieces_free(&g.found);
    dg_free(g.diagonal);
    dg_free(g.term);
    dg_csr_free(&own);
    dg_node_csr_destroy(&gram);
    return st;
}

const dg_model_class dg_slim_class = {
    .name = "slim",
    .summary = "sparse item weights for behaviour: every item regressed on those like it",
    .option = options_table,
    .options_size = sizeof(dg_slim_options),
    .n_options = sizeof options_table / sizeof *options_table,
    .sweeps = dg_weights_model_sweeps,
    .create = create,
    .sweep = sweep,
    .save = dg_weights_model_save,
    .load = dg_weights_model_load,
    .scorer = dg_weights_model_scorer,
    .export = dg_weights_model_export,
    .destroy = dg_weights_model_destroy,
};
