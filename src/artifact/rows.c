#include "artifact/inside.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ARRAY of floats, halves or int8; these with ARRAY_scale, one a row. */
static dg_status map_side(const dg_artifact *a, const char *array, int64_t n, dg_factors *out,
                          dg_err *err)
{
    char scales[64];
    dg_array_info info;
    const void *scale = NULL;
    dg_status st = dg_container_info(a->file, array, &info, err);
    if (st != DG_OK) return st;
    const bool whole = info.type == DG_I8, small = whole || info.type == DG_F16;
    *out = (dg_factors){.precision = whole   ? DG_PRECISION_INT8
                                     : small ? DG_PRECISION_F16
                                             : DG_PRECISION_F32,
                        .n_cols = a->n_cols};
    if (small && a->n_cols > DG_FACTORS_ROOM)
        return DG_FAIL(err, DG_ERR_DATA, "%s: %s has %d columns, of small numbers at most %d",
                       a->path, array, a->n_cols, DG_FACTORS_ROOM);
    st = dg_artifact__map(a, array, small ? info.type : DG_F32, n, a->n_cols, &out->at, err);
    if (st != DG_OK || !whole) return st;
    snprintf(scales, sizeof scales, "%s_scale", array);
    st = dg_artifact__map(a, scales, DG_F32, n, 1, &scale, err);
    if (st != DG_OK) return st;
    out->scale = scale;
    for (int64_t r = 0; r < n; r++)
        if (!(out->scale[r] >= 0 && isfinite(out->scale[r] * 128)))
            return dg_artifact__wrong(a, scales, r, "is not a scale", err);
    return DG_OK;
}

/* Each row once, so that none is listed twice. */
static dg_status check_places(const dg_artifact *a, const int32_t *order, dg_err *err)
{
    uint64_t *seen = dg_alloc((size_t)(a->n_items + 63) / 64, sizeof *seen);
    dg_status st = seen == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", a->path) : DG_OK;
    for (int64_t k = 0; st == DG_OK && k < a->n_items; k++) {
        const int32_t r = order[k];
        if (r < 0 || r >= a->n_items || (seen[r / 64] >> r % 64 & 1))
            st = dg_artifact__wrong(a, "scan/order", k, "is not a row, or one that was there", err);
        else
            seen[r / 64] |= UINT64_C(1) << r % 64;
    }
    dg_free(seen);
    return st;
}

static dg_status map_scan(dg_artifact *a, dg_err *err)
{
    const int64_t groups = dg_scan_groups(a->n_items), bytes = dg_scan_group_bytes(a->n_cols);
    dg_scan s = {.n = a->n_items, .n_cols = a->n_cols};
    const struct {
        const char *array;
        dg_type type;
        int64_t n_rows, n_cols;
        void *at; /* to the pointer */
    } arrays[] = {{"scan/high", DG_U8, groups, bytes, &s.high},
                  {"scan/low", DG_U8, groups, bytes, &s.low},
                  {"scan/scale", DG_F32, groups * 16, 1, &s.scale},
                  {"scan/norm", DG_F32, groups, 1, &s.norm},
                  {"scan/coarse_rest", DG_F32, groups, 1, &s.coarse_rest},
                  {"scan/order", DG_I32, a->n_items, 1, &s.order},
                  {"scan/inverse_norm", DG_F32, a->n_items, 1, &a->inverse_norm}};
    dg_status st = DG_OK;
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays && st == DG_OK; k++) {
        const void *at;
        st = dg_artifact__map(a, arrays[k].array, arrays[k].type, arrays[k].n_rows,
                              arrays[k].n_cols, &at, err);
        if (st == DG_OK) memcpy(arrays[k].at, &at, sizeof at);
    }
    if (st == DG_OK) st = dg_artifact__real(a, "scan_fine_rest", 0, 1e6, &s.fine_rest, err);
    if (st == DG_OK) st = dg_artifact__real(a, "scan_code_norm", 0, 1e6, &s.code_norm, err);
    for (int64_t r = 0; st == DG_OK && r < a->n_items; r++)
        if (!(a->inverse_norm[r] >= 0 && isfinite(a->inverse_norm[r])))
            st =
                dg_artifact__wrong(a, "scan/inverse_norm", r, "is not a number of at least 0", err);
    if (st == DG_OK) st = check_places(a, s.order, err);
    if (st == DG_OK) a->scan = s;
    return st;
}

dg_status dg_artifact__factors(dg_artifact *a, dg_err *err)
{
    dg_status st = map_side(a, "factors/user", a->n_users, &a->user_factor, err);
    if (st == DG_OK) st = map_side(a, "factors/item", a->n_items, &a->item_factor, err);
    if (st != DG_OK || !dg_container_has(a->file, "scan/high")) return st;
    if (a->n_cols > DG_FACTORS_ROOM)
        return DG_FAIL(err, DG_ERR_DATA, "%s: scan/high is there, but not for %d columns", a->path,
                       a->n_cols);
    return map_scan(a, err);
}
