#include "artifact/scan.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Upwards to a float: a bound stays one. */
static float float_above(double x)
{
    const float f = (float)x;
    return (double)f < x ? nextafterf(f, INFINITY) : f;
}

static double high_number(int code) { return ((code + 128) & ~15) + 7.5 - 128; }

dg_scan_row dg_scan_code(const float *row, int32_t n_cols, int8_t *code)
{
    float most = 0;
    double norm = 0, fine = 0, coarse = 0, codes = 0, highs = 0;
    for (int32_t c = 0; c < n_cols; c++) most = fmaxf(most, fabsf(row[c]));
    const float scale = fmaxf(most / 127, 1e-30f); /* a scale of full precision: see the bounds */
    for (int32_t c = 0; c < n_cols; c++) {
        const double y = (double)row[c] / (double)scale;
        const int whole = (int)fmin(127, fmax(-127, rint(y)));
        code[c] = (int8_t)whole;
        norm += (double)row[c] * row[c];
        fine += (y - whole) * (y - whole);
        coarse += (y - high_number(whole)) * (y - high_number(whole));
        codes += (double)whole * whole;
        highs += high_number(whole) * high_number(whole);
    }
    const double up = 1 + 1e-9; /* above what doubles round */
    return (dg_scan_row){.scale = scale,
                         .norm = isnan(norm) ? INFINITY : float_above(sqrt(norm) * up),
                         .coarse_rest = float_above(sqrt(coarse) * up),
                         .fine_rest = float_above(sqrt(fine) * up),
                         .code_norm = float_above(sqrt(fmax(codes, highs)) * up)};
}

float dg_scan_inverse_norm(const float *row, int32_t n_cols)
{
    double squares = 0;
    for (int32_t c = 0; c < n_cols; c++) squares += (double)row[c] * row[c];
    return squares * DG_SCAN_INVERSE * DG_SCAN_INVERSE > 1 ? (float)(1 / sqrt(squares)) : 0;
}

typedef struct dg_placed {
    float norm;
    int32_t row;
} dg_placed;

static int by_norm(const void *a, const void *b)
{
    const dg_placed *x = a, *y = b;
    if (x->norm != y->norm) return x->norm > y->norm ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* The half bytes of a row at its place. */
static void put_row(const int8_t *code, int32_t n_cols, int64_t place, uint8_t *high, uint8_t *low)
{
    const int64_t group = place / 16 * dg_scan_group_bytes(n_cols);
    for (int32_t c = 0; c < n_cols; c++) {
        const int whole = code[c] + 128;
        const int64_t at = group + c / 8 * 64 + place % 16 * 4 + c % 4;
        const int shift = c % 8 < 4 ? 0 : 4;
        high[at] = (uint8_t)(high[at] | (whole >> 4) << shift);
        low[at] = (uint8_t)(low[at] | (whole & 15) << shift);
    }
}

/* The arrays while they are made. */
typedef struct dg_scan_arrays {
    uint8_t *high, *low;
    float *scale, *norm, *rest;
    int32_t *order;
} dg_scan_arrays;

static dg_scan pack(int64_t n, int32_t n_cols, const dg_scan_row *row, const int8_t *code,
                    const dg_placed *placed, const dg_scan_arrays *to)
{
    dg_scan out = {n, n_cols, to->high, to->low, to->scale, to->order, to->norm, to->rest, 0, 0};
    for (int64_t place = 0; place < n; place++) {
        const int32_t r = placed[place].row;
        const int64_t group = place / 16;
        put_row(code + (int64_t)r * n_cols, n_cols, place, to->high, to->low);
        to->scale[place] = row[r].scale;
        to->order[place] = r;
        if (place % 16 == 0) to->norm[group] = row[r].norm;
        to->rest[group] = fmaxf(to->rest[group], row[r].coarse_rest);
        out.fine_rest = fmax(out.fine_rest, (double)row[r].fine_rest);
        out.code_norm = fmax(out.code_norm, (double)row[r].code_norm);
    }
    return out;
}

dg_status dg_scan_pack(int64_t n, int32_t n_cols, const dg_scan_row *row, const int8_t *code,
                       dg_scan *out, dg_err *err)
{
    const size_t groups = (size_t)dg_scan_groups(n);
    const size_t bytes = groups * (size_t)dg_scan_group_bytes(n_cols);
    dg_placed *placed = dg_alloc((size_t)n, sizeof *placed);
    const dg_scan_arrays to = {.high = dg_alloc(bytes, 1),
                               .low = dg_alloc(bytes, 1),
                               .scale = dg_alloc(groups * 16, sizeof(float)),
                               .norm = dg_alloc(groups, sizeof(float)),
                               .rest = dg_alloc(groups, sizeof(float)),
                               .order = dg_alloc((size_t)n, sizeof(int32_t))};
    const bool good = placed != NULL && to.high != NULL && to.low != NULL && to.scale != NULL &&
                      to.norm != NULL && to.rest != NULL && to.order != NULL;
    for (int64_t k = 0; good && k < n; k++) placed[k] = (dg_placed){row[k].norm, (int32_t)k};
    if (good) qsort(placed, (size_t)n, sizeof *placed, by_norm);
    *out = good ? pack(n, n_cols, row, code, placed, &to)
                : (dg_scan){.high = to.high,
                            .low = to.low,
                            .scale = to.scale,
                            .order = to.order,
                            .norm = to.norm,
                            .coarse_rest = to.rest};
    if (!good) dg_scan_free(out);
    dg_free(placed);
    return good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the items' search copy");
}

dg_status dg_scan_make(const dg_factors *f, int64_t n, dg_scan *out, dg_err *err)
{
    float room[DG_FACTORS_ROOM];
    dg_scan_row *row = dg_alloc((size_t)n, sizeof *row);
    int8_t *code = dg_alloc((size_t)n, (size_t)f->n_cols);
    dg_status st = DG_OK;
    *out = (dg_scan){0};
    if (row == NULL || code == NULL) {
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the items' search copy");
    } else {
        for (int64_t k = 0; k < n; k++)
            row[k] = dg_scan_code(dg_factors_row(f, k, room), f->n_cols, code + k * f->n_cols);
        st = dg_scan_pack(n, f->n_cols, row, code, out, err);
    }
    dg_free(row);
    dg_free(code);
    return st;
}

void dg_scan_free(dg_scan *s)
{
    dg_free((void *)(uintptr_t)s->high);
    dg_free((void *)(uintptr_t)s->low);
    dg_free((void *)(uintptr_t)s->scale);
    dg_free((void *)(uintptr_t)s->order);
    dg_free((void *)(uintptr_t)s->norm);
    dg_free((void *)(uintptr_t)s->coarse_rest);
    *s = (dg_scan){0};
}
