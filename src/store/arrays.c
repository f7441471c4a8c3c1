#include "store/arrays.h"

#include "base/memory.h"
#include "store/array.h"
#include "table/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_ROWS = 8192,     /* read at a time, and no more */
    BATCH_BYTES = 4 << 20, /* than this of a column */
    FLUSH = 256 << 10      /* bytes of text */
};

typedef struct dg_batch { /* rows on their way from arrays to text */
    const dg_tables *tables;
    int32_t n_columns;
    dg_array *array; /* (n_columns,) */
    char **at;       /* (n_columns,) elements of up to `rows` rows */
    int64_t rows;
    dg_text text;
    dg_arrays_sink *sink;
    void *context;
    bool enough; /* says the sink */
} dg_batch;

static dg_status flush(dg_batch *b, dg_err *err)
{
    if (b->text.failed) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", b->tables->path);
    b->enough = !b->sink(b->context, b->text.at, b->text.n);
    b->text.n = 0;
    return DG_OK;
}

static void write_uint(dg_text *t, uint64_t v, bool negative)
{
    char digits[24], *at = digits + sizeof digits;
    do {
        *--at = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    if (negative) *--at = '-';
    dg_text_bytes(t, at, (size_t)(digits + sizeof digits - at));
}

static void write_int(dg_text *t, int64_t v)
{
    write_uint(t, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0);
}

/* As few digits as it comes back from; NaN, which stands for a missing number, as nothing. */
static void write_real(dg_text *t, double v, bool single)
{
    char text[40];
    if (isnan(v)) return;
    if (fabs(v) < 1e15 && v == floor(v)) {
        write_int(t, (int64_t)v);
        return;
    }
    const int most = single ? 9 : 17;
    for (int digits = single ? 6 : 15; digits <= most; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (single ? (double)strtof(text, NULL) == v : strtod(text, NULL) == v) break;
    }
    dg_text_bytes(t, text, strlen(text));
}

static size_t without_padding(const dg_array *a, const char *at)
{
    size_t n = a->size;
    if (a->pad == H5T_STR_NULLTERM) return strnlen(at, n);
    const char padding = a->pad == H5T_STR_SPACEPAD ? ' ' : '\0';
    while (n > 0 && at[n - 1] == padding) n--;
    return n;
}

static void write_element(dg_text *t, const dg_array *a, const char *at)
{
    int64_t whole;
    uint64_t natural;
    float single;
    double real;
    const char *text;
    switch (a->kind) {
    case DG_ARRAY_INT: write_int(t, *(int64_t *)memcpy(&whole, at, sizeof whole)); break;
    case DG_ARRAY_UINT:
        write_uint(t, *(uint64_t *)memcpy(&natural, at, sizeof natural), false);
        break;
    case DG_ARRAY_SINGLE:
        write_real(t, (double)*(float *)memcpy(&single, at, sizeof single), true);
        break;
    case DG_ARRAY_REAL: write_real(t, *(double *)memcpy(&real, at, sizeof real), false); break;
    case DG_ARRAY_FIXED: dg_csv_field(t, at, without_padding(a, at)); break;
    case DG_ARRAY_TEXT:
        memcpy(&text, at, sizeof text);
        if (text != NULL) dg_csv_field(t, text, strlen(text));
        break;
    }
}

static dg_status read_column(const dg_batch *b, int32_t k, int64_t row, int64_t n, hid_t memory,
                             dg_err *err)
{
    const dg_array *a = &b->array[k];
    hsize_t start[2] = {0}, count[2] = {1, 1};
    start[a->axis] = (hsize_t)row;
    count[a->axis] = (hsize_t)n;
    if (H5Sselect_hyperslab(a->space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
        H5Dread(a->set, a->type, memory, a->space, H5P_DEFAULT, b->at[k]) >= 0)
        return DG_OK;
    return dg_tables_refuse(b->tables, a->name, "damaged", err);
}

static dg_status write_rows(dg_batch *b, int64_t n, dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t r = 0; r < n && st == DG_OK && !b->enough; r++) {
        for (int32_t k = 0; k < b->n_columns; k++) {
            const dg_array *a = &b->array[k];
            write_element(&b->text, a, b->at[k] + (size_t)r * a->size);
            dg_csv_end(&b->text, k + 1 == b->n_columns);
        }
        if (b->text.n >= FLUSH) st = flush(b, err);
    }
    return st;
}

static dg_status write_batch(dg_batch *b, int64_t row, int64_t n, dg_err *err)
{
    const hsize_t length = (hsize_t)n;
    const hid_t memory = H5Screate_simple(1, &length, NULL);
    dg_status st = DG_OK;
    int32_t read = 0;
    if (memory < 0) return dg_tables_refuse(b->tables, "", "cannot be read", err);
    while (read < b->n_columns && st == DG_OK) {
        b->sink(b->context, NULL, 0);
        st = read_column(b, read++, row, n, memory, err);
    }
    if (st == DG_OK) st = write_rows(b, n, err);
    for (int32_t k = 0; k < read && st == DG_OK; k++)
        if (b->array[k].kind == DG_ARRAY_TEXT)
            H5Dvlen_reclaim(b->array[k].type, memory, H5P_DEFAULT, b->at[k]);
    H5Sclose(memory);
    return st;
}

static dg_status make_room(dg_batch *b, dg_err *err)
{
    b->rows = BATCH_ROWS;
    for (int32_t k = 0; k < b->n_columns; k++) {
        const int64_t fit = BATCH_BYTES / (int64_t)b->array[k].size;
        if (fit < b->rows) b->rows = fit; /* an element is at most 1 MiB */
    }
    for (int32_t k = 0; k < b->n_columns; k++)
        if ((b->at[k] = dg_alloc((size_t)b->rows, b->array[k].size)) == NULL)
            return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", b->tables->path);
    return DG_OK;
}

static dg_status open_columns(dg_batch *b, const dg_cutout *cut, dg_err *err)
{
    dg_status st = DG_OK;
    b->array = dg_alloc((size_t)cut->n, sizeof *b->array);
    b->at = dg_alloc((size_t)cut->n, sizeof *b->at);
    if (b->array == NULL || b->at == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", b->tables->path);
    while (b->n_columns < cut->n && st == DG_OK) {
        const dg_array *first = &b->array[0], *a = &b->array[b->n_columns];
        st = dg_array_open(b->tables, cut->column[b->n_columns], &b->array[b->n_columns], err);
        b->n_columns++;
        if (st == DG_OK && a->n_rows != first->n_rows)
            st = DG_FAIL(err, DG_ERR_DATA, "%s: %.200s has %lld rows, %.200s has %lld",
                         b->tables->path, first->name, (long long)first->n_rows, a->name,
                         (long long)a->n_rows);
    }
    return st == DG_OK ? make_room(b, err) : st;
}

static int64_t row_at(int64_t n_rows, int64_t byte, int64_t size)
{
    __extension__ typedef __int128 whole;
    return (int64_t)((whole)n_rows * byte / size);
}

static dg_status write_table(dg_batch *b, const dg_cutout *cut, dg_err *err)
{
    dg_status st = open_columns(b, cut, err);
    if (st != DG_OK) return st;
    for (int32_t k = 0; k < cut->n; k++) {
        dg_csv_field(&b->text, cut->column[k], strlen(cut->column[k]));
        dg_csv_end(&b->text, k + 1 == cut->n);
    }
    const int64_t n_rows = b->array[0].n_rows, size = b->tables->size;
    const int64_t end = row_at(n_rows, cut->end, size);
    for (int64_t row = row_at(n_rows, cut->begin, size); row < end && st == DG_OK && !b->enough;
         row += b->rows)
        st = write_batch(b, row, end - row < b->rows ? end - row : b->rows, err);
    return st == DG_OK && !b->enough ? flush(b, err) : st;
}

static void close_columns(dg_batch *b)
{
    for (int32_t k = 0; k < b->n_columns; k++) {
        dg_array_close(&b->array[k]);
        dg_free(b->at[k]);
    }
    dg_free(b->array);
    dg_free(b->at);
    dg_text_free(&b->text);
}

/* A link to another file is told as such where it stands in a path; behind a soft link HDF5 asks.
 */
static herr_t follow_none(const char *file, const char *path, const char *target, const char *name,
                          unsigned *flags, hid_t access, void *context)
{
    (void)file, (void)path, (void)target, (void)name, (void)flags, (void)access, (void)context;
    return -1;
}

static dg_status open_tables(dg_tables *t, dg_err *err)
{
    getrlimit(RLIMIT_NOFILE, &t->opened);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    t->access = H5Pcreate(H5P_DATASET_ACCESS);
    if (t->access >= 0) H5Pset_elink_cb(t->access, follow_none, NULL);
    t->file = t->access < 0 ? H5I_INVALID_HID : H5Fopen(t->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    return t->file >= 0 ? DG_OK : dg_tables_refuse(t, "", "HDF5 cannot open it", err);
}

dg_status dg_arrays_write(const char *path, int64_t size, const dg_cutout *cut,
                          dg_arrays_sink *sink, void *context, dg_err *err)
{
    dg_tables t = {.path = path, .size = size, .complete = cut->begin == 0};
    dg_batch b = {.tables = &t, .sink = sink, .context = context};
    dg_status st = open_tables(&t, err);
    dg_tables_allow(&t, false);
    if (st == DG_OK) st = write_table(&b, cut, err);
    close_columns(&b);
    if (t.file >= 0) H5Fclose(t.file);
    if (t.access >= 0) H5Pclose(t.access);
    dg_tables_allow(&t, true);
    return st;
}
