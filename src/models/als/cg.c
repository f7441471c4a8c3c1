#include "base/spent.h"
#include "models/als/system.h"

#include <math.h>
#include <string.h>

/* Below this share of the loss at x = 0 the residual is what rounding left of it. */
static const float noise = 1e-10f;

/* out += pulls' part - (entries' part of the matrix) x, while the entries are gathered. The first
 * time, with the pulls, what the entries add to the loss is seen on the way. */
static void gather_and_apply(const dg_als_side *s, dg_row row, bool pulls, const float *x,
                             float *out, dg_als_workspace *w)
{
    const bool fits = row.n <= w->capacity, observes = pulls && dg_als__cg_observes(s);
    dg_als_row_loss loss = {0};
    for (int64_t first = 0; first < row.n; first += w->chunk) {
        const int n = (int)(row.n - first < w->chunk ? row.n - first : w->chunk);
        const int slot = fits ? (int)first : 0;
        dg_als__gather(s, row, first, slot, n, w);
        w->kernels->apply(n, w->width, w->panel + (size_t)slot * (size_t)w->width,
                          w->plain ? NULL : w->weight + slot, pulls ? w->pull + slot : NULL, x,
                          observes ? w->score : NULL, out);
        if (observes) dg_als__tally(s, slot, n, w, &loss);
        dg_spent_lap(DG_PHASE_CG, 0, 4 * (int64_t)n * w->d, 0);
    }
    if (observes) w->seen = loss.observed;
}

/* out -= (entries' part of the matrix) x; gathers again where the panel does not hold the row. */
static void apply_again(const dg_als_side *s, dg_row row, const float *x, float *out,
                        dg_als_workspace *w)
{
    if (row.n > w->capacity) {
        gather_and_apply(s, row, false, x, out, w);
        return;
    }
    w->kernels->apply((int)row.n, w->width, w->panel, w->plain ? NULL : w->weight, NULL, x, NULL,
                      out);
    dg_spent_lap(DG_PHASE_CG, 0, 4 * row.n * w->d, 0);
}

void dg_als__set_precond(const dg_als_side *s, dg_als_workspace *w)
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

/* One step along w->direction. False where the curvature is not positive. */
static bool step(const dg_als_side *s, dg_row row, float *rz, dg_als_workspace *w)
{
    float *const r = w->residual, *const p = w->direction, *const q = w->product;
    memset(q, 0, (size_t)w->width * sizeof *q);
    apply_again(s, row, p, q, w); /* minus the entries' part */
    for (int k = 0; k < w->width; k++) q[k] = w->shared[k] * p[k] - q[k];
    const float curvature = w->kernels->dot(w->width, p, q);
    if (!(curvature > 0)) return false; /* indefinite, or not a number */
    const float a = *rz / curvature, before = *rz;
    for (int k = 0; k < w->width; k++) {
        w->x[k] += a * p[k];
        r[k] -= a * q[k];
    }
    to_product(w, q);
    *rz = w->kernels->dot(w->width, r, q);
    for (int k = 0; k < w->width; k++) p[k] = q[k] + *rz / before * p[k];
    return true;
}

float dg_als__cg_enough(const dg_als_side *s, int step, float at_zero)
{
    return (step == 0 ? noise : (float)s->options->cg_tolerance) * at_zero;
}

double dg_als__observed_change(int width, const float *shared, const float *x0, const float *r0,
                               const float *x, const float *r)
{
    double change = 0;
    for (int k = 0; k < width; k++) {
        const double from = x0[k], to = x[k];
        change += (double)shared[k] * (from * from - to * to) -
                  ((double)r0[k] + (double)r[k]) * (to - from);
    }
    return change;
}

/* r'z is about how far the row's loss is above its minimum: it would be just that, were the
 * preconditioner the matrix. */
bool dg_als__cg(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w)
{
    float *const r = w->residual;
    dg_als__set_shared(s, reg, w);
    for (int k = 0; k < w->width; k++) r[k] = -w->shared[k] * w->x[k];
    gather_and_apply(s, row, true, w->x, r, w);
    memcpy(w->start, w->x, (size_t)w->width * sizeof(float));
    memcpy(w->first, r, (size_t)w->width * sizeof(float));
    dg_als__set_precond(s, w);
    to_product(w, w->direction);
    float rz = w->kernels->dot(w->width, r, w->direction);
    for (int k = 0; k < DG_ALS_CG_STEPS && rz > dg_als__cg_enough(s, k, w->at_zero); k++)
        if (!step(s, row, &rz, w)) return false;
    if (dg_als__cg_observes(s)) {
        w->seen += dg_als__observed_change(w->width, w->shared, w->start, w->first, w->x, r);
        w->observed = true;
    }
    dg_spent_lap(DG_PHASE_CG, 1, 0, 0);
    return isfinite(rz); /* else the loop may have ended before it began */
}
