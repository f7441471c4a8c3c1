#include "artifact/attributes.h"

#include "artifact/mapped.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct dg_mapping { /* of one column */
    dg_mapped in;
    int64_t n_rows;
    dg_attribute *out;
} dg_mapping;

static dg_status wrong(const dg_mapping *m, int64_t row, const char *what, dg_err *err)
{
    return dg_mapped_wrong(&m->in, row, what, err);
}

static dg_status map_values(dg_mapping *m, dg_err *err)
{
    int64_t rows = 0;
    dg_attribute *a = m->out;
    dg_status st = dg_mapped_rows(&m->in, "values/offsets", &rows, err);
    if (st == DG_OK && (rows < 1 || rows > DG_ATTRIBUTE_VALUES_MAX + 1))
        st = wrong(m, rows, "is the last: too few or too many values", err);
    if (st != DG_OK) return st;
    a->n_values = (int32_t)(rows - 1);
    return dg_mapped_texts(&m->in, "values", a->n_values, &a->offset, &a->bytes, err);
}

static dg_status map_texts(dg_mapping *m, dg_err *err)
{
    const void *code;
    dg_attribute *a = m->out;
    dg_status st = map_values(m, err);
    if (st == DG_OK)
        st = dg_mapped_cut(&m->in, "ptr", "code", DG_I32, m->n_rows, &a->ptr, &code, err);
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
    const dg_status st = dg_mapped_array(&m->in, "number", DG_F64, m->n_rows, &at, err);
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
    dg_status st =
        dg_mapped_cut(&m->in, "names/offsets", "names/bytes", DG_U8, n, &offset, &bytes, err);
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
    st = dg_mapped_array(&m->in, "types", DG_U8, n, &type, err);
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
    dg_mapping m = {.in = dg_mapped_in(f, group), .n_rows = n_rows};
    char array[96];
    int64_t n = 0;
    *out = (dg_attributes){.n_rows = n_rows};
    snprintf(array, sizeof array, "%s/types", group);
    if (!dg_container_has(f, array)) return DG_OK;
    dg_status st = dg_mapped_rows(&m.in, "types", &n, err);
    if (st == DG_OK && (n < 1 || n > DG_ATTRIBUTES_MAX))
        st = DG_FAIL(err, DG_ERR_DATA, "%s: %s: %" PRId64 " attributes, not 1 to %d",
                     dg_container_path(f), array, n, DG_ATTRIBUTES_MAX);
    if (st == DG_OK) st = map_names(&m, (int32_t)n, out, err);
    for (int32_t k = 0; k < out->n && st == DG_OK; k++) {
        m.out = &out->at[k];
        snprintf(array, sizeof array, "%s/%d", group, k);
        m.in = dg_mapped_in(f, array);
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
    return (int32_t)dg_mapped_find(a->n_values, a->offset, a->bytes, text, n);
}
