#include "models/als/rows.h"

#include "als/law.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/spent.h"
#include "base/stop.h"
#include "comm/tree.h"
#include "dense/blas.h"
#include "models/als/long.h"
#include "models/als/routes.h"
#include "models/als/system.h"

#include <math.h>
#include <omp.h>
#include <string.h>

double dg_als_lambda(const dg_als_side *s, dg_row row)
{
    int64_t counted = row.n;
    if (s->options->law.compat == DG_ALS_SPARK) {
        counted = 0;
        for (int64_t k = 0; k < row.n; k++) counted += dg_als_is_positive(row.value[k]);
    }
    return dg_als_row_reg(&s->options->law, s->reg, counted, s->features->n_rows);
}

void dg_als__tally(const dg_als_side *s, int slot, int n, const dg_als_workspace *w,
                   dg_als_row_loss *loss)
{
    const dg_als_options *o = s->options;
    const double unseen = o->law.loss == DG_ALS_HKV ? o->law.unobserved_weight : 0;
    for (int k = 0; k < n; k++) {
        const double score = w->score[k], pull = w->pull[slot + k];
        const double target = o->law.loss == DG_ALS_RATINGS ? pull : pull != 0;
        loss->observed += (unseen + w->weight[slot + k]) * (score - target) * (score - target);
        loss->counted_unseen += unseen * score * score;
    }
}

void dg_als__observe(const dg_als_side *s, int n, dg_als_workspace *w, dg_als_row_loss *loss)
{
    w->kernels->score(n, w->width, w->panel, w->x, w->score);
    dg_als__tally(s, 0, n, w, loss);
}

static dg_als_row_loss measure(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w)
{
    dg_als_row_loss loss = {.observed = w->observed ? w->seen : 0};
    const bool pass = s->observes && !w->observed;
    for (int64_t first = 0; pass && first < row.n; first += w->capacity) {
        const int n = dg_als__part(w, row, first);
        if (row.n > w->capacity)
            dg_als__gather(s, row, first, 0, n, w); /* else it is still in place */
        dg_als__observe(s, n, w, &loss);
    }
    for (int j = 0; j < w->d; j++) loss.regularization += reg * w->x[j] * w->x[j];
    dg_spent_lap(DG_PHASE_LOSS, 1, pass ? 2 * row.n * w->d : 0, 0);
    return loss;
}

bool dg_als_solve_row(const dg_als_side *s, dg_row row, dg_als_workspace *w, float *x,
                      dg_als_row_loss *loss)
{
    const size_t d = (size_t)w->d;
    if (loss != NULL) *loss = (dg_als_row_loss){0};
    if (row.n == 0) { /* nothing pulls: the solution is zero */
        memset(x, 0, d * sizeof *x);
        return true;
    }
    const double reg = dg_als_lambda(s, row);
    const dg_als_route route = s->diagonal == NULL
                                   ? DG_ALS_BY_CHOLESKY
                                   : dg_als__route(s->options, row.n, w->d, w->capacity);
    bool good = false;
    w->observed = false;
    memcpy(w->x, x, d * sizeof *x);
    if (route == DG_ALS_BY_DUAL) good = dg_als__dual(s, row, reg, w);
    if (route == DG_ALS_BY_CG) good = dg_als__cg(s, row, reg, w);
    if (!good) {
        w->observed = false;
        good = dg_als__cholesky(s, row, reg, w);
    }
    for (size_t j = 0; good && j < d; j++) good = isfinite(w->x[j]);
    if (!good) return false;
    memcpy(x, w->x, d * sizeof *x);
    if (loss != NULL) *loss = measure(s, row, reg, w);
    return true;
}

typedef struct dg_half {
    const dg_als_side *side;
    const dg_csr *ratings;
    dg_matrix *solution;
    dg_als_row_loss *loss; /* (own rows,) or NULL */
    int64_t first_bad;     /* least row that could not be solved, or INT64_MAX */
} dg_half;

/* The thread that started MPI lets transfers move on and tells how far it is. */
static void between_rows(const dg_half *h, int64_t r)
{
    if ((r & 15) != 0 || omp_get_thread_num() != 0) return;
    dg_matrix_poke(h->side->features);
    if ((r & 63) == 0) dg_progress(r - h->ratings->begin, NULL);
}

/* One thread's share of rows; which thread solves a row changes nothing. */
static void solve_share(dg_half *h, dg_range rows, dg_als_workspace *w)
{
    dg_spent_mark();
#pragma omp for schedule(dynamic, 16) nowait
    for (int64_t r = rows.begin; r < rows.end; r++) {
        if (dg_stop_now()) continue; /* the half is given up where ranks agree after it */
        if (dg_als_is_long(h->side->long_rows, dg_csr_row(h->ratings, r))) continue;
        dg_als_row_loss *loss = h->loss == NULL ? NULL : h->loss + (r - h->ratings->begin);
        float *x = dg_matrix_row(h->solution, r);
        if (!dg_als_solve_row(h->side, dg_csr_row(h->ratings, r), w, x, loss)) {
#pragma omp critical
            h->first_bad = r < h->first_bad ? r : h->first_bad;
        }
        between_rows(h, r);
    }
    dg_spent_flush();
}

/* Batch by batch, while the features of the next one are on their way: awaited in any case, as
 * other ranks count on it. */
static void solve_batches(dg_half *h, bool solve, dg_als_workspace *w)
{
    const dg_matrix *features = h->side->features;
    const dg_range all = {h->ratings->begin, h->ratings->end};
    for (int b = 0; b < dg_matrix_batches(features); b++) {
#pragma omp master
        {
            dg_spent_mark();
            dg_matrix_await(features, b);
            dg_spent_lap(DG_PHASE_EXCHANGE, 0, 0, 0);
        }
#pragma omp barrier
        if (solve) solve_share(h, dg_matrix_batch(features, b, all), w);
    }
}

static dg_status solve_own(dg_half *h, dg_err *err)
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
        solve_batches(h, st == DG_OK, w);
        dg_als_workspace_destroy(&w);
    }
    return st;
}

dg_status dg_als_sum_loss(const dg_comm *c, const dg_shards *shards, const dg_als_row_loss *own,
                          dg_als_row_loss *out, dg_err *err)
{
    dg_tree *tree = NULL;
    double sums[3];
    dg_status st = dg_agree(c, dg_tree_create(c, shards->n, 3, &tree, err), err);
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    const dg_als_row_loss *loss = own;
    for (int k = run.begin; k < run.end && st == DG_OK; k++) {
        double *leaf = dg_tree_leaf(tree);
        for (int64_t r = shards->begin[k]; r < shards->begin[k + 1]; r++, loss++) {
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

/* Rows with long histories. Where sums are sent all ranks take part, so they agree; where owners
 * gather, a rank fails alone, and is agreed on with the rest. */
static dg_status solve_long(const dg_comm *c, dg_half *h, dg_err *err)
{
    const dg_als_long *l = h->side->long_rows;
    if (l == NULL) return DG_OK;
    const dg_status st = dg_als_long_solve(l, h->side, h->solution, h->loss, &h->first_bad, err);
    return dg_als_long_sends(l) ? dg_agree(c, st, err) : st;
}

static dg_status name_bad(const dg_half *h, const char *what, dg_err *err)
{
    if (h->first_bad == INT64_MAX) return DG_OK;
    return DG_FAIL(err, DG_ERR_NUMERIC,
                   "%s row %lld: its system is not positive definite or not finite", what,
                   (long long)h->first_bad);
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
    st = dg_agree(c, st, err);
    const bool long_first = dg_als_long_sends(s->long_rows); /* they need no rows of other nodes */
    if (st == DG_OK && long_first) st = solve_long(c, &h, err);
    if (st == DG_OK) st = solve_own(&h, err);
    if (st == DG_OK && !long_first) st = solve_long(c, &h, err);
    if (st == DG_OK) st = name_bad(&h, what, err);
    dg_progress_end();
    st = dg_agree(c, st, err);
    dg_spent_lap(DG_PHASE_WAIT, 0, 0, 0);
    if (st == DG_OK && loss != NULL) st = dg_als_sum_loss(c, shards, h.loss, loss, err);
    dg_spent_lap(DG_PHASE_LOSS, 0, 0, 0);
    dg_free(h.loss);
    return st;
}
