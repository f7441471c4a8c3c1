#include "artifact/layout.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dg_layout_quiet(void) { H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

/* IEEE binary16, which this HDF5 has no name for; h5py calls it float16. Never closed. */
static hid_t half_type(void)
{
    static hid_t half = H5I_INVALID_HID;
    if (half >= 0) return half;
    half = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    return half;
}

hid_t dg_layout_file_type(dg_type type)
{
    switch (type) {
    case DG_U8: return H5T_STD_U8LE;
    case DG_I32: return H5T_STD_I32LE;
    case DG_I64: return H5T_STD_I64LE;
    case DG_U64: return H5T_STD_U64LE;
    case DG_F32: return H5T_IEEE_F32LE;
    case DG_F64: return H5T_IEEE_F64LE;
    case DG_I8: return H5T_STD_I8LE;
    case DG_F16: return half_type();
    }
    return H5I_INVALID_HID;
}

hid_t dg_layout_memory_type(dg_type type)
{
    switch (type) {
    case DG_U8: return H5T_NATIVE_UINT8;
    case DG_I32: return H5T_NATIVE_INT32;
    case DG_I64: return H5T_NATIVE_INT64;
    case DG_U64: return H5T_NATIVE_UINT64;
    case DG_F32: return H5T_NATIVE_FLOAT;
    case DG_F64: return H5T_NATIVE_DOUBLE;
    case DG_I8: return H5T_NATIVE_INT8;
    case DG_F16: return half_type();
    }
    return H5I_INVALID_HID;
}

bool dg_layout_type_of(hid_t file_type, dg_type *out)
{
    for (dg_type t = DG_U8; t <= DG_F16; t++) {
        if (H5Tequal(file_type, dg_layout_file_type(t)) <= 0) continue;
        *out = t;
        return true;
    }
    return false;
}

size_t dg_type_size(dg_type type)
{
    static const size_t size[] = {1, 4, 8, 8, 4, 8, 1, 2};
    return size[type];
}

void dg_layout_digest_path(const char *array, char out[DG_PATH_SIZE])
{
    snprintf(out, DG_PATH_SIZE, "digests/%s", array);
}

bool dg_layout_is_content(const char *attribute)
{
    static const char *const apart[] = {"content_digest", "inputs", "created",
                                        "program",        "card",   "job"};
    for (size_t k = 0; k < sizeof apart / sizeof *apart; k++)
        if (strcmp(attribute, apart[k]) == 0) return false;
    return true;
}

static void add_line(dg_content *c, dg_text *line)
{
    dg_err err;
    if (line->failed)
        c->status = DG_ERR_NOMEM;
    else if (c->status == DG_OK)
        c->status = dg_strings_add(&c->lines, line->at, line->n, &err);
    dg_text_free(line);
}

void dg_content_text(dg_content *c, const char *name, const char *value)
{
    dg_text line = {0};
    dg_text_add(&line, "meta %s text %s\n", name, value);
    add_line(c, &line);
}

void dg_content_int(dg_content *c, const char *name, int64_t value)
{
    dg_text line = {0};
    dg_text_add(&line, "meta %s int %" PRId64 "\n", name, value);
    add_line(c, &line);
}

void dg_content_real(dg_content *c, const char *name, double value)
{
    dg_text line = {0};
    dg_text_add(&line, "meta %s real %a\n", name, value);
    add_line(c, &line);
}

void dg_content_array(dg_content *c, const char *array, const dg_array_info *info,
                      const uint64_t *table)
{
    dg_text line = {0};
    const dg_digest d = dg_digest_of(table, (size_t)info->n_shards * 4 * sizeof *table);
    dg_text_add(&line,
                "array %s type %d shape %" PRId64 " %" PRId64 " digest %016" PRIx64 "%016" PRIx64
                "\n",
                array, (int)info->type, info->n_rows, info->n_cols, d.high, d.low);
    add_line(c, &line);
}

static int by_bytes(const void *a, const void *b, void *strings)
{
    const dg_strings *sorting = strings;
    size_t na, nb;
    const char *x = dg_strings_at(sorting, *(const int64_t *)a, &na);
    const char *y = dg_strings_at(sorting, *(const int64_t *)b, &nb);
    const int order = memcmp(x, y, na < nb ? na : nb);
    return order != 0 ? order : (na > nb) - (na < nb);
}

dg_status dg_content_finish(dg_content *c, char hex[DG_HEX_SIZE], dg_err *err)
{
    dg_text all = {0};
    int64_t *order = dg_alloc((size_t)c->lines.n, sizeof *order);
    if (order == NULL) c->status = DG_ERR_NOMEM;
    if (c->status == DG_OK) {
        for (int64_t k = 0; k < c->lines.n; k++) order[k] = k;
        qsort_r(order, (size_t)c->lines.n, sizeof *order, by_bytes, &c->lines);
        for (int64_t k = 0; k < c->lines.n; k++) {
            size_t n;
            const char *line = dg_strings_at(&c->lines, order[k], &n);
            dg_text_bytes(&all, line, n);
        }
        if (all.failed) c->status = DG_ERR_NOMEM;
    }
    if (c->status == DG_OK) dg_digest_hex(all.at, all.n, hex);
    const dg_status st = c->status;
    dg_free(order);
    dg_text_free(&all);
    dg_strings_free(&c->lines);
    return st == DG_OK ? DG_OK : DG_FAIL(err, st, "out of memory for the content digest");
}
