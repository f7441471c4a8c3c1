#include "artifact/factors.h"

#include "dense/half.h"

const float *dg_factors_row(const dg_factors *f, int64_t row, float *room)
{
    const int32_t n = f->n_cols;
    const int64_t begin = row * n;
    if (f->precision == DG_PRECISION_F32) return (const float *)f->at + begin;
    if (f->precision == DG_PRECISION_F16) {
        const uint16_t *half = (const uint16_t *)f->at + begin;
        for (int32_t c = 0; c < n; c++) room[c] = dg_half_to_float(half[c]);
        return room;
    }
    const int8_t *whole = (const int8_t *)f->at + begin;
    for (int32_t c = 0; c < n; c++) room[c] = f->scale[row] * (float)whole[c];
    return room;
}
