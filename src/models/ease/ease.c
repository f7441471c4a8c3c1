#include "models/ease/ease.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "linalg/symmetric.h"
#include "models/ease/gram.h"
#include "models/weights/columns.h"
#include "models/weights/model.h"
#include "ranking/topk.h"

#include <math.h>
#include <stdlib.h>

typedef struct dg_ease_options {
    double reg;
    int64_t keep; /* weights kept of a column; 0: see weights_to_keep */
    bool binary;
} dg_ease_options;

static const char *const as_reg[] = {"lambda", "l2_norm", "reg_weight", "reg", NULL};
static const char *const as_keep[] = {"top_m", "topk", NULL};

static const dg_option options_table[] = {
    {.key = "model.regularization",
     .type = DG_OPT_REAL,
     .offset = offsetof(dg_ease_options, reg),
     .fallback = "500",
     .min = 0,
     .max = 1e12,
     .aliases = as_reg,
     .help = "lambda, added to the diagonal of X'X"},
    {.key = "model.keep",
     .type = DG_OPT_INT,
     .offset = offsetof(dg_ease_options, keep),
     .fallback = "0",
     .min = 0,
     .max = INT32_MAX,
     .aliases = as_keep,
     .help = "largest weights kept of each item; 0: 2^24 in all, but at least 1000 an item"},
    {.key = "model.binary",
     .type = DG_OPT_BOOL,
     .offset = offsetof(dg_ease_options, binary),
     .fallback = "true",
     .help = "every rating counts 1; false: as much as its value"},
};

static const dg_ease_options *options_of(const dg_model *m) { return m->options; }

static dg_status create(const dg_comm *c, const dg_dataset *data, const void *options,
                        uint64_t seed, dg_model **out, dg_err *err)
{
    (void)seed;
    const dg_ease_options *o = options;
    return dg_weights_model_create(c, data, o, o->binary, "dropped", out, err);
}

/* How columns of the inverse become columns of weights. */
typedef struct dg_harvest {
    dg_columns columns;
    int64_t n, keep;
    double reg;
    dg_hit *room; /* (keep,) */
    float *size;  /* (n,) of one column's weights */
} dg_harvest;

/* A model of 2^24 weights is 128 MB: small enough to serve, and all there are of 4096 items. */
static int64_t weights_to_keep(const dg_ease_options *o, int64_t n)
{
    const int64_t few = (1 << 24) / n, keep = o->keep > 0 ? o->keep : few < 1000 ? 1000 : few;
    return keep < n - 1 ? keep : n - 1;
}

static dg_status prepare_harvest(const dg_model *m, int64_t n, dg_harvest *h, dg_err *err)
{
    const dg_weights *w = &m->weights;
    *h = (dg_harvest){.n = n, .keep = weights_to_keep(options_of(m), n), .reg = options_of(m)->reg};
    h->room = dg_alloc((size_t)h->keep, sizeof *h->room);
    h->size = dg_alloc((size_t)n, sizeof *h->size);
    if (h->room == NULL || h->size == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a column of %lld weights",
                       (long long)n);
    return dg_columns_create(dg_shards_rows(&w->data->items, w->comm->rank, w->comm->size), h->keep,
                             &h->columns, err);
}

static void free_harvest(dg_harvest *h)
{
    dg_columns_free(&h->columns);
    dg_free(h->room);
    dg_free(h->size);
}

static int by_index(const void *a, const void *b)
{
    const dg_hit *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* The items of the largest weights of a column, ascending, into h->room; *n of them. */
static dg_status select_largest(dg_harvest *h, int64_t j, const double *column, int *n, dg_err *err)
{
    const int32_t itself = (int32_t)j;
    for (int64_t i = 0; i < h->n; i++) h->size[i] = fabsf((float)(column[i] / column[j]));
    dg_topk best = dg_topk_start(h->room, (int)h->keep);
    const dg_status st = dg_topk_push(&best, h->size, 0, (int32_t)h->n, &itself, 1, err);
    if (st != DG_OK) return st;
    *n = dg_topk_finish(&best);
    while (*n > 0 && h->room[*n - 1].score == 0) --*n;
    qsort(h->room, (size_t)*n, sizeof *h->room, by_index);
    return DG_OK;
}

/* b_ij = -p_ij / p_jj. The loss of a column at its minimum is 1 / p_jj - lambda. */
static dg_status take_column(void *context, int64_t j, const double *column, dg_err *err)
{
    dg_harvest *h = context;
    int n = 0;
    double squares = 0, kept = 0;
    if (!(column[j] > 0) || !isfinite(column[j]))
        return DG_FAIL(err, DG_ERR_NUMERIC, "item row %lld: its element of the inverse is %g",
                       (long long)j, column[j]);
    const dg_status st = select_largest(h, j, column, &n, err);
    if (st != DG_OK) return st;
    for (int64_t i = 0; i < h->n; i++)
        if (i != j) squares += column[i] / column[j] * (column[i] / column[j]);
    for (int k = 0; k < n; k++) {
        const double b = -column[h->room[k].index] / column[j];
        dg_columns_add(&h->columns, h->room[k].index, (float)b);
        kept += b * b;
    }
    dg_columns_end(
        &h->columns,
        (dg_column_terms){.residual = 1 / column[j] - h->reg - h->reg * squares,
                          .regularization = h->reg * squares,
                          .squares = squares,
                          .dropped = n == h->keep && squares > kept ? squares - kept : 0});
    dg_progress(h->columns.next - h->columns.own.begin, NULL);
    return DG_OK;
}

static void add_to_diagonal(dg_symmetric *a, double value)
{
    const dg_tiles t = dg_symmetric_tiles(a);
    for (int r = 0; r < t.n_rows; r++) {
        const int32_t c = t.place_column[t.row[r]];
        if (c >= 0) t.at[c * t.stride + r] += value;
    }
}

/* (X'X + lambda)^-1 in `a`. COLLECTIVE. */
static dg_status invert(const dg_model *m, dg_symmetric *a, int64_t n, dg_err *err)
{
    const double started = dg_now();
    char spent[32];
    int64_t pivot = -1;
    dg_status st =
        dg_ease_gram(m->weights.comm, &m->weights.data->train, options_of(m)->binary, a, err);
    if (st != DG_OK) return st;
    add_to_diagonal(a, options_of(m)->reg);
    dg_log(DG_LOG_INFO, "gram", "X'X of %lld items took %s; inverting it, %.3g flops", (long long)n,
           dg_show_seconds(dg_now() - started, spent, sizeof spent), pow((double)n, 3));
    st = dg_symmetric_invert(a, &pivot, err);
    if (st == DG_ERR_NUMERIC && pivot >= 0) {
        st = DG_FAIL(err, st,
                     "ease: X'X + %g is singular at item row %lld: its column depends on those "
                     "before it",
                     options_of(m)->reg, (long long)pivot);
        dg_err_hint(err, st, "raise model.regularization (500 is a good start)");
    }
    return st;
}

/* COLLECTIVE. The matrix is gone before the weights change hands. */
static dg_status find_columns(const dg_model *m, int64_t n, dg_harvest *h, dg_err *err)
{
    const dg_comm *c = m->weights.comm;
    dg_symmetric *a = NULL;
    dg_status st = dg_symmetric_create(c, n, &a, err);
    if (st == DG_OK) st = invert(m, a, n, err);
    if (st == DG_OK) st = dg_agree(c, prepare_harvest(m, n, h, err), err);
    if (st == DG_OK) {
        dg_progress_begin("weights", "item", h->columns.own.end - h->columns.own.begin);
        st = dg_symmetric_columns(a, &m->weights.data->items, take_column, h, err);
        dg_progress_end();
    }
    dg_symmetric_destroy(&a);
    return st;
}

static void log_dropped(const dg_model *m, int64_t keep)
{
    if (m->figure == 0) return;
    dg_log_fields(DG_LOG_INFO, "dropped", json_pack("{s:f}", "frobenius", m->figure),
                  "kept the %lld largest weights of each item; the rest is %.3g %% of all "
                  "(Frobenius norm)",
                  (long long)keep, 100 * m->figure);
}

static dg_status sweep(dg_model *m, dg_loss *loss, dg_err *err)
{
    const dg_shards *items = &m->weights.data->items;
    dg_harvest h = {0};
    dg_column_terms sum = {0};
    dg_status st = find_columns(m, items->begin[items->n], &h, err);
    if (st == DG_OK) st = dg_columns_sum(m->weights.comm, items, h.columns.term, &sum, err);
    if (st == DG_OK) st = dg_weights_take_columns(&m->weights, &h.columns.own, err);
    free_harvest(&h);
    if (st != DG_OK) return st;
    *loss = (dg_loss){.observed = sum.residual, .regularization = sum.regularization};
    m->figure = sum.squares > 0 ? sqrt(sum.dropped / sum.squares) : 0;
    log_dropped(m, h.keep);
    return DG_OK;
}

const dg_model_class dg_ease_class = {
    .name = "ease",
    .summary = "closed-form item weights for behaviour: one inverse of items x items",
    .option = options_table,
    .options_size = sizeof(dg_ease_options),
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
