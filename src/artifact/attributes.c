#include "artifact/attributes.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct dg_mapping { /* of one column */
    const dg_container *file;
    char array[96]; /* GROUP/K, and what is mapped of it */
    size_t n_group;
    int64_t n_rows;
    dg_attribute *out;
} dg_mapping;

static dg_status wrong(const dg_mapping *m, int64_t row, const char *what, dg_err *err)
{
    return DG_FAIL(err, DG_ERR_DATA, "%s: %s: row %" PRId64 " %s", dg_container_path(m->file),
                   m->array, row, what);
}

static dg_status map_array(dg_mapping *m, const char *name, dg_type type, int64_t n_rows,
                           const void **at, dg_err *err)
{
    dg_array_info info;
    snprintf(m->array + m->n_group, sizeof m->array - m->n_group, "/%s", name);
    dg_status st = dg_container_info(m->file, m->array, &info, err);
    if (st == DG_OK && (info.n_rows != n_rows || info.n_cols != 1))
        st = DG_FAIL(err, DG_ERR_DATA,
                     "%s: %s has shape %" PRId64 " x %" PRId64 " where %" PRId64 " x 1 is expected",
                     dg_container_path(m->file), m->array, info.n_rows, info.n_cols, n_rows);
    return st == DG_OK ? dg_container_map(m->file, m->array, type, at, err) : st;
}

/* Offsets of n runs, and what they cut, whose length the last of them states. */
static dg_status map_cut(dg_mapping *m, const char *offsets, const char *name, dg_type type,
                         int64_t n, const int64_t **offset, const void **at, dg_err *err)
{
    const void *cut;
    dg_status st = map_array(m, offsets, DG_I64, n + 1, &cut, err);
    if (st != DG_OK) return st;
    *offset = cut;
    if ((*offset)[0] != 0) return wrong(m, 0, "is not 0", err);
    for (int64_t r = 0; r < n; r++)
        if ((*offset)[r + 1] < (*offset)[r]) return wrong(m, r + 1, "goes back", err);
    return map_array(m, name, type, (*offset)[n], at, err);
}

static int compare(const char *x, size_t nx, const char *y, size_t ny)
{
    const int order = memcmp(x, y, nx < ny ? nx : ny);
    return order != 0 ? order : (nx > ny) - (nx < ny);
}

static dg_status map_values(dg_mapping *m, dg_err *err)
{
    dg_array_info info;
    const void *bytes;
    dg_attribute *a = m->out;
    snprintf(m->array + m->n_group, sizeof m->array - m->n_group, "/values/offsets");
    dg_status st = dg_container_info(m->file, m->array, &info, err);
    if (st == DG_OK && (info.n_rows < 1 || info.n_rows > DG_ATTRIBUTE_VALUES_MAX + 1))
        st = wrong(m, info.n_rows, "is the last: too few or too many values", err);
    if (st != DG_OK) return st;
    a->n_values = (int32_t)(info.n_rows - 1);
    st = map_cut(m, "values/offsets", "values/bytes", DG_U8, a->n_values, &a->offset, &bytes, err);
    if (st != DG_OK) return st;
    a->bytes = bytes;
    for (int32_t c = 0; c < a->n_values; c++) {
        size_t n, before;
        const char *text = dg_attribute_text(a, c, &n);
        if (n == 0 || !dg_utf8_valid(text, n)) return wrong(m, c, "is empty or not UTF-8", err);
        const char *last = c == 0 ? "" : dg_attribute_text(a, c - 1, &before);
        if (c > 0 && compare(last, before, text, n) >= 0)
            return wrong(m, c, "is out of order", err);
    }
    return DG_OK;
}

static dg_status map_texts(dg_mapping *m, dg_err *err)
{
    const void *code;
    dg_attribute *a = m->out;
    dg_status st = map_values(m, err);
    if (st == DG_OK) st = map_cut(m, "ptr", "code", DG_I32, m->n_rows, &a->ptr, &code, err);
    if (st != DG_OK) return st;
    a->code = code;
    for (int64_t r = 0; r < m->n_rows; r++) {
        if (a->type == DG_ATTRIBUTE_TEXT && a->ptr[r + 1] - a->ptr[r] > 1)
            return wrong(m, r, "has several values", err);
        for (int64_t p = a->ptr[r]; p < a->ptr[r + 1]; p++)
            if (a->code[p] < (p > a->ptr[r] ? a->code[p - 1] + 1 : 0) || a->code[p] >= a->n_values)
                return wrong(m, p, "is not a value above the one before", err);
    }
    return DG_OK;
}

static dg_status map_numbers(dg_mapping *m, dg_err *err)
{
    const void *at;
    const dg_status st = map_array(m, "number", DG_F64, m->n_rows, &at, err);
    if (st != DG_OK) return st;
    m->out->number = at;
    for (int64_t r = 0; r < m->n_rows; r++)
        if (isinf(m->out->number[r])) return wrong(m, r, "is not finite", err);
    return DG_OK;
}

static dg_status map_names(dg_mapping *m, int32_t n, dg_attributes *out, dg_err *err)
{
    const int64_t *offset;
    const void *bytes, *type;
    dg_status st = map_cut(m, "names/offsets", "names/bytes", DG_U8, n, &offset, &bytes, err);
    if (st != DG_OK) return st;
    for (int32_t k = 0; k < n; k++) {
        dg_attribute *a = &out->at[k];
        a->name = (const char *)bytes + offset[k];
        a->n_name = (size_t)(offset[k + 1] - offset[k]);
        if (a->n_name == 0 || a->n_name > DG_ATTRIBUTE_NAME_MAX ||
            !dg_utf8_valid(a->name, a->n_name) || memchr(a->name, '\0', a->n_name) != NULL)
            return wrong(m, k, "is no name", err);
        out->n = k;
        if (dg_attributes_find(out, a->name, a->n_name) >= 0)
            return wrong(m, k, "is a name met before", err);
    }
    out->n = n;
    st = map_array(m, "types", DG_U8, n, &type, err);
    for (int32_t k = 0; k < n && st == DG_OK; k++) {
        const uint8_t t = ((const uint8_t *)type)[k];
        if (t >= DG_ATTRIBUTE_TYPES) st = wrong(m, k, "is not a type", err);
        out->at[k].type = (dg_attribute_type)t;
    }
    return st;
}

dg_status dg_attributes_map(const dg_container *f, const char *group, int64_t n_rows,
                            dg_attributes *out, dg_err *err)
{
    dg_mapping m = {.file = f, .n_rows = n_rows};
    dg_array_info info;
    *out = (dg_attributes){.n_rows = n_rows};
    m.n_group = (size_t)snprintf(m.array, sizeof m.array, "%s", group);
    snprintf(m.array + m.n_group, sizeof m.array - m.n_group, "/types");
    if (!dg_container_has(f, m.array)) return DG_OK;
    dg_status st = dg_container_info(f, m.array, &info, err);
    if (st == DG_OK && (info.n_rows < 1 || info.n_rows > DG_ATTRIBUTES_MAX))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %s: %" PRId64 " attributes, not 1 to %d",
                     dg_container_path(f), m.array, info.n_rows, DG_ATTRIBUTES_MAX);
    if (st == DG_OK) st = map_names(&m, (int32_t)info.n_rows, out, err);
    for (int32_t k = 0; k < out->n && st == DG_OK; k++) {
        m.out = &out->at[k];
        m.n_group = (size_t)snprintf(m.array, sizeof m.array, "%s/%d", group, k);
        st = m.out->type == DG_ATTRIBUTE_NUMBER ? map_numbers(&m, err) : map_texts(&m, err);
    }
    return st;
}

const char *dg_attribute_type_text(dg_attribute_type type)
{
    static const char *const text[DG_ATTRIBUTE_TYPES] = {"number", "text", "list"};
    return text[type];
}

int32_t dg_attributes_find(const dg_attributes *a, const char *name, size_t n)
{
    for (int32_t k = 0; k < a->n; k++)
        if (a->at[k].n_name == n && memcmp(a->at[k].name, name, n) == 0) return k;
    return -1;
}

int32_t dg_attribute_code(const dg_attribute *a, const char *text, size_t n)
{
    int32_t low = 0, high = a->n_values;
    while (low < high) {
        size_t length;
        const int32_t middle = low + (high - low) / 2;
        const char *at = dg_attribute_text(a, middle, &length);
        const int order = compare(text, n, at, length);
        if (order == 0) return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}
