#include "models/als/system.h"

#include "als/law.h"
#include "base/memory.h"
#include "base/spent.h"
#include "dense/blas.h"

#include <math.h>
#include <string.h>

enum { PANEL_FLOATS = 1 << 20, MOST_ENTRIES = 8192, LEAST_ENTRIES = 256 };
enum { CHUNK_FLOATS = 1 << 13, LEAST_CHUNK = 16 };

int dg_als_capacity(int d)
{
    const int n = PANEL_FLOATS / dg_panel_width(d);
    return n > MOST_ENTRIES ? MOST_ENTRIES : n < LEAST_ENTRIES ? LEAST_ENTRIES : n;
}

dg_status dg_als_workspace_create(int d, dg_als_workspace **out, dg_err *err)
{
    dg_als_workspace *w = *out = dg_alloc(1, sizeof *w);
    if (w == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for row solves");
    *w = (dg_als_workspace){.kernels = dg_panel(), .d = d, .width = dg_panel_width(d)};
    w->capacity = dg_als_capacity(d);
    w->chunk = CHUNK_FLOATS / w->width > LEAST_CHUNK ? CHUNK_FLOATS / w->width : LEAST_CHUNK;
    const size_t n = (size_t)w->capacity, width = (size_t)w->width;
    float **const vectors[] = {&w->x,       &w->b,       &w->shared, &w->residual, &w->direction,
                               &w->product, &w->precond, &w->start,  &w->first};
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
    float *const all[] = {w->panel,   w->left,    w->weight, w->pull,   w->score,    w->matrix,
                          w->spare,   w->x,       w->b,      w->shared, w->residual, w->direction,
                          w->product, w->precond, w->start,  w->first};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    dg_free(w);
    *workspace = NULL;
}

/* With biases the other side's bias moves to the target and its place becomes the feature 1. */
static void move_biases(int slot, int n, dg_als_workspace *w)
{
    for (int k = slot; k < slot + n; k++) {
        float *bias = w->panel + (size_t)k * (size_t)w->width + (w->d - 1);
        w->pull[k] -= *bias;
        *bias = 1;
    }
}

static void weigh_ratings(const dg_als_side *s, const float *value, int slot, int n,
                          dg_als_workspace *w)
{
    const double mean = s->mean;
    float at_zero = 0;
    for (int k = 0; k < n; k++) {
        w->weight[slot + k] = 1;
        w->pull[slot + k] = (float)(value[k] - mean);
    }
    if (s->biases) move_biases(slot, n, w);
    for (int k = slot; k < slot + n; k++) at_zero += w->pull[k] * w->pull[k];
    w->total += (float)n;
    w->at_zero += at_zero;
}

/* Everything observed counts the same. */
static void weigh_evenly(const dg_als_side *s, const float *value, int slot, int n,
                         dg_als_workspace *w)
{
    const dg_als_pair liked = dg_als_pair_of(&s->options->law, 1);
    int n_liked = 0;
    for (int k = 0; k < n; k++) {
        const bool likes = dg_als_is_positive(value[k]);
        w->weight[slot + k] = liked.weight;
        w->pull[slot + k] = likes ? liked.pull : 0;
        n_liked += likes;
    }
    w->plain = w->plain && liked.weight == 1;
    w->total += (float)n * liked.weight;
    w->at_zero += (float)n_liked * liked.pull; /* the target is 1 */
}

static void weigh_by_value(const dg_als_side *s, const float *value, int slot, int n,
                           dg_als_workspace *w)
{
    float total = 0, at_zero = 0;
    dg_als_pair p = {0};
    for (int k = 0; k < n; k++) {
        if (k == 0 || value[k] != value[k - 1]) p = dg_als_pair_of(&s->options->law, value[k]);
        w->weight[slot + k] = p.weight;
        w->pull[slot + k] = p.pull;
        total += p.weight;
        at_zero += p.pull;
    }
    w->plain = false;
    w->total += total;
    w->at_zero += at_zero;
}

void dg_als__gather(const dg_als_side *s, dg_row row, int64_t first, int slot, int n,
                    dg_als_workspace *w)
{
    const dg_panel_table table = {w->d, s->features->at, s->half, s->unscale};
    w->kernels->gather(n, row.n - first - n + row.follow, w->width, &table, row.index + first,
                       w->panel + (size_t)slot * (size_t)w->width);
    if (first == 0) {
        w->plain = true;
        w->total = w->at_zero = 0;
    }
    if (s->options->law.loss == DG_ALS_RATINGS)
        weigh_ratings(s, row.value + first, slot, n, w);
    else if (s->options->law.confidence == DG_ALS_NONE)
        weigh_evenly(s, row.value + first, slot, n, w);
    else
        weigh_by_value(s, row.value + first, slot, n, w);
    dg_spent_lap(DG_PHASE_GATHER, n, 0,
                 (int64_t)n * (s->half != NULL ? w->width * 2 : w->d * (int)sizeof(float)));
}

void dg_als__set_shared(const dg_als_side *s, double reg, dg_als_workspace *w)
{
    const bool ratings = s->options->law.loss == DG_ALS_RATINGS;
    for (int k = 0; k < w->width; k++)
        w->shared[k] = (float)reg + (!ratings && k < w->d ? s->diagonal[k] : 0);
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
    w->kernels->apply(n, w->width, w->panel, NULL, w->pull, w->direction, NULL, w->b);
    dg_spent_lap(DG_PHASE_GRAM, n, (int64_t)n * w->d * (w->d + 1), 0);
}

void dg_als__start_matrix(const dg_als_side *s, double reg, dg_als_workspace *w)
{
    const size_t d = (size_t)w->d, width = (size_t)w->width;
    memset(w->matrix, 0, width * width * sizeof(float));
    for (size_t i = 0; i < d; i++) {
        float *row = w->matrix + i * width;
        if (s->base != NULL) memcpy(row, s->base + i * d, (i + 1) * sizeof(float));
        if (s->diagonal != NULL && s->options->law.loss != DG_ALS_RATINGS) row[i] = s->diagonal[i];
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
    dg_als__start_matrix(s, reg, w);
    memset(w->b, 0, (size_t)w->width * sizeof(float));
    for (int64_t first = 0; first < row.n; first += w->capacity) {
        const int n = dg_als__part(w, row, first);
        dg_als__gather(s, row, first, 0, n, w);
        dg_als__accumulate(n, w);
    }
    const int64_t d = w->d;
    const bool good = dg_als__factor(w);
    dg_spent_lap(DG_PHASE_FACTOR, 1, d * d * d / 3 + 2 * d * d, 0);
    return good;
}
