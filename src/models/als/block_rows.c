#include "models/als/block_rows.h"

#include "als/law.h"
#include "base/memory.h"
#include "base/spent.h"

#include <math.h>
#include <string.h>

enum { AHEAD = 8 };

static bool is_rating(const dg_als_block_half *h)
{
    return h->given.side.options->law.loss == DG_ALS_RATINGS;
}

static float *columns_of(const dg_als_block_half *h, const dg_als_block *block, int64_t row)
{
    return dg_matrix_row(h->given.rows, row) + block->begin;
}

static float *scores_of(const dg_als_block_half *h, int64_t row)
{
    return h->score + h->given.ratings->ptr[row - h->given.ratings->begin];
}

/* Padded with zeros as far as any block reaches: the next one may be wider. */
static void put(const dg_als_block_half *h, const dg_als_block *block, const float *columns,
                float *out)
{
    memcpy(out, columns, (size_t)block->n * sizeof *out);
    memset(out + block->n, 0, (size_t)(h->widest - block->n) * sizeof *out);
}

/* The row as the other side's changes, or the other side's rows, meet it: a bias meets a 1. */
static void put_feature(const dg_als_block_half *h, const dg_als_block *block, int64_t row,
                        float *out)
{
    put(h, block, columns_of(h, block, row), out);
    if (block->biased) out[block->n - 1] = 1;
}

void dg_als__show_features(dg_als_block_half *h, const dg_als_block *block, int64_t row)
{
    put_feature(h, block, row, dg_matrix_row(&h->feature, row));
}

void dg_als__show_whole(dg_als_block_half *h, const dg_als_block *block, int64_t row)
{
    put(h, block, columns_of(h, block, row), dg_matrix_row(&h->change, row));
}

void dg_als__scores_start(dg_als_block_half *h, int64_t row)
{
    const int64_t n = dg_csr_row(h->given.ratings, row).n;
    const float *x = dg_matrix_row(h->given.rows, row);
    const float bias = h->given.side.biases ? x[h->given.rows->n_cols - 1] : 0;
    float *score = scores_of(h, row);
    for (int64_t k = 0; k < n; k++) score[k] = bias;
}

/* Panel rows of the entries side by side. */
static void gather(const dg_matrix *from, const int32_t *index, int n, dg_als_workspace *w)
{
    const size_t bytes = (size_t)w->width * sizeof(float);
    for (int k = 0; k < n; k++) {
        if (k + AHEAD < n) {
            const char *next = (const char *)dg_matrix_row(from, index[k + AHEAD]);
            for (size_t at = 0; at < bytes; at += DG_ALIGN) __builtin_prefetch(next + at);
        }
        memcpy(w->panel + (size_t)k * (size_t)w->width, dg_matrix_row(from, index[k]), bytes);
    }
    dg_spent_lap(DG_PHASE_GATHER, n, 0, (int64_t)n * (int64_t)bytes);
}

static void set_block(const dg_als_block *block, dg_als_workspace *w)
{
    w->d = block->n;
    w->width = block->width;
}

/* Scores of n entries += panel rows times w->x. */
static void add_scores(int n, float *score, dg_als_workspace *w)
{
    w->kernels->score(n, w->width, w->panel, w->x, w->score);
    for (int k = 0; k < n; k++) score[k] += w->score[k];
}

void dg_als__scores_follow(dg_als_block_half *h, const dg_als_block_half *other,
                           const dg_als_block *block, int64_t row, dg_als_workspace *w)
{
    const dg_row entries = dg_csr_row(h->given.ratings, row);
    set_block(block, w);
    put_feature(h, block, row, w->x);
    for (int64_t first = 0; first < entries.n; first += w->capacity) {
        const int n = dg_als__part(w, entries, first);
        gather(&other->change, entries.index + first, n, w);
        add_scores(n, scores_of(h, row) + first, w);
    }
    dg_spent_lap(DG_PHASE_BLOCKS, 0, 2 * entries.n * w->d, 0);
}

/* Weights of n entries, and as pulls what is still missing: t - c y. */
static void weigh(const dg_als_block_half *h, const float *value, const float *score, int n,
                  dg_als_workspace *w)
{
    const dg_als_side *s = &h->given.side;
    dg_als_pair p = {.weight = 1};
    w->plain = true;
    for (int k = 0; k < n; k++) {
        if (is_rating(h))
            p.pull = (float)(value[k] - s->mean);
        else if (k == 0 || value[k] != value[k - 1]) /* values repeat */
            p = dg_als_pair_of(&s->options->law, value[k]);
        w->weight[k] = p.weight;
        w->pull[k] = p.pull - p.weight * score[k];
        w->plain = w->plain && p.weight == 1;
    }
}

/* What all rows share of the matrix and of the gradient. */
static void start(const dg_als_block_half *h, const dg_als_block *block, const float *gram,
                  int64_t row, float reg, dg_als_workspace *w)
{
    const size_t n = (size_t)block->n, width = (size_t)w->width;
    const size_t d = (size_t)h->given.rows->n_cols;
    const float *x = columns_of(h, block, row);
    memset(w->matrix, 0, width * width * sizeof(float));
    memset(w->b, 0, width * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        float *to = w->matrix + i * width;
        if (gram != NULL) memcpy(to, gram + i * d + block->begin, (i + 1) * sizeof(float));
        to[i] += reg;
        w->b[i] = -reg * x[i];
    }
    if (gram == NULL) return;
    const int64_t at = row - h->given.rows->own.begin;
    for (size_t i = 0; i < n; i++) w->b[i] -= h->product[at * h->widest + (int64_t)i];
}

/* w->x becomes the change that rounding leaves of the step, so that scores follow the factors. */
static bool step(float *x, dg_als_workspace *w)
{
    bool good = dg_als__factor(w);
    for (int j = 0; good && j < w->d; j++) good = isfinite(x[j] + w->x[j]);
    for (int j = 0; j < w->width; j++) {
        if (!good || j >= w->d) {
            w->x[j] = 0;
            continue;
        }
        const float before = x[j];
        x[j] += w->x[j];
        w->x[j] = x[j] - before;
    }
    return good;
}

static bool solve(dg_als_block_half *h, const dg_als_block_half *other, const dg_als_block *block,
                  const float *gram, dg_row entries, int64_t row, dg_als_workspace *w)
{
    float *score = scores_of(h, row);
    start(h, block, gram, row, (float)dg_als_lambda(&h->given.side, entries), w);
    for (int64_t first = 0; first < entries.n; first += w->capacity) {
        const int n = dg_als__part(w, entries, first);
        gather(&other->feature, entries.index + first, n, w);
        weigh(h, entries.value + first, score + first, n, w);
        dg_als__accumulate(n, w);
    }
    const bool good = step(columns_of(h, block, row), w);
    for (int64_t first = 0; good && first < entries.n; first += w->capacity) {
        const int n = dg_als__part(w, entries, first);
        if (entries.n > w->capacity) /* else it is still in place */
            gather(&other->feature, entries.index + first, n, w);
        add_scores(n, score + first, w);
    }
    return good;
}

void dg_als__block_solve(dg_als_block_half *h, const dg_als_block_half *other,
                         const dg_als_block *block, const float *gram, int64_t row,
                         dg_als_workspace *w)
{
    const dg_row entries = dg_csr_row(h->given.ratings, row);
    float *x = columns_of(h, block, row);
    set_block(block, w);
    if (entries.n == 0) { /* nothing pulls: the solution is zero, and nobody looks at the change */
        memset(x, 0, (size_t)block->n * sizeof *x);
        return;
    }
    if (!solve(h, other, block, gram, entries, row, w)) {
#pragma omp critical
        h->first_bad = row < h->first_bad ? row : h->first_bad;
    }
    put(h, block, w->x, dg_matrix_row(&h->change, row));
    dg_spent_lap(DG_PHASE_BLOCKS, 1, 2 * entries.n * w->d + (int64_t)w->d * w->d * w->d / 3, 0);
}

void dg_als__block_loss(dg_als_block_half *h, int64_t row)
{
    const dg_als_side *s = &h->given.side;
    const dg_row entries = dg_csr_row(h->given.ratings, row);
    const float *x = dg_matrix_row(h->given.rows, row), *y = scores_of(h, row);
    const double unseen =
        s->options->law.loss == DG_ALS_HKV ? s->options->law.unobserved_weight : 0;
    const double reg = entries.n == 0 ? 0 : dg_als_lambda(s, entries);
    dg_als_row_loss loss = {0};
    dg_als_pair p = {.weight = 1};
    for (int64_t k = 0; s->observes && k < entries.n; k++) {
        const float value = entries.value[k];
        if (!is_rating(h) && (k == 0 || value != entries.value[k - 1]))
            p = dg_als_pair_of(&s->options->law, value);
        const double target = is_rating(h) ? value - s->mean : p.pull != 0;
        loss.observed += (unseen + p.weight) * (y[k] - target) * (y[k] - target);
        loss.counted_unseen += unseen * y[k] * y[k];
    }
    for (int k = 0; k < h->given.rows->n_cols; k++) loss.regularization += reg * x[k] * x[k];
    h->loss[row - h->given.ratings->begin] = loss;
}
