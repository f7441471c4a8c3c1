#include "models/als/rows.h"

#include "base/log.h"
#include "base/memory.h"
#include "comm/tree.h"
#include "dense/blas.h"
#include "models/als/weights.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { PANEL = 1024 }; /* entries gathered at a time; fixed, since sums follow it */

struct dg_als_workspace {
    int d;
    float *panel;  /* (PANEL, d) gathered features */
    float *scaled; /* (PANEL, d) the same times their weights */
    float *weight, *pull, *score;
    float *matrix; /* (d, d) */
    float *spare;  /* (d, d) the matrix before the factorisation, for a second try */
};

dg_status dg_als_workspace_create(int d, dg_als_workspace **out, dg_err *err)
{
    const size_t k = (size_t)d;
    dg_als_workspace *w = *out = dg_alloc(1, sizeof *w);
    if (w == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for row solves");
    w->d = d;
    w->panel = dg_alloc(PANEL * k, sizeof(float));
    w->scaled = dg_alloc(PANEL * k, sizeof(float));
    w->weight = dg_alloc(PANEL, sizeof(float));
    w->pull = dg_alloc(PANEL, sizeof(float));
    w->score = dg_alloc(PANEL, sizeof(float));
    w->matrix = dg_alloc(k * k, sizeof(float));
    w->spare = dg_alloc(k * k, sizeof(float));
    if (w->panel && w->scaled && w->weight && w->pull && w->score && w->matrix && w->spare)
        return DG_OK;
    dg_als_workspace_destroy(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for row solves of %d factors", d);
}

void dg_als_workspace_destroy(dg_als_workspace **w)
{
    if (*w == NULL) return;
    dg_free((*w)->panel);
    dg_free((*w)->scaled);
    dg_free((*w)->weight);
    dg_free((*w)->pull);
    dg_free((*w)->score);
    dg_free((*w)->matrix);
    dg_free((*w)->spare);
    dg_free(*w);
    *w = NULL;
}

/* Entries [first, first + n) of the row: features into the panel, weights and pulls beside them.
 * With biases the other side's bias moves to the target and its place becomes the feature 1. */
static void gather(const dg_als_side *s, dg_row row, int64_t first, int n, dg_als_workspace *w)
{
    const int d = w->d;
    for (int k = 0; k < n; k++) {
        float *f = w->panel + (size_t)k * (size_t)d;
        memcpy(f, dg_matrix_row(s->features, row.index[first + k]), (size_t)d * sizeof *f);
        const float value = row.value[first + k];
        if (s->options->loss == DG_ALS_RATINGS) {
            w->weight[k] = 1;
            w->pull[k] = (float)(value - s->mean) - (s->biases ? f[d - 1] : 0);
            if (s->biases) f[d - 1] = 1;
        } else {
            const dg_als_pair p = dg_als_pair_of(s->options, value);
            w->weight[k] = p.weight;
            w->pull[k] = p.pull;
        }
    }
}

/* Add the panel to the matrix (lower triangle) and the right side. */
static void accumulate(int n, dg_als_workspace *w, float *b)
{
    const int d = w->d;
    bool plain = true, negative = false;
    for (int k = 0; k < n; k++) {
        plain = plain && w->weight[k] == 1;
        negative = negative || w->weight[k] < 0;
    }
    dg_gemv_t_add(n, d, w->panel, w->pull, b);
    if (plain) {
        dg_syrk_add(n, d, w->panel, w->matrix);
        return;
    }
    for (int k = 0; k < n; k++) {
        const float scale = negative ? w->weight[k] : sqrtf(w->weight[k]);
        for (int j = 0; j < d; j++)
            w->scaled[(size_t)k * (size_t)d + (size_t)j] =
                scale * w->panel[(size_t)k * (size_t)d + (size_t)j];
    }
    if (negative)
        dg_gemm_tn_add(n, d, w->scaled, w->panel, w->matrix);
    else
        dg_syrk_add(n, d, w->scaled, w->matrix);
}

static int panel_size(dg_row row, int64_t first)
{
    return (int)(row.n - first < PANEL ? row.n - first : PANEL);
}

/* lambda counts the positives only where Spark is asked for. */
static double row_reg(const dg_als_side *s, dg_row row)
{
    int64_t counted = row.n;
    if (s->options->compat == DG_ALS_SPARK) {
        counted = 0;
        for (int64_t k = 0; k < row.n; k++) counted += dg_als_is_positive(row.value[k]);
    }
    return dg_als_row_reg(s->options, s->reg, counted, s->features->n_rows);
}

/* Factor and solve; a system singular in float gets a second try with a nudged diagonal. */
static bool solve_system(dg_als_workspace *w, float *x)
{
    const size_t d = (size_t)w->d;
    float top = 0;
    memcpy(w->spare, w->matrix, d * d * sizeof(float));
    memcpy(w->scaled, x, d * sizeof(float));
    bool good = dg_cholesky_solve(w->d, w->matrix, x);
    if (!good) {
        for (size_t j = 0; j < d; j++) top = fmaxf(top, w->spare[j * d + j]);
        for (size_t j = 0; j < d; j++) w->spare[j * d + j] += 1e-5f * top;
        memcpy(x, w->scaled, d * sizeof(float));
        good = dg_cholesky_solve(w->d, w->spare, x);
    }
    for (size_t j = 0; good && j < d; j++) good = isfinite(x[j]);
    return good;
}

static dg_als_row_loss measure(const dg_als_side *s, dg_row row, double reg, const float *x,
                               dg_als_workspace *w)
{
    dg_als_row_loss loss = {0};
    const dg_als_options *o = s->options;
    const double unseen = o->loss == DG_ALS_HKV ? o->unobserved_weight : 0;
    for (int64_t first = 0; first < row.n; first += PANEL) {
        const int n = panel_size(row, first);
        if (row.n > PANEL) gather(s, row, first, n, w); /* else the panel is still in place */
        dg_gemv(n, w->d, w->panel, x, w->score);
        for (int k = 0; k < n; k++) {
            const double score = w->score[k];
            const double target = o->loss == DG_ALS_RATINGS ? w->pull[k] : w->pull[k] != 0;
            loss.observed += (unseen + w->weight[k]) * (score - target) * (score - target);
            loss.counted_unseen += unseen * score * score;
        }
    }
    for (int j = 0; j < w->d; j++) loss.regularization += reg * x[j] * x[j];
    return loss;
}

bool dg_als_solve_row(const dg_als_side *s, dg_row row, dg_als_workspace *w, float *x,
                      dg_als_row_loss *loss)
{
    const size_t d = (size_t)w->d;
    memset(x, 0, d * sizeof *x);
    if (loss != NULL) *loss = (dg_als_row_loss){0};
    if (row.n == 0) return true; /* nothing pulls: the solution is zero */
    if (s->base != NULL)
        memcpy(w->matrix, s->base, d * d * sizeof *w->matrix);
    else
        memset(w->matrix, 0, d * d * sizeof *w->matrix);
    for (int64_t first = 0; first < row.n; first += PANEL) {
        gather(s, row, first, panel_size(row, first), w);
        accumulate(panel_size(row, first), w, x);
    }
    const double reg = row_reg(s, row);
    for (size_t j = 0; j < d; j++) w->matrix[j * d + j] += (float)reg;
    if (!solve_system(w, x)) return false;
    if (loss != NULL) *loss = measure(s, row, reg, x, w);
    return true;
}

/* ---- all rows of a side ---- */

typedef struct dg_half {
    const dg_als_side *side;
    const dg_csr *ratings;
    dg_matrix *solution;
    dg_als_row_loss *loss; /* (own rows,) or NULL */
    int64_t first_bad;     /* least row that could not be solved, or INT64_MAX */
} dg_half;

/* One thread's share of the own rows; which thread solves a row changes nothing. */
static void solve_share(dg_half *h, dg_als_workspace *w)
{
#pragma omp for schedule(dynamic, 16)
    for (int64_t r = h->ratings->begin; r < h->ratings->end; r++) {
        dg_als_row_loss *loss = h->loss == NULL ? NULL : h->loss + (r - h->ratings->begin);
        float *x = dg_matrix_row(h->solution, r);
        if (!dg_als_solve_row(h->side, dg_csr_row(h->ratings, r), w, x, loss)) {
#pragma omp critical
            h->first_bad = r < h->first_bad ? r : h->first_bad;
        }
        if ((r & 63) == 0 && omp_get_thread_num() == 0) dg_progress(r - h->ratings->begin, NULL);
    }
}

static dg_status solve_own(dg_half *h, const char *what, dg_err *err)
{
    dg_status st = DG_OK;
#pragma omp parallel
    {
        dg_als_workspace *w = NULL;
        dg_err own;
        const dg_status mine = dg_als_workspace_create(h->solution->n_cols, &w, &own);
        if (mine != DG_OK) {
#pragma omp critical
            {
                st = mine;
                *err = own;
            }
        }
#pragma omp barrier
        if (st == DG_OK) solve_share(h, w);
        dg_als_workspace_destroy(&w);
    }
    if (st == DG_OK && h->first_bad != INT64_MAX)
        st = DG_FAIL(err, DG_ERR_NUMERIC,
                     "%s row %lld: its system is not positive definite or not finite", what,
                     (long long)h->first_bad);
    return st;
}

/* Sum the rows' losses in row order within a shard, then over the tree of shards. */
static dg_status sum_loss(const dg_comm *c, const dg_shards *shards, const dg_half *h,
                          dg_als_row_loss *out, dg_err *err)
{
    dg_tree *tree = NULL;
    double sums[3];
    dg_status st = dg_agree(c, dg_tree_create(c, shards->n, 3, &tree, err), err);
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    for (int k = run.begin; k < run.end && st == DG_OK; k++) {
        double *leaf = dg_tree_leaf(tree);
        for (int64_t r = shards->begin[k]; r < shards->begin[k + 1]; r++) {
            const dg_als_row_loss *loss = h->loss + (r - h->ratings->begin);
            leaf[0] += loss->observed;
            leaf[1] += loss->counted_unseen;
            leaf[2] += loss->regularization;
        }
        dg_tree_push(tree);
    }
    if (st == DG_OK) {
        dg_tree_sum(tree, sums);
        *out = (dg_als_row_loss){sums[0], sums[1], sums[2]};
    }
    dg_tree_destroy(&tree);
    return st;
}

dg_status dg_als_solve_side(const dg_comm *c, const dg_als_side *s, const dg_shards *shards,
                            const dg_csr *ratings, dg_matrix *solution, dg_als_row_loss *loss,
                            const char *what, dg_err *err)
{
    dg_half h = {.side = s, .ratings = ratings, .solution = solution, .first_bad = INT64_MAX};
    dg_status st = DG_OK;
    if (loss != NULL) {
        h.loss = dg_alloc((size_t)(ratings->end - ratings->begin), sizeof *h.loss);
        if (h.loss == NULL) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the loss");
    }
    dg_progress_begin(what, "rows", ratings->end - ratings->begin);
    if (st == DG_OK) st = solve_own(&h, what, err);
    dg_progress_end();
    st = dg_agree(c, st, err);
    if (st == DG_OK) dg_matrix_publish(solution);
    if (st == DG_OK && loss != NULL) st = sum_loss(c, shards, &h, loss, err);
    dg_free(h.loss);
    return st;
}

/* ---- Gram ---- */

enum { GRAM_ROWS = 256 }; /* rows turned into doubles at a time; fixed, since sums follow it */

static void add_rows(const dg_matrix *m, int64_t begin, int64_t end, double *panel, double *gram)
{
    const int d = m->n_cols;
    for (int64_t r = begin; r < end; r += GRAM_ROWS) {
        const int n = (int)(end - r < GRAM_ROWS ? end - r : GRAM_ROWS);
        for (int k = 0; k < n; k++)
            for (int j = 0; j < d; j++)
                panel[(size_t)k * (size_t)d + (size_t)j] = dg_matrix_row(m, r + k)[j];
        dg_syrk_add_double(n, d, panel, gram);
    }
}

dg_status dg_als_gram(const dg_comm *c, const dg_shards *shards, const dg_matrix *m, double *out,
                      dg_err *err)
{
    const int d = m->n_cols;
    dg_tree *tree = NULL;
    double *panel = dg_alloc((size_t)GRAM_ROWS * (size_t)d, sizeof *panel);
    dg_status st = panel == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a Gram matrix")
                                 : dg_tree_create(c, shards->n, d * d, &tree, err);
    st = dg_agree(c, st, err);
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    for (int s = run.begin; s < run.end && st == DG_OK; s++) {
        add_rows(m, shards->begin[s], shards->begin[s + 1], panel, dg_tree_leaf(tree));
        dg_tree_push(tree);
    }
    if (st == DG_OK) {
        dg_tree_sum(tree, out);
        for (int i = 0; i < d; i++) /* mirror the lower triangle */
            for (int j = 0; j < i; j++)
                out[(size_t)j * (size_t)d + (size_t)i] = out[(size_t)i * (size_t)d + (size_t)j];
    }
    dg_tree_destroy(&tree);
    dg_free(panel);
    return st;
}
