#include "base/spent.h"
#include "models/als/system.h"

#include <math.h>
#include <string.h>

/* The panel's rows times sqrt(weight / shared), turned: (width, across), across = n rounded up. */
static bool turn(int n, int across, dg_als_workspace *w)
{
    float *const root = w->product;
    for (int k = 0; k < w->width; k++) root[k] = 1 / sqrtf(w->shared[k]);
    for (int j = 0; j < across; j++) {
        const float *row = w->panel + (size_t)j * (size_t)w->width;
        const float scale = j < n ? w->score[j] : 0;
        for (int k = 0; k < w->width; k++)
            w->left[(size_t)k * (size_t)across + (size_t)j] = j < n ? scale * root[k] * row[k] : 0;
    }
    return true;
}

/* score = root of the weights, b = pull / root; false where a weight is not positive. */
static bool weigh(int n, dg_als_workspace *w)
{
    for (int j = 0; j < n; j++) {
        if (!(w->weight[j] > 0)) return false;
        w->score[j] = sqrtf(w->weight[j]);
        w->b[j] = w->pull[j] / w->score[j];
    }
    return true;
}

/* x = D^-1 F' S z with (I + S F D^-1 F' S) z = S^-1 t, S the roots of the weights. */
bool dg_als__dual(const dg_als_side *s, dg_row row, double reg, dg_als_workspace *w)
{
    const int n = (int)row.n, across = dg_panel_width(n);
    const int64_t n2 = row.n * row.n;
    dg_als__set_shared(s, reg, w);
    for (int k = 0; k < w->d; k++)
        if (!(w->shared[k] > 0)) return false;
    dg_als__gather(s, row, 0, 0, n, w);
    if (!weigh(n, w) || !turn(n, across, w)) return false;
    memset(w->matrix, 0, (size_t)across * (size_t)across * sizeof *w->matrix);
    w->kernels->gram(w->width, across, w->left, w->left, w->matrix);
    for (int j = 0; j < n; j++) w->matrix[(size_t)j * (size_t)across + (size_t)j] += 1;
    if (!w->kernels->cholesky_solve(n, across, w->matrix, w->b)) return false;
    for (int j = 0; j < n; j++) w->score[j] *= w->b[j];
    memset(w->direction, 0, (size_t)w->width * sizeof *w->x);
    memset(w->x, 0, (size_t)w->width * sizeof *w->x);
    w->kernels->apply(n, w->width, w->panel, NULL, w->score, w->direction, NULL, w->x);
    for (int k = 0; k < w->d; k++) w->x[k] /= w->shared[k];
    dg_spent_lap(DG_PHASE_DUAL, 1, n2 * w->d + n2 * row.n / 3 + 4 * row.n * w->d, 0);
    return true;
}
