#include "artifact/mapped.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

dg_mapped dg_mapped_in(const dg_container *f, const char *group)
{
    dg_mapped m = {.file = f};
    m.n_group = (size_t)snprintf(m.array, sizeof m.array, "%s", group);
    return m;
}

static void name_array(dg_mapped *m, const char *name)
{
    snprintf(m->array + m->n_group, sizeof m->array - m->n_group, "/%s", name);
}

dg_status dg_mapped_wrong(const dg_mapped *m, int64_t row, const char *what, dg_err *err)
{
    return DG_FAIL(err, DG_ERR_DATA, "%s: %s: row %" PRId64 " %s", dg_container_path(m->file),
                   m->array, row, what);
}

dg_status dg_mapped_rows(dg_mapped *m, const char *name, int64_t *n_rows, dg_err *err)
{
    dg_array_info info;
    name_array(m, name);
    const dg_status st = dg_container_info(m->file, m->array, &info, err);
    if (st == DG_OK) *n_rows = info.n_rows;
    return st;
}

dg_status dg_mapped_array(dg_mapped *m, const char *name, dg_type type, int64_t n_rows,
                          const void **at, dg_err *err)
{
    dg_array_info info;
    name_array(m, name);
    dg_status st = dg_container_info(m->file, m->array, &info, err);
    if (st == DG_OK && (info.n_rows != n_rows || info.n_cols != 1))
        st = DG_FAIL(err, DG_ERR_DATA,
                     "%s: %s has shape %" PRId64 " x %" PRId64 " where %" PRId64 " x 1 is expected",
                     dg_container_path(m->file), m->array, info.n_rows, info.n_cols, n_rows);
    return st == DG_OK ? dg_container_map(m->file, m->array, type, at, err) : st;
}

dg_status dg_mapped_cut(dg_mapped *m, const char *offsets, const char *name, dg_type type,
                        int64_t n, const int64_t **offset, const void **at, dg_err *err)
{
    const void *cut;
    dg_status st = dg_mapped_array(m, offsets, DG_I64, n + 1, &cut, err);
    if (st != DG_OK) return st;
    *offset = cut;
    if ((*offset)[0] != 0) return dg_mapped_wrong(m, 0, "is not 0", err);
    for (int64_t r = 0; r < n; r++)
        if ((*offset)[r + 1] < (*offset)[r]) return dg_mapped_wrong(m, r + 1, "goes back", err);
    return dg_mapped_array(m, name, type, (*offset)[n], at, err);
}

int dg_mapped_compare(const char *x, size_t nx, const char *y, size_t ny)
{
    const int order = memcmp(x, y, nx < ny ? nx : ny);
    return order != 0 ? order : (nx > ny) - (nx < ny);
}

static const char *text_at(const int64_t *offset, const char *bytes, int64_t k, size_t *n)
{
    *n = (size_t)(offset[k + 1] - offset[k]);
    return bytes + offset[k];
}

dg_status dg_mapped_texts(dg_mapped *m, const char *name, int64_t n, const int64_t **offset,
                          const char **bytes, dg_err *err)
{
    char offsets[32], content[32];
    const void *at;
    snprintf(offsets, sizeof offsets, "%s/offsets", name);
    snprintf(content, sizeof content, "%s/bytes", name);
    const dg_status st = dg_mapped_cut(m, offsets, content, DG_U8, n, offset, &at, err);
    if (st != DG_OK) return st;
    *bytes = at;
    for (int64_t k = 0; k < n; k++) {
        size_t length, before = 0;
        const char *text = text_at(*offset, *bytes, k, &length);
        const char *last = k == 0 ? "" : text_at(*offset, *bytes, k - 1, &before);
        if (length == 0 || !dg_utf8_valid(text, length))
            return dg_mapped_wrong(m, k, "is empty or not UTF-8", err);
        if (k > 0 && dg_mapped_compare(last, before, text, length) >= 0)
            return dg_mapped_wrong(m, k, "is out of order", err);
    }
    return DG_OK;
}

int64_t dg_mapped_find(int64_t n, const int64_t *offset, const char *bytes, const char *text,
                       size_t n_text)
{
    int64_t low = 0, high = n;
    while (low < high) {
        size_t length;
        const int64_t middle = low + (high - low) / 2;
        const char *at = text_at(offset, bytes, middle, &length);
        const int order = dg_mapped_compare(text, n_text, at, length);
        if (order == 0) return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}
