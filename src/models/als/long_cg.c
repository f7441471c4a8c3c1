#include "base/spent.h"
#include "models/als/long_rows.h"

#include <math.h>
#include <string.h>

/* d sums of the matrix's or right side's part, then the row's weight, its loss at 0 and what was
 * observed of it where CG begins. Every rank
 * keeps the vectors of all rows of the block and takes the same steps: they cost little, and only
 * sums need to be sent. */

static float *vector(const dg_als_lockstep *b, float *of, int k)
{
    return of + (size_t)k * (size_t)b->width;
}

/* pulls - (entries' part of the matrix) times x, or times the direction without the pulls. */
static void apply_part(const dg_als_lockstep *b, int k, dg_row part, dg_als_workspace *w,
                       double *out)
{
    const float *x = vector(b, b->pulls ? b->x : b->direction, k);
    const bool observes = b->pulls && dg_als__cg_observes(b->side);
    dg_als_row_loss loss = {0};
    float at_zero = 0, total = 0;
    memset(w->product, 0, (size_t)w->width * sizeof(float));
    for (int64_t first = 0; b->busy[k] && first < part.n; first += w->chunk) {
        const int n = (int)(part.n - first < w->chunk ? part.n - first : w->chunk);
        dg_als__gather(b->side, part, first, 0, n, w);
        w->kernels->apply(n, w->width, w->panel, w->plain ? NULL : w->weight,
                          b->pulls ? w->pull : NULL, x, observes ? w->score : NULL, w->product);
        if (observes) dg_als__tally(b->side, 0, n, w, &loss);
        total = w->total;
        at_zero = w->at_zero;
        dg_spent_lap(DG_PHASE_CG, 0, 4 * (int64_t)n * w->d, 0);
    }
    for (int j = 0; j < w->d; j++) out[j] = w->product[j];
    out[w->d] = total;
    out[w->d + 1] = at_zero;
    out[w->d + 2] = loss.observed;
}

static void start_row(dg_als_lockstep *b, int k, dg_als_workspace *w)
{
    const double *sum = b->sums + (size_t)k * (size_t)b->stat;
    const float *x = vector(b, b->x, k);
    float *r = vector(b, b->residual, k), *p = vector(b, b->direction, k);
    float *precond = vector(b, b->precond, k);
    dg_als__set_shared(b->side, dg_als__long_reg(b, k), w);
    w->total = (float)sum[w->d];
    dg_als__set_precond(b->side, w);
    memcpy(precond, w->precond, (size_t)w->width * sizeof(float));
    for (int j = 0; j < w->width; j++) {
        r[j] = -w->shared[j] * x[j] + (j < w->d ? (float)sum[j] : 0);
        p[j] = precond[j] * r[j];
    }
    b->rz[k] = w->kernels->dot(w->width, r, p);
    b->enough[k] = (float)sum[w->d + 1];
    b->seen[k] = sum[w->d + 2];
    memcpy(vector(b, b->start, k), x, (size_t)w->width * sizeof *x);
    memcpy(vector(b, b->first, k), r, (size_t)w->width * sizeof *r);
}

static void step_row(dg_als_lockstep *b, int k, dg_als_workspace *w)
{
    const double *sum = b->sums + (size_t)k * (size_t)b->stat;
    float *x = vector(b, b->x, k), *r = vector(b, b->residual, k), *p = vector(b, b->direction, k);
    const float *precond = vector(b, b->precond, k);
    float *q = w->product;
    dg_als__set_shared(b->side, dg_als__long_reg(b, k), w);
    for (int j = 0; j < w->width; j++) q[j] = w->shared[j] * p[j] - (j < w->d ? (float)sum[j] : 0);
    const float curvature = w->kernels->dot(w->width, p, q);
    b->failed[k] = !(curvature > 0); /* indefinite, or not a number */
    if (b->failed[k]) return;
    const float a = b->rz[k] / curvature, before = b->rz[k];
    for (int j = 0; j < w->width; j++) {
        x[j] += a * p[j];
        r[j] -= a * q[j];
        q[j] = precond[j] * r[j];
    }
    b->rz[k] = w->kernels->dot(w->width, r, q);
    for (int j = 0; j < w->width; j++) p[j] = q[j] + b->rz[k] / before * p[j];
}

static void finish_row(dg_als_lockstep *b, int k, dg_als_workspace *w)
{
    dg_als__set_shared(b->side, dg_als__long_reg(b, k), w);
    b->seen[k] +=
        dg_als__observed_change(w->width, w->shared, vector(b, b->start, k), vector(b, b->first, k),
                                vector(b, b->x, k), vector(b, b->residual, k));
}

/* Which rows take another step; are there any? Agreed, should ranks' arithmetic ever differ. */
static bool any_busy(dg_als_lockstep *b, int step)
{
    int64_t any = 0;
    for (int k = 0; k < b->n; k++) {
        const float most = dg_als__cg_enough(b->side, step, b->enough[k]);
        b->busy[k] = !b->failed[k] && step < DG_ALS_CG_STEPS && b->rz[k] > most;
        any = any || b->busy[k];
    }
    dg_max_int64(&b->l->comm, &any, 1);
    return any != 0;
}

dg_status dg_als__long_cg(dg_als_lockstep *b, const dg_matrix *solution, dg_err *err)
{
    b->stat = dg_als__cg_numbers(b->l->half.d);
    b->pulls = true;
    for (int k = 0; k < b->n; k++) b->busy[k] = true;
    dg_als__share_x(b, solution);
    dg_status st = dg_als__sum_parts(b, apply_part, true, err);
    for (int k = 0; k < b->n && st == DG_OK; k++) start_row(b, k, b->w[0]);
    b->pulls = false;
    for (int step = 0; st == DG_OK && any_busy(b, step); step++) {
        st = dg_als__sum_parts(b, apply_part, true, err);
        for (int k = 0; k < b->n && st == DG_OK; k++)
            if (b->busy[k]) step_row(b, k, b->w[0]);
    }
    for (int k = 0; k < b->n; k++) {
        b->failed[k] = b->failed[k] || !isfinite(b->rz[k]);
        if (st == DG_OK && !b->failed[k]) finish_row(b, k, b->w[0]);
    }
    return st;
}
