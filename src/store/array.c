#include "store/array.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
    MOST_DIMS = 2,
    SHOWN = 16,            /* names that an error lists */
    LISTED = 1000,         /* and those it knows of */
    ELEMENT_MAX = 1 << 20, /* bytes: a longer field is no csv record */
    CHUNK_MAX = 256 << 20, /* bytes */
    ROWS_A_BYTE = 1100     /* deflate makes at most 1032 bytes of one */
};

static herr_t first_reason(unsigned n, const H5E_error2_t *e, void *out)
{
    (void)n;
    snprintf(out, 200, "%s", e->desc == NULL ? "" : e->desc);
    return 1; /* the innermost says most */
}

dg_status dg_tables_refuse(const dg_tables *t, const char *array, const char *what, dg_err *err)
{
    char reason[200] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, reason);
    return DG_FAIL(err, DG_ERR_DATA, "%s: %.200s%s%s%s%s", t->path, array,
                   array[0] == '\0' ? "" : ": ", what, reason[0] == '\0' ? "" : ": ", reason);
}

/* What is wrong is known without HDF5. */
static dg_status refuse_kind(const dg_tables *t, const dg_array *a, const char *what, dg_err *err)
{
    return DG_FAIL(err, DG_ERR_DATA, "%s: %.200s: %s", t->path, a->name, what);
}

void dg_tables_allow(const dg_tables *t, bool files)
{
    struct rlimit limit = t->opened;
    if (!files) limit.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &limit);
}

typedef struct dg_names {
    dg_text text; /* names, each with its NUL */
    int64_t n;
} dg_names;

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *out)
{
    dg_names *names = out;
    (void)group, (void)info;
    dg_text_bytes(&names->text, name, strlen(name) + 1);
    return ++names->n == LISTED; /* ends it */
}

static void list_members(hid_t type, dg_names *out)
{
    const int n = H5Tget_nmembers(type);
    for (int k = 0; k < n && k < LISTED; k++) {
        char *name = H5Tget_member_name(type, (unsigned)k);
        if (name != NULL) add_name(0, name, NULL, out);
        H5free_memory(name);
    }
}

/* "…: no `wanted` in `where`; there are …", and the nearest of them as a hint. */
static dg_status not_among(const dg_tables *t, const char *wanted, const char *where,
                           dg_names *names, dg_err *err)
{
    char shown[100];
    dg_text list = {0};
    const char **name = dg_alloc((size_t)names->n, sizeof *name);
    const char *at = names->text.at;
    if (name == NULL || names->text.failed) {
        dg_free(name);
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", t->path);
    }
    for (int64_t k = 0; k < names->n; k++, at += strlen(at) + 1) {
        name[k] = at;
        if (k < SHOWN)
            dg_text_add(&list, "%s%s", k == 0 ? "" : ", ",
                        dg_show_quoted(at, strlen(at), shown, sizeof shown));
    }
    if (names->n > SHOWN) dg_text_add(&list, " and more");
    dg_status st = DG_FAIL(err, DG_ERR_CONFIG, "%s: no %s in %.200s; there are %.400s", t->path,
                           dg_show_quoted(wanted, strlen(wanted), shown, sizeof shown), where,
                           list.n == 0 ? "none" : list.at);
    const char *nearest = dg_nearest(wanted, name, (size_t)names->n);
    if (nearest != NULL) st = dg_err_hint(err, st, "did you mean \"%.100s\"?", nearest);
    dg_text_free(&list);
    dg_free(name);
    return st;
}

static dg_status not_in_group(const dg_tables *t, const char *wanted, const char *group,
                              dg_err *err)
{
    dg_names names = {0};
    hsize_t from = 0;
    const hid_t id = H5Gopen2(t->file, group, H5P_DEFAULT);
    if (id >= 0) H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, &from, add_name, &names);
    if (id >= 0) H5Gclose(id);
    const dg_status st = not_among(t, wanted, group, &names, err);
    dg_text_free(&names.text);
    return st;
}

/* The next part of a path, "a" of "/a/b"; false at its end. */
static bool next_part(const char **rest, char part[DG_ARRAY_PATH])
{
    const char *at = *rest + strspn(*rest, "/");
    const size_t n = strcspn(at, "/");
    snprintf(part, DG_ARRAY_PATH, "%.*s", (int)n, at);
    *rest = at + n;
    return n > 0;
}

/* Is the link `path` one within this file, and to what? */
static dg_status look_at_link(const dg_tables *t, const dg_array *a, const char *path,
                              H5O_type_t *type, dg_err *err)
{
    H5L_info_t link;
    H5O_info_t object;
    if (H5Lget_info(t->file, path, &link, t->access) < 0)
        return dg_tables_refuse(t, a->name, "damaged", err);
    if (link.type != H5L_TYPE_HARD && link.type != H5L_TYPE_SOFT)
        return refuse_kind(t, a, "a link to another file, which is not followed", err);
    if (H5Oget_info_by_name2(t->file, path, &object, H5O_INFO_BASIC, t->access) < 0)
        return dg_tables_refuse(t, a->name, "it leads to nothing", err);
    *type = object.type;
    return DG_OK;
}

/* Find the array of a column and the field of its records: the path leads through groups to an
 * array, and what is left of it behind that is the field. */
static dg_status find_array(const dg_tables *t, dg_array *a, dg_err *err)
{
    char part[DG_ARRAY_PATH], group[DG_ARRAY_PATH] = "/";
    const char *rest = a->name;
    H5O_type_t type = H5O_TYPE_GROUP;
    if (strlen(a->name) >= DG_ARRAY_PATH - 1) return refuse_kind(t, a, "too long a path", err);
    while (type == H5O_TYPE_GROUP && next_part(&rest, part)) {
        const size_t n = strlen(a->path);
        snprintf(group, sizeof group, "%s", n == 0 ? "/" : a->path);
        snprintf(a->path + n, sizeof a->path - n, "/%s", part);
        if (H5Lexists(t->file, a->path, t->access) <= 0) return not_in_group(t, part, group, err);
        const dg_status st = look_at_link(t, a, a->path, &type, err);
        if (st != DG_OK) return st;
    }
    snprintf(a->field, sizeof a->field, "%s", rest + strspn(rest, "/"));
    if (type == H5O_TYPE_DATASET) return DG_OK;
    dg_status st =
        refuse_kind(t, a, type == H5O_TYPE_GROUP ? "a group, not an array" : "no array", err);
    if (type != H5O_TYPE_GROUP) return st;
    return dg_err_hint(err, st, "name an array in it, as in %.100s/user", a->path);
}

static dg_status set_type(const dg_tables *t, dg_array *a, hid_t stored, dg_err *err)
{
    const H5T_class_t class = H5Tget_class(stored);
    const size_t size = H5Tget_size(stored);
    hid_t type = H5I_INVALID_HID;
    if (class == H5T_INTEGER && size <= 8) {
        a->kind = H5Tget_sign(stored) == H5T_SGN_NONE ? DG_ARRAY_UINT : DG_ARRAY_INT;
        type = H5Tcopy(a->kind == DG_ARRAY_UINT ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64);
    } else if (class == H5T_FLOAT && size <= 16) {
        a->kind = size <= 4 ? DG_ARRAY_SINGLE : DG_ARRAY_REAL;
        type = H5Tcopy(a->kind == DG_ARRAY_SINGLE ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE);
    } else if (class == H5T_STRING && H5Tis_variable_str(stored) > 0) {
        a->kind = DG_ARRAY_TEXT;
        type = H5Tcopy(stored);
    } else if (class == H5T_STRING && size > 0 && size <= ELEMENT_MAX) {
        a->kind = DG_ARRAY_FIXED;
        a->pad = H5Tget_strpad(stored);
        type = H5Tcopy(stored);
    } else {
        return refuse_kind(t, a, "neither numbers nor strings, or too large ones", err);
    }
    a->type = type;
    a->size = type < 0 ? 0 : H5Tget_size(type);
    return a->size > 0 ? DG_OK : dg_tables_refuse(t, a->name, "of a type that cannot be read", err);
}

/* Of records the one field is read. */
static dg_status set_field(const dg_tables *t, dg_array *a, hid_t stored, dg_err *err)
{
    const int k = H5Tget_member_index(stored, a->field);
    const hid_t field = k < 0 ? H5I_INVALID_HID : H5Tget_member_type(stored, (unsigned)k);
    if (field < 0) {
        dg_names names = {0};
        list_members(stored, &names);
        const dg_status st = not_among(t, a->field, a->path, &names, err);
        dg_text_free(&names.text);
        return st;
    }
    dg_status st = set_type(t, a, field, err);
    H5Tclose(field);
    if (st != DG_OK) return st;
    const hid_t one = H5Tcreate(H5T_COMPOUND, a->size);
    if (one < 0 || H5Tinsert(one, a->field, 0, a->type) < 0)
        st = dg_tables_refuse(t, a->name, "of a type that cannot be read", err);
    H5Tclose(a->type);
    a->type = one;
    return st;
}

static dg_status find_type(const dg_tables *t, dg_array *a, dg_err *err)
{
    const hid_t stored = H5Dget_type(a->set);
    if (stored < 0) return dg_tables_refuse(t, a->name, "damaged", err);
    const bool records = H5Tget_class(stored) == H5T_COMPOUND;
    dg_status st;
    if (records && a->field[0] != '\0') {
        st = set_field(t, a, stored, err);
    } else if (records) {
        st = refuse_kind(t, a, "an array of records", err);
        st = dg_err_hint(err, st, "name a field of them behind it, as in %.100s/user", a->name);
    } else if (a->field[0] != '\0') {
        st = DG_FAIL(err, DG_ERR_CONFIG, "%s: %.200s has no fields, so none is \"%.100s\"", t->path,
                     a->path, a->field);
    } else {
        st = set_type(t, a, stored, err);
    }
    H5Tclose(stored);
    return st;
}

static dg_status find_shape(const dg_tables *t, dg_array *a, hsize_t dims[MOST_DIMS], dg_err *err)
{
    a->space = H5Dget_space(a->set);
    if (a->space < 0) return dg_tables_refuse(t, a->name, "damaged", err);
    a->n_dims = H5Sget_simple_extent_ndims(a->space);
    if (a->n_dims < 1 || a->n_dims > MOST_DIMS ||
        H5Sget_simple_extent_dims(a->space, dims, NULL) != a->n_dims ||
        (a->n_dims == 2 && dims[0] != 1 && dims[1] != 1))
        return refuse_kind(t, a, "not an array of one dimension", err);
    a->axis = a->n_dims == 2 && dims[0] == 1;
    if (dims[a->axis] / ROWS_A_BYTE > (hsize_t)t->size)
        return DG_FAIL(err, DG_ERR_DATA, "%s: %.200s: %llu rows in a file of %lld bytes", t->path,
                       a->name, (unsigned long long)dims[a->axis], (long long)t->size);
    a->n_rows = (int64_t)dims[a->axis];
    return DG_OK;
}

/* Filters are asked for here, as HDF5 may have to load one. */
static dg_status check_filters(const dg_tables *t, const dg_array *a, hid_t how, dg_err *err)
{
    const int n = H5Pget_nfilters(how);
    for (int k = 0; k < n; k++) {
        char name[64] = "";
        unsigned flags, config = 0;
        size_t none = 0;
        const H5Z_filter_t id =
            H5Pget_filter2(how, (unsigned)k, &flags, &none, NULL, sizeof name, name, &config);
        dg_tables_allow(t, true);
        const bool there = id >= 0 && H5Zfilter_avail(id) > 0;
        dg_tables_allow(t, false);
        if (there) continue;
        const dg_status st =
            DG_FAIL(err, DG_ERR_DATA, "%s: %.200s: packed by filter %d (%.60s), which is not there",
                    t->path, a->name, (int)id, name[0] == '\0' ? "unnamed" : name);
        return dg_err_hint(err, st, "where it was written: h5repack -f GZIP=4 IN OUT");
    }
    return DG_OK;
}

static dg_status check_chunks(const dg_tables *t, dg_array *a, hid_t how, const hsize_t *dims,
                              dg_err *err)
{
    hsize_t chunk[MOST_DIMS] = {0}, expected = 1, written = 0;
    const hid_t stored = H5Dget_type(a->set);
    double bytes = stored < 0 ? 0 : (double)H5Tget_size(stored);
    if (stored >= 0) H5Tclose(stored);
    bool good = bytes > 0 && H5Pget_chunk(how, MOST_DIMS, chunk) == a->n_dims;
    for (int k = 0; k < a->n_dims && good; k++) {
        good = chunk[k] > 0;
        bytes *= (double)chunk[k];
        expected *= good ? dims[k] / chunk[k] + (dims[k] % chunk[k] > 0) : 1;
    }
    if (!good) return dg_tables_refuse(t, a->name, "damaged", err);
    if (bytes > CHUNK_MAX) {
        const dg_status st = refuse_kind(t, a, "its chunks are larger than 256 MiB", err);
        return dg_err_hint(err, st, "h5repack -l %.100s:CHUNK=100000 IN OUT", a->path);
    }
    a->chunk = (int64_t)bytes;
    if (!t->complete) return DG_OK;
    if (H5Dget_num_chunks(a->set, a->space, &written) < 0)
        return dg_tables_refuse(t, a->name, "damaged", err);
    return written >= expected ? DG_OK : refuse_kind(t, a, "not all of it was ever written", err);
}

static dg_status check_storage(const dg_tables *t, dg_array *a, const hsize_t *dims, dg_err *err)
{
    dg_status st = DG_OK;
    const hid_t how = H5Dget_create_plist(a->set);
    if (how < 0) return dg_tables_refuse(t, a->name, "damaged", err);
    const H5D_layout_t layout = H5Pget_layout(how);
    if (layout == H5D_VIRTUAL || H5Pget_external_count(how) != 0)
        st = refuse_kind(t, a, "it lies in other files, which are not opened", err);
    else if (layout == H5D_CHUNKED)
        st = check_chunks(t, a, how, dims, err);
    else if (a->n_rows > 0 && H5Dget_storage_size(a->set) == 0)
        st = refuse_kind(t, a, "not all of it was ever written", err);
    if (st == DG_OK) st = check_filters(t, a, how, err);
    H5Pclose(how);
    return st;
}

/* Open it anew so that a chunk is unpacked once, however few of its rows are read at a time. */
static dg_status hold_chunk(const dg_tables *t, dg_array *a, dg_err *err)
{
    const hid_t access = H5Pcopy(t->access);
    if (a->chunk == 0 || access < 0) return DG_OK;
    H5Pset_chunk_cache(access, 521, (size_t)a->chunk, 1);
    H5Dclose(a->set);
    a->set = H5Dopen2(t->file, a->path, access);
    H5Pclose(access);
    return a->set >= 0 ? DG_OK : dg_tables_refuse(t, a->name, "damaged", err);
}

dg_status dg_array_open(const dg_tables *t, const char *name, dg_array *out, dg_err *err)
{
    hsize_t dims[MOST_DIMS] = {0};
    *out = (dg_array){
        .name = name, .set = H5I_INVALID_HID, .space = H5I_INVALID_HID, .type = H5I_INVALID_HID};
    dg_status st = find_array(t, out, err);
    if (st == DG_OK && (out->set = H5Dopen2(t->file, out->path, t->access)) < 0)
        st = dg_tables_refuse(t, name, "cannot be opened", err);
    if (st == DG_OK) st = find_type(t, out, err);
    if (st == DG_OK) st = find_shape(t, out, dims, err);
    if (st == DG_OK) st = check_storage(t, out, dims, err);
    return st == DG_OK ? hold_chunk(t, out, err) : st;
}

void dg_array_close(dg_array *a)
{
    if (a->type >= 0) H5Tclose(a->type);
    if (a->space >= 0) H5Sclose(a->space);
    if (a->set >= 0) H5Dclose(a->set);
    a->type = a->space = a->set = H5I_INVALID_HID;
}
