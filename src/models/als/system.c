#include "models/als/system.h"

#include "base/memory.h"
#include "base/spent.h"
#include "dense/blas.h"
#include "models/als/weights.h"

#include <math.h>
#include <string.h>

enum { PANEL_FLOATS = 1 << 18, MOST_ENTRIES = 4096, LEAST_ENTRIES = 256, AHEAD = 8, CG_STEPS = 4 };

static const float cg_tolerance = 0.05f; /* of the first residual, in the preconditioner's norm */

static int capacity_for(int width)
{
    const int n = PANEL_FLOATS / width;
    return n > MOST_ENTRIES ? MOST_ENTRIES : n < LEAST_ENTRIES ? LEAST_ENTRIES : n;
}

dg_status dg_als_workspace_create(int d, dg_als_workspace **out, dg_err *err)
{
    dg_als_workspace *w = *out = dg_alloc(1, sizeof *w);
    if (w == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for row solves");
    *w = (dg_als_workspace){.kernels = dg_panel(), .d = d, .width = dg_panel_width(d)};
    w->capacity = capacity_for(w->width);
    const size_t n = (size_t)w->capacity, width = (size_t)w->width;
    float **const vectors[] = {&w->x,         &w->b,       &w->shared, &w->residual,
                               &w->direction, &w->product, &w->precond};
    bool good = true;
    for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
        good = (*vectors[k] = dg_alloc(width, sizeof(float))) != NULL && good;
    good = (w->panel = dg_alloc(n * width, sizeof(float))) != NULL && good;
    good = (w->left = dg_alloc(n * width, sizeof(float))) != NULL && good;
    good = (w->weight = dg_alloc(n, sizeof(float))) != NULL && good;
    good = (w->pull = dg_alloc(n, sizeof(float))) != NULL && good;
    good = (w->score = dg_alloc(n, sizeof(float))) != NULL && good;
    good = (w->matrix = dg_alloc(width * width, sizeof(float))) != NULL && good;
    good = (w->spare = dg_alloc(width * width, sizeof(float))) != NULL && good;
    if (good) return DG_OK;
    dg_als_workspace_destroy(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for row solves of %d factors", d);
}

void dg_als_workspace_destroy(dg_als_workspace **workspace)
{
    dg_als_workspace *w = *workspace;
    if (w == NULL) return;
    float *const all[] = {w->panel,    w->left,      w->weight,  w->pull,   w->score,
                          w->matrix,   w->spare,     w->x,       w->b,      w->shared,
                          w->residual, w->direction, w->product, w->precond};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    dg_free(w);
    *workspace = NULL;
}

/* Features of the entries, the rows to come fetched ahead: they lie anywhere in a large table. */
static void gather_features(const dg_als_side *s, const int32_t *index, int n, dg_als_workspace *w)
{
    const size_t bytes = (size_t)w->d * sizeof(float);
    for (int k = 0; k < n; k++) {
        if (k + AHEAD < n) {
            const char *next = (const char *)dg_matrix_row(s->features, index[k + AHEAD]);
            for (size_t at = 0; at < bytes; at += DG_ALIGN) __builtin_prefetch(next + at);
        }
        memcpy(w->panel + (size_t)k * (size_t)w->width, dg_matrix_row(s->features, index[k]),
               bytes);
    }
}

/* With biases the other side's bias moves to the target and its place becomes the feature 1. */
static void target_ratings(const dg_als_side *s, const float *value, int n, dg_als_workspace *w)
{
    for (int k = 0; k < n; k++) {
        float *bias = w->panel + (size_t)k * (size_t)w->width + (w->d - 1);
        w->weight[k] = 1;
        w->pull[k] = (float)(value[k] - s->mean) - (s->biases ? *bias : 0);
        if (s->biases) *bias = 1;
    }
}

void dg_als__gather(const dg_als_side *s, dg_row row, int64_t first, int n, dg_als_workspace *w)
{
    gather_features(s, row.index + first, n, w);
    w->plain = true;
    if (first == 0) w->total = 0;
    if (s->options->loss == DG_ALS_RATINGS) {
        target_ratings(s, row.value + first, n, w);
        w->total += (float)n;
    }
    dg_als_pair p = {0};
    for (int k = 0; k < n && s->options->loss != DG_ALS_RATINGS; k++) {
        const float value = row.value[first + k];
        /* Values repeat: most data has few, behaviour often only one. */
        if (k == 0 || value != row.value[first + k - 1]) p = dg_als_pair_of(s->options, value);
        w->weight[k] = p.weight;
        w->pull[k] = p.pull;
        w->plain = w->plain && p.weight == 1;
        w->total += p.weight;
    }
    dg_spent_lap(DG_PHASE_GATHER, n, 0, (int64_t)n * w->d * (int64_t)sizeof(float));
}

void dg_als__accumulate(int n, dg_als_workspace *w)
{
    const float *left = w->panel;
    for (int k = 0; !w->plain && k < n; k++) {
        const size_t at = (size_t)k * (size_t)w->width;
        for (int j = 0; j < w->width; j++)
            w->left[at + (size_t)j] = w->weight[k] * w->panel[at + (size_t)j];
    }
    if (!w->plain) left = w->left;
    w->kernels->gram(n, w->width, left, w->panel, w->matrix);
    memset(w->direction, 0, (size_t)w->width * sizeof(float)); /* x = 0: only the pulls count */
    w->kernels->apply(n, w->width, w->panel, NULL, w->pull, w->direction, w->b);
    dg_spent_lap(DG_PHASE_GRAM, n, (int64_t)n * w->d * (w->d + 1), 0);
}

static void start_matrix(const dg_als_side *s, double reg, dg_als_workspace *w)
{
    const size_t d = (size_t)w->d, width = (size_t)w->width;
    memset(w->matrix, 0, width * width * sizeof(float));
    for (size_t i = 0; i < d; i++) {
        float *row = w->matrix + i * width;
        if (s->base != NULL) memcpy(row, s->base + i * d, (i + 1) * sizeof(float));
        if (s->diagonal != NULL && s->options->loss != DG_ALS_RATINGS) row[i] = s->diagonal[i];
        row[i] += (float)reg;
    }
}

bool dg_als__factor(dg_als_workspace *w)
{
    const size_t d = (size_t)w->d, width = (size_t)w->width;
    float top = 0;
    memcpy(w->spare, w->matrix, width * width * sizeof(float));
    memcpy(w->x, w->b, width * sizeof(float));
    if (w->kernels->cholesky_solve(w->d, w->width, w->matrix, w->x)) return true;
    for (size_t j = 0; j < d; j++) top = fmaxf(top, w->spare[j * width + j]);
    for (size_t j = 0; j < d; j++) w->spare[j * width + j] += 1e-5f * top;
    memcpy(w->x, w->b, width * sizeof(float));
    return w->kernels->cholesky_solve(w->d, w->width, w->spare, w->x);
}

bool dg_als__cholesky(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w)
{
    start_matrix(s, reg, w);
    memset(w->b, 0, (size_t)w->width * sizeof(float));
    for (int64_t first = 0; first < row.n; first += w->capacity) {
        const int n = dg_als__part(w, row, first);
        dg_als__gather(s, row, first, n, w);
        dg_als__accumulate(n, w);
    }
    const int64_t d = w->d;
    const bool good = dg_als__factor(w);
    dg_spent_lap(DG_PHASE_FACTOR, 1, d * d * d / 3 + 2 * d * d, 0);
    return good;
}

/* out += pull part - (entries' part of the matrix) x; gathers again where one panel is not enough.
 */
static void apply_entries(const dg_als_side *s, dg_row row, bool gathered, bool pulls,
                          const float *x, float *out, dg_als_workspace *w)
{
    for (int64_t first = 0; first < row.n; first += w->capacity) {
        const int n = dg_als__part(w, row, first);
        if (!gathered || row.n > w->capacity) dg_als__gather(s, row, first, n, w);
        w->kernels->apply(n, w->width, w->panel, w->plain ? NULL : w->weight,
                          pulls ? w->pull : NULL, x, out);
        dg_spent_lap(DG_PHASE_CG, 0, 4 * (int64_t)n * w->d, 0);
    }
}

/* The part of the matrix that all rows share is diagonal in this basis: for behaviour alpha0 times
 * the Gram's eigenvalues, for ratings nothing but lambda. */
static void set_shared(const dg_als_side *s, double reg, dg_als_workspace *w)
{
    const bool ratings = s->options->loss == DG_ALS_RATINGS;
    for (int k = 0; k < w->width; k++)
        w->shared[k] = (float)reg + (!ratings && k < w->d ? s->diagonal[k] : 0);
}

/* The preconditioner adds what the row's own entries have on the diagonal on average. Where their
 * weights are negative on the whole it adds nothing: it must stay positive. */
static void set_precond(const dg_als_side *s, dg_als_workspace *w)
{
    const float total = w->total > 0 ? w->total : 0;
    for (int k = 0; k < w->width; k++) {
        const float own = k < w->d ? total * s->average[k] : 1;
        w->precond[k] = 1 / (w->shared[k] + own);
    }
}

static void to_product(const dg_als_workspace *w, float *out)
{
    for (int k = 0; k < w->width; k++) out[k] = w->precond[k] * w->residual[k];
}

bool dg_als__cg(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w)
{
    const size_t bytes = (size_t)w->width * sizeof(float);
    float *const r = w->residual, *const p = w->direction, *const q = w->product;
    set_shared(s, reg, w);
    for (int k = 0; k < w->width; k++) r[k] = -w->shared[k] * w->x[k];
    apply_entries(s, row, false, true, w->x, r, w);
    set_precond(s, w);
    to_product(w, p);
    float rz = w->kernels->dot(w->width, r, p);
    const float enough = cg_tolerance * cg_tolerance * rz;
    for (int step = 0; step < CG_STEPS && rz > enough; step++) {
        memset(q, 0, bytes);
        apply_entries(s, row, true, false, p, q, w); /* minus the entries' part */
        for (int k = 0; k < w->width; k++) q[k] = w->shared[k] * p[k] - q[k];
        const float curvature = w->kernels->dot(w->width, p, q);
        if (!(curvature > 0)) return false; /* indefinite, or not a number */
        const float a = rz / curvature, before = rz;
        for (int k = 0; k < w->width; k++) {
            w->x[k] += a * p[k];
            r[k] -= a * q[k];
        }
        to_product(w, q);
        rz = w->kernels->dot(w->width, r, q);
        for (int k = 0; k < w->width; k++) p[k] = q[k] + rz / before * p[k];
    }
    dg_spent_lap(DG_PHASE_CG, 1, 0, 0);
    return isfinite(rz); /* else the loop may have ended before it began */
}
