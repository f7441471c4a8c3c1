#include "models/als/table.h"

#include "dense/panel.h"
#include "models/als/rows.h"

#include <math.h>
#include <string.h>

bool dg_als_wants_half(const dg_als_options *o, int64_t n_rows, int d)
{
    const int64_t near = 4 << 20; /* bytes: a table that mostly fits the second-level cache */
    if (!dg_als_wants_basis(o) || o->gather == DG_ALS_F32) return false;
    return o->gather == DG_ALS_F16 || n_rows * d * (int64_t)sizeof(float) > near;
}

int dg_als_table_columns(int d, bool half) { return half ? dg_panel_width(d) / 2 : d; }

dg_status dg_als_table_create(const dg_comm *c, const dg_shards *shards, dg_matrix *factors,
                              bool half, dg_rows *rows, dg_als_table *out, dg_err *err)
{
    const int n_cols = dg_als_table_columns(factors->n_cols, half);
    *out = (dg_als_table){.factors = factors, .half = half, .unscale = 1};
    if (rows != NULL)
        dg_matrix_of_rows(rows, shards, n_cols, &out->copy);
    else if (half)
        return dg_matrix_create(c, shards, n_cols, &out->copy, err);
    return DG_OK;
}

/* Halves reach from 6e-8 to 65504: a power of two puts the largest number just below 2^15. What is
 * not finite stays so. Largest bits of a float without its sign are those of the largest number. */
static float choose_scale(const dg_comm *c, const dg_matrix *m)
{
    int64_t most = 0;
    float largest;
    int exponent;
    for (const float *x = dg_matrix_row(m, m->own.begin), *end = dg_matrix_row(m, m->own.end);
         x < end; x++) {
        int32_t bits;
        memcpy(&bits, x, sizeof bits);
        bits &= 0x7fffffff;
        if (bits > most) most = bits;
    }
    dg_max_int64(c, &most, 1);
    const int32_t bits = (int32_t)most;
    memcpy(&largest, &bits, sizeof largest);
    if (!(largest > 0) || !isfinite(largest)) return 1;
    frexpf(largest, &exponent);
    exponent = 15 - exponent;
    return ldexpf(1, exponent > 100 ? 100 : exponent);
}

static void pack_row(const dg_panel_kernels *kernels, const float *from, int d, float scale,
                     uint16_t *to)
{
    float last[DG_PANEL_ALIGN] = {0};
    const int whole = d / DG_PANEL_ALIGN * DG_PANEL_ALIGN;
    kernels->pack(whole, scale, from, to);
    if (whole == d) return;
    memcpy(last, from + whole, (size_t)(d - whole) * sizeof *last);
    kernels->pack(DG_PANEL_ALIGN, scale, last, to + whole);
}

static void pack_own(const dg_comm *c, dg_als_table *t)
{
    const dg_matrix *m = t->factors;
    const dg_panel_kernels *kernels = dg_panel();
    const float scale = choose_scale(c, m);
    for (int64_t r = m->own.begin; r < m->own.end; r++)
        pack_row(kernels, dg_matrix_row(m, r), m->n_cols, scale,
                 (uint16_t *)(void *)dg_matrix_row(&t->copy, r - m->own.begin + t->copy.own.begin));
    t->unscale = 1 / scale;
}

void dg_als_table_publish(const dg_comm *c, dg_als_table *t)
{
    const dg_matrix *m = t->factors;
    const size_t own = (size_t)(m->own.end - m->own.begin) * (size_t)m->n_cols;
    if (t->half)
        pack_own(c, t);
    else if (t->copy.at != NULL && own > 0)
        memcpy(dg_matrix_row(&t->copy, t->copy.own.begin), dg_matrix_row(m, m->own.begin),
               own * sizeof(float));
    dg_matrix_publish(dg_als_table_read(t));
}

void dg_als_table_destroy(dg_als_table *t) { dg_matrix_destroy(&t->copy); }
