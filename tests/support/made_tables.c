#include "made_tables.h"

#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM = 20 };

typedef struct row {
    int64_t user, time;
    char item[ITEM];
    const char *text; /* the item again */
    double value;
} row;

const made_way made_ways[MADE_WAYS] = {
    {"user", "item", "value", "time", "contiguous"},
    {"/log/user", "log/item", "log//value", "log/time", "chunked"},
    {"log/table/user", "log/table/item", "log/table/value", "log/table/time", "records"},
    {"user", "item", "value", "time", "newest"},
    {"user", "item", "value", "time", "compact"}};

static row row_at(int k)
{
    static const char *const odd[] = {"a,b", "\"quoted\"", "caf\xc3\xa9", "two words",
                                      "line\nfeed"};
    row r = {.user = k * 7 % 23, .time = 1600000000 + k * 977 % 5000, .value = (k % 10 + 1) * .5};
    if (k % 17 == 16) r.value = .1f; /* as float it needs its digits */
    if (k % 11 < 5)
        snprintf(r.item, sizeof r.item, "%s", odd[k % 11]);
    else
        snprintf(r.item, sizeof r.item, "item-%d", k * 5 % 31);
    return r;
}

static void add_quoted(const char *s, dg_text *out)
{
    dg_text_add(out, "\"");
    for (; *s != '\0'; s++) dg_text_add(out, *s == '"' ? "\"\"" : "%c", *s);
    dg_text_add(out, "\"");
}

void made_table_csv(int rows, dg_text *out)
{
    dg_text_add(out, "user,item,value,time\n");
    for (int k = 0; k < rows; k++) {
        const row r = row_at(k);
        dg_text_add(out, "%lld,", (long long)r.user);
        add_quoted(r.item, out);
        dg_text_add(out, ",%.9g,%lld\n", r.value, (long long)r.time);
    }
}

static void must(int64_t id)
{
    if (id < 0) abort();
}

typedef struct maker {
    int way, rows;
    hid_t file, links;
    const row *at;
} maker;

/* An array of one dimension; of way 3 one of one row. */
static void add_array(const maker *m, const char *name, hid_t stored, hid_t memory,
                      const void *values)
{
    const hsize_t n = (hsize_t)m->rows, chunk = m->rows < 7 ? n : 7, line[2] = {1, n};
    const hid_t space =
        m->way == 3 ? H5Screate_simple(2, line, NULL) : H5Screate_simple(1, &n, NULL);
    const hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    if (m->way == 1 || m->way == 2) {
        must(H5Pset_chunk(how, 1, &chunk));
    }
    if (H5Pget_layout(how) == H5D_CHUNKED && H5Tdetect_class(stored, H5T_STRING) == 0) {
        must(H5Pset_shuffle(how));
        must(H5Pset_deflate(how, 6));
        must(H5Pset_fletcher32(how));
    }
    if (m->way == 4) must(H5Pset_layout(how, H5D_COMPACT));
    const hid_t set = H5Dcreate2(m->file, name, stored, space, m->links, how, H5P_DEFAULT);
    must(set);
    must(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    must(H5Dclose(set));
    must(H5Pclose(how));
    must(H5Sclose(space));
}

static hid_t text_type(size_t n, H5T_str_t pad)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    must(H5Tset_size(type, n));
    must(H5Tset_strpad(type, pad));
    return type;
}

static void add_records(const maker *m)
{
    const hid_t text = text_type(H5T_VARIABLE, H5T_STR_NULLTERM),
                memory = H5Tcreate(H5T_COMPOUND, sizeof(row)), stored = H5Tcreate(H5T_COMPOUND, 40);
    must(H5Tinsert(memory, "user", offsetof(row, user), H5T_NATIVE_INT64));
    must(H5Tinsert(memory, "item", offsetof(row, text), text));
    must(H5Tinsert(memory, "value", offsetof(row, value), H5T_NATIVE_DOUBLE));
    must(H5Tinsert(memory, "time", offsetof(row, time), H5T_NATIVE_INT64));
    must(H5Tinsert(stored, "time", 0, H5T_STD_U64BE));
    must(H5Tinsert(stored, "user", 8, H5T_STD_I16LE));
    must(H5Tinsert(stored, "value", 12, H5T_IEEE_F32LE));
    must(H5Tinsert(stored, "item", 16, text));
    add_array(m, "log/table", stored, memory, m->at);
    must(H5Tclose(stored));
    must(H5Tclose(memory));
    must(H5Tclose(text));
}

static void add_columns(const maker *m)
{
    static const char *const in_group[] = {"log/user", "log/item", "log/value", "log/time"};
    static const char *const alone[] = {"user", "item", "value", "time"};
    const char *const *name = m->way == 1 ? in_group : alone;
    const size_t n = (size_t)m->rows;
    int64_t *number = calloc(n, sizeof *number);
    double *real = calloc(n, sizeof *real);
    const char **text = calloc(n, sizeof *text);
    char *fixed = calloc(n, ITEM);
    const H5T_str_t pad = m->way == 3   ? H5T_STR_SPACEPAD
                          : m->way == 4 ? H5T_STR_NULLTERM
                                        : H5T_STR_NULLPAD;
    const hid_t free_text = text_type(H5T_VARIABLE, H5T_STR_NULLTERM),
                fixed_text = text_type(ITEM, pad);
    for (size_t k = 0; k < n; k++) number[k] = m->at[k].user;
    add_array(m, name[0], m->way == 0 ? H5T_STD_U8BE : H5T_STD_I32LE, H5T_NATIVE_INT64, number);
    for (size_t k = 0; k < n; k++) real[k] = m->at[k].value;
    add_array(m, name[2], m->way == 1 ? H5T_IEEE_F32BE : H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, real);
    for (size_t k = 0; k < n; k++) real[k] = (double)m->at[k].time;
    add_array(m, name[3], m->way == 0 ? H5T_STD_I64BE : H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, real);
    for (size_t k = 0; k < n; k++) {
        const size_t length = strlen(m->at[k].item);
        text[k] = m->at[k].item;
        memcpy(fixed + k * ITEM, m->at[k].item, length);
        if (m->way == 3) memset(fixed + k * ITEM + length, ' ', ITEM - length);
    }
    if (m->way == 1)
        add_array(m, name[1], free_text, free_text, text);
    else
        add_array(m, name[1], fixed_text, fixed_text, fixed);
    must(H5Tclose(free_text));
    must(H5Tclose(fixed_text));
    free(number);
    free(real);
    free(text);
    free(fixed);
}

void made_table_hdf5(const char *path, int way, int rows)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
    row *at = calloc((size_t)rows, sizeof *at);
    for (int k = 0; k < rows; k++) at[k] = row_at(k);
    for (int k = 0; k < rows; k++) at[k].text = at[k].item;
    must(H5Pset_sym_k(create, 2, 2)); /* small and many nodes of what finds names and chunks */
    must(H5Pset_istore_k(create, 2));
    if (way == 3) must(H5Pset_userblock(create, 1024));
    if (way >= 3) must(H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST));
    maker m = {way, rows, H5Fcreate(path, H5F_ACC_TRUNC, create, access),
               H5Pcreate(H5P_LINK_CREATE), at};
    must(m.file);
    must(H5Pset_create_intermediate_group(m.links, 1));
    if (way == 2)
        add_records(&m);
    else
        add_columns(&m);
    must(H5Pclose(m.links));
    must(H5Fclose(m.file));
    must(H5Pclose(access));
    must(H5Pclose(create));
    free(at);
}
