#include "artifact/container.h"

#include "artifact/crypt.h"
#include "artifact/image.h"
#include "artifact/layout.h"
#include "artifact/seal.h"
#include "base/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct dg_container {
    char *path, *format, *content;
    hid_t file;
    char *map; /* whole file: there from the start, or mapped at the first dg_container_map */
    size_t map_bytes;
    bool borrowed;                                                /* the map is somebody else's */
    char encrypted_by[DG_KEY_ID_SIZE], signed_by[DG_KEY_ID_SIZE]; /* "" for nobody */
};

const char *dg_container_path(const dg_container *c) { return c->path; }
const char *dg_container_format(const dg_container *c) { return c->format; }
const char *dg_container_content(const dg_container *c) { return c->content; }

const char *dg_container_encrypted(const dg_container *c)
{
    return c->encrypted_by[0] == '\0' ? NULL : c->encrypted_by;
}

const char *dg_container_signed(const dg_container *c)
{
    return c->signed_by[0] == '\0' ? NULL : c->signed_by;
}

static dg_status fail_data(const dg_container *c, const char *array, const char *what, dg_err *err)
{
    return DG_FAIL(err, DG_ERR_DATA, "%s: %s: %s", c->path, array, what);
}

/* A scalar attribute of a group, or an invalid id. */
static hid_t open_attribute(const dg_container *c, const char *group, const char *name)
{
    hid_t attr = H5Aopen_by_name(c->file, group, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attr < 0) return attr;
    hid_t space = H5Aget_space(attr);
    const bool scalar = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
    if (space >= 0) H5Sclose(space);
    if (scalar) return attr;
    H5Aclose(attr);
    return H5I_INVALID_HID;
}

static dg_status read_number(const dg_container *c, const char *group, const char *name,
                             H5T_class_t class, hid_t type, void *out, dg_err *err)
{
    bool good = false;
    hid_t attr = open_attribute(c, group, name);
    if (attr >= 0) {
        hid_t stored = H5Aget_type(attr);
        good = stored >= 0 && H5Tget_class(stored) == class && H5Aread(attr, type, out) >= 0;
        if (stored >= 0) H5Tclose(stored);
        H5Aclose(attr);
    }
    if (good) return DG_OK;
    return DG_FAIL(err, DG_ERR_DATA, "%s: %s has no number \"%s\"", c->path, group, name);
}

dg_status dg_container_int(const dg_container *c, const char *group, const char *name, int64_t *out,
                           dg_err *err)
{
    return read_number(c, group, name, H5T_INTEGER, H5T_NATIVE_INT64, out, err);
}

dg_status dg_container_real(const dg_container *c, const char *group, const char *name, double *out,
                            dg_err *err)
{
    return read_number(c, group, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, out, err);
}

/* Text attributes are fixed-length strings: nothing is allocated by the library. */
static dg_status read_text(hid_t attr, char **out)
{
    enum { LONGEST = 60000 }; /* an attribute in an object header is under 64 KiB */
    hid_t type = H5Aget_type(attr);
    const size_t n = type < 0 || H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0
                         ? 0
                         : H5Tget_size(type);
    dg_status st = n > 0 && n <= LONGEST ? DG_OK : DG_ERR_DATA;
    if (st == DG_OK && (*out = dg_alloc(n + 1, 1)) == NULL) st = DG_ERR_NOMEM;
    if (st == DG_OK && H5Aread(attr, type, *out) < 0) {
        dg_free(*out);
        *out = NULL;
        st = DG_ERR_DATA;
    }
    if (type >= 0) H5Tclose(type);
    return st;
}

dg_status dg_container_text(const dg_container *c, const char *group, const char *name, char **out,
                            dg_err *err)
{
    hid_t attr = open_attribute(c, group, name);
    *out = NULL;
    const dg_status st = attr < 0 ? DG_ERR_DATA : read_text(attr, out);
    if (attr >= 0) H5Aclose(attr);
    if (st == DG_OK) return DG_OK;
    if (st == DG_ERR_NOMEM)
        return DG_FAIL(err, st, "%s: out of memory reading \"%s\"", c->path, name);
    return DG_FAIL(err, st, "%s: %s has no text \"%s\"", c->path, group, name);
}

static dg_status check_format(dg_container *c, const char *format, int version, dg_err *err)
{
    int64_t found = 0;
    dg_status st = dg_container_text(c, "/meta", "format", &c->format, err);
    if (st == DG_OK && format != NULL && strcmp(format, c->format) != 0)
        return DG_FAIL(err, DG_ERR_DATA, "%s: is a %.40s file, a %s file is needed", c->path,
                       c->format, format);
    if (st == DG_OK) st = dg_container_int(c, "/meta", "format_version", &found, err);
    if (st == DG_OK && (found < 1 || found > version)) {
        st = DG_FAIL(err, DG_ERR_DATA, "%s: format version %lld, this program reads up to %d",
                     c->path, (long long)found, version);
        return dg_err_hint(err, st, "use the Daogou version that wrote it, or newer");
    }
    if (st == DG_OK) st = dg_container_text(c, "/meta", "content_digest", &c->content, err);
    return st;
}

static dg_status new_container(const char *path, dg_container **out, dg_err *err)
{
    dg_layout_quiet();
    dg_container *c = *out = dg_alloc(1, sizeof *c);
    if (c == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    c->file = H5I_INVALID_HID;
    c->path = dg_strdup(path);
    if (c->path != NULL) return DG_OK;
    dg_container_close(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
}

/* Ends what opens a container: the file is there, or all is undone. */
static dg_status finish_open(dg_status st, const char *format, int version, dg_container **out,
                             dg_err *err)
{
    if (st == DG_OK && (*out)->file < 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: not a readable HDF5 file", (*out)->path);
    if (st == DG_OK) st = check_format(*out, format, version, err);
    if (st != DG_OK) dg_container_close(out);
    return st;
}

dg_status dg_container__open_checked(const char *path, const char *format, int version,
                                     dg_container **out, dg_err *err)
{
    const dg_status st = new_container(path, out, err);
    if (st == DG_OK) (*out)->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    return finish_open(st, format, version, out, err);
}

dg_status dg_container_open(const char *path, const char *format, int version, dg_container **out,
                            dg_err *err)
{
    *out = NULL;
    const dg_status st = dg_seal_check(path, err);
    return st == DG_OK ? dg_container__open_checked(path, format, version, out, err) : st;
}

static dg_status map_descriptor(dg_container *c, int fd, dg_err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return dg_err_errno(err, c->path, "cannot look at");
    if (S_ISDIR(info.st_mode))
        return DG_FAIL(err, DG_ERR_DATA, "%s: is a folder, not a Daogou file", c->path);
    if (info.st_size <= DG_SEAL_SIZE)
        return DG_FAIL(err, DG_ERR_DATA, "%s: not a Daogou file (only %lld bytes)", c->path,
                       (long long)info.st_size);
    void *at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return dg_err_errno(err, c->path, "cannot map");
    c->map = at;
    c->map_bytes = (size_t)info.st_size;
    return DG_OK;
}

/* In place of an encrypted file's mapping: its plain bytes. */
static dg_status decrypt(dg_container *c, int fd, const dg_key *key, dg_err *err)
{
    dg_crypt head;
    char *plain;
    const dg_status st = dg_crypt_load(fd, c->path, key, &head, &plain, err);
    if (st != DG_OK) return st;
    munmap(c->map, c->map_bytes);
    c->map = plain;
    c->map_bytes = (size_t)head.n_bytes;
    memcpy(c->encrypted_by, head.key_id, sizeof head.key_id);
    return DG_OK;
}

/* Check the seal of what is mapped, then let HDF5 see it. A file is digested through its
 * descriptor: that brings no page into this process. */
static dg_status open_mapped(dg_container *c, int fd, const dg_access *access, dg_err *err)
{
    dg_signature s;
    const dg_sealed file = {c->path, fd, fd < 0 ? c->map : NULL, (int64_t)c->map_bytes};
    const dg_status st = dg_seal_check_bytes(&file, access->trusted, err);
    if (st != DG_OK) return st;
    if (dg_seal_signature(c->map, &s)) dg_key_id(&s.by, c->signed_by);
    c->file = dg_image_open(c->map, c->map_bytes);
    return DG_OK;
}

dg_status dg_container_open_for(const char *path, const char *format, int version,
                                const dg_access *access, dg_container **out, dg_err *err)
{
    static const dg_access nothing;
    if (access == NULL) access = &nothing;
    *out = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, path, "cannot open");
    dg_status st = new_container(path, out, err);
    if (st == DG_OK) st = map_descriptor(*out, fd, err);
    const bool encrypted = st == DG_OK && dg_crypt_is((*out)->map);
    if (encrypted) st = decrypt(*out, fd, access->decrypt, err);
    if (st == DG_OK) st = open_mapped(*out, encrypted ? -1 : fd, access, err);
    close(fd);
    return finish_open(st, format, version, out, err);
}

dg_status dg_container_open_bytes(const char *name, const void *at, size_t n, const char *format,
                                  int version, const dg_access *access, dg_container **out,
                                  dg_err *err)
{
    static const dg_access nothing;
    dg_status st = new_container(name, out, err);
    if (st == DG_OK) {
        (*out)->map = (char *)(uintptr_t)at;
        (*out)->map_bytes = n;
        (*out)->borrowed = true;
        st = open_mapped(*out, -1, access == NULL ? &nothing : access, err);
    }
    return finish_open(st, format, version, out, err);
}

void dg_container_close(dg_container **c)
{
    if (*c == NULL) return;
    if ((*c)->file >= 0) H5Fclose((*c)->file);
    if ((*c)->map != NULL && !(*c)->borrowed) munmap((*c)->map, (*c)->map_bytes);
    dg_free((*c)->path);
    dg_free((*c)->format);
    dg_free((*c)->content);
    dg_free(*c);
    *c = NULL;
}

bool dg_container_has(const dg_container *c, const char *array)
{
    char part[DG_PATH_SIZE];
    snprintf(part, sizeof part, "%s", array);
    for (char *slash = part; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0'; /* H5Lexists wants every group on the way to exist */
        if (H5Lexists(c->file, part, H5P_DEFAULT) <= 0) return false;
        *slash = '/';
    }
    return H5Lexists(c->file, part, H5P_DEFAULT) > 0;
}

/* Type and shape of an open dataset; false for anything this format does not hold. */
static bool shape_of(hid_t set, dg_array_info *out)
{
    hsize_t dims[2] = {0, 1};
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    const int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    bool good = type >= 0 && (rank == 1 || rank == 2) && dg_layout_type_of(type, &out->type) &&
                H5Sget_simple_extent_dims(space, dims, NULL) == rank && dims[0] <= INT64_MAX / 8 &&
                dims[1] >= 1 && dims[1] <= INT32_MAX &&
                dims[0] <= (uint64_t)INT64_MAX / 8 / dims[1];
    out->n_rows = (int64_t)dims[0];
    out->n_cols = (int64_t)dims[1];
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    return good;
}

static dg_status open_array(const dg_container *c, const char *array, hid_t *set,
                            dg_array_info *info, dg_err *err)
{
    *set = dg_container_has(c, array) ? H5Dopen2(c->file, array, H5P_DEFAULT) : H5I_INVALID_HID;
    if (*set < 0) return fail_data(c, array, "no such array", err);
    if (shape_of(*set, info)) return DG_OK;
    H5Dclose(*set);
    return fail_data(c, array, "not a one- or two-dimensional array of a known type", err);
}

static dg_status read_slab(const dg_container *c, const char *array, const dg_array_info *info,
                           int64_t begin, int64_t n, void *out, dg_err *err)
{
    dg_array_info again;
    hid_t set;
    if (n == 0) return DG_OK;
    dg_status st = open_array(c, array, &set, &again, err);
    if (st != DG_OK) return st;
    const hsize_t start[2] = {(hsize_t)begin, 0}, count[2] = {(hsize_t)n, (hsize_t)info->n_cols};
    hid_t file = H5Dget_space(set), memory = H5Screate_simple(2, count, NULL);
    const bool good =
        file >= 0 && memory >= 0 &&
        H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
        H5Dread(set, dg_layout_memory_type(info->type), memory, file, H5P_DEFAULT, out) >= 0;
    if (memory >= 0) H5Sclose(memory);
    if (file >= 0) H5Sclose(file);
    H5Dclose(set);
    return good ? DG_OK : DG_FAIL(err, DG_ERR_IO, "%s: %s: read failed", c->path, array);
}

/* The digest table of an array (n_shards, 4), checked to tile its rows without gap or overlap. */
static dg_status read_table(const dg_container *c, const char *array, const dg_array_info *info,
                            uint64_t **out, int64_t *n_shards, dg_err *err)
{
    char path[DG_PATH_SIZE];
    dg_array_info table;
    hid_t set;
    *out = NULL;
    dg_layout_digest_path(array, path);
    dg_status st = open_array(c, path, &set, &table, err);
    if (st != DG_OK) return st;
    H5Dclose(set);
    if (table.type != DG_U64 || table.n_cols != 4 || table.n_rows < 1 || table.n_rows > 65536)
        return fail_data(c, path, "not a digest table", err);
    *out = dg_alloc((size_t)table.n_rows * 4, sizeof **out);
    st = *out == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", c->path)
                      : read_slab(c, path, &table, 0, table.n_rows, *out, err);
    uint64_t next = 0;
    for (int64_t s = 0; s < table.n_rows && st == DG_OK; s++) {
        const uint64_t *row = *out + 4 * s;
        if (row[0] != next || row[1] < row[0] || row[1] > (uint64_t)info->n_rows)
            st = fail_data(c, path, "shards do not tile the array", err);
        next = row[1];
    }
    if (st == DG_OK && next != (uint64_t)info->n_rows)
        st = fail_data(c, path, "shards do not cover the array", err);
    *n_shards = table.n_rows;
    if (st == DG_OK) return DG_OK;
    dg_free(*out);
    *out = NULL;
    return st;
}

dg_status dg_container_info(const dg_container *c, const char *array, dg_array_info *out,
                            dg_err *err)
{
    uint64_t *table;
    hid_t set;
    dg_status st = open_array(c, array, &set, out, err);
    if (st != DG_OK) return st;
    H5Dclose(set);
    st = read_table(c, array, out, &table, &out->n_shards, err);
    dg_free(table);
    return st;
}

static dg_status check_shards(const dg_container *c, const char *array, const dg_array_info *info,
                              const uint64_t *table, int64_t first, int64_t end, const char *bytes,
                              dg_err *err)
{
    const size_t row_bytes = dg_type_size(info->type) * (size_t)info->n_cols;
    const uint64_t base = end > first ? table[4 * first] : 0;
    for (int64_t s = first; s < end; s++) {
        const uint64_t *row = table + 4 * s;
        const dg_digest d =
            dg_digest_of(bytes + (row[0] - base) * row_bytes, (row[1] - row[0]) * row_bytes);
        if (d.low != row[2] || d.high != row[3])
            return DG_FAIL(err, DG_ERR_DATA, "%s: %s: shard %lld is damaged", c->path, array,
                           (long long)s);
    }
    return DG_OK;
}

dg_status dg_container_read(const dg_container *c, const char *array, dg_type type, int64_t first,
                            int64_t end, void **out, int64_t *begin, int64_t *n_rows, dg_err *err)
{
    dg_array_info info;
    uint64_t *table = NULL;
    hid_t set;
    *out = NULL;
    dg_status st = open_array(c, array, &set, &info, err);
    if (st != DG_OK) return st;
    H5Dclose(set);
    if (info.type != type) return fail_data(c, array, "holds another type than expected", err);
    st = read_table(c, array, &info, &table, &info.n_shards, err);
    if (st == DG_OK && (first < 0 || end < first || end > info.n_shards))
        st = fail_data(c, array, "has fewer shards than expected", err);
    if (st == DG_OK) {
        const int64_t from = first < end ? (int64_t)table[4 * first] : 0;
        const int64_t n = first < end ? (int64_t)table[4 * (end - 1) + 1] - from : 0;
        *out = dg_alloc((size_t)n, dg_type_size(type) * (size_t)info.n_cols);
        st = *out == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%s: %s: out of memory", c->path, array)
                          : read_slab(c, array, &info, from, n, *out, err);
        if (st == DG_OK) st = check_shards(c, array, &info, table, first, end, *out, err);
        if (begin != NULL) *begin = from;
        if (n_rows != NULL) *n_rows = n;
    }
    dg_free(table);
    if (st != DG_OK) {
        dg_free(*out);
        *out = NULL;
    }
    return st;
}

dg_status dg_container_read_all(const dg_container *c, const char *array, dg_type type, void **out,
                                int64_t *n_rows, dg_err *err)
{
    dg_array_info info;
    *out = NULL;
    const dg_status st = dg_container_info(c, array, &info, err);
    if (st != DG_OK) return st;
    return dg_container_read(c, array, type, 0, info.n_shards, out, NULL, n_rows, err);
}

static dg_status map_file(dg_container *c, dg_err *err)
{
    const int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return dg_err_errno(err, c->path, "cannot open");
    const dg_status st = map_descriptor(c, fd, err);
    close(fd);
    return st;
}

dg_status dg_container_map(const dg_container *c, const char *array, dg_type type, const void **at,
                           dg_err *err)
{
    dg_array_info info;
    hid_t set;
    dg_status st = open_array(c, array, &set, &info, err);
    if (st != DG_OK) return st;
    hid_t layout = H5Dget_create_plist(set);
    const bool plain = layout >= 0 && H5Pget_layout(layout) == H5D_CONTIGUOUS &&
                       H5Pget_nfilters(layout) == 0 && info.type == type;
    const haddr_t offset = H5Dget_offset(set);
    if (layout >= 0) H5Pclose(layout);
    H5Dclose(set);
    if (!plain) return fail_data(c, array, "not a plain array of the expected type", err);
    if (c->map == NULL) st = map_file((dg_container *)(uintptr_t)c, err);
    if (st != DG_OK) return st;
    const size_t bytes =
        (size_t)info.n_rows * (size_t)info.n_cols * dg_type_size(type); /* bounded by shape_of */
    if (bytes == 0) {
        *at = c->map;
        return DG_OK;
    }
    if (offset == HADDR_UNDEF || offset > c->map_bytes || bytes > c->map_bytes - offset ||
        offset % dg_type_size(type) != 0)
        return fail_data(c, array, "lies outside the file", err);
    *at = c->map + offset;
    return DG_OK;
}

typedef struct dg_listing {
    dg_strings *names;
    dg_status status;
    dg_err *err;
} dg_listing;

static herr_t list_array(hid_t root, const char *name, const H5O_info_t *info, void *context)
{
    dg_listing *l = context;
    (void)root;
    if (info->type != H5O_TYPE_DATASET || strncmp(name, "digests/", 8) == 0) return 0;
    l->status = dg_strings_add(l->names, name, strlen(name) + 1, l->err); /* with its NUL */
    return l->status == DG_OK ? 0 : -1;
}

dg_status dg_container_arrays(const dg_container *c, dg_strings *names, dg_err *err)
{
    dg_listing l = {names, DG_OK, err};
    const herr_t code =
        H5Ovisit2(c->file, H5_INDEX_NAME, H5_ITER_INC, list_array, &l, H5O_INFO_BASIC);
    if (l.status != DG_OK) return l.status;
    return code < 0 ? DG_FAIL(err, DG_ERR_DATA, "%s: cannot list its arrays", c->path) : DG_OK;
}

static herr_t list_attribute(hid_t group, const char *name, const H5A_info_t *info, void *context)
{
    dg_listing *l = context;
    (void)group;
    (void)info;
    l->status = dg_strings_add(l->names, name, strlen(name) + 1, l->err);
    return l->status == DG_OK ? 0 : -1;
}

dg_status dg_container_attributes(const dg_container *c, const char *group, dg_strings *names,
                                  dg_err *err)
{
    dg_listing l = {names, DG_OK, err};
    const herr_t code = H5Aiterate_by_name(c->file, group, H5_INDEX_NAME, H5_ITER_INC, NULL,
                                           list_attribute, &l, H5P_DEFAULT);
    if (l.status != DG_OK) return l.status;
    return code < 0
               ? DG_FAIL(err, DG_ERR_DATA, "%s: cannot list the attributes of %s", c->path, group)
               : DG_OK;
}

static herr_t add_attribute(hid_t group, const char *name, const H5A_info_t *info, void *context)
{
    dg_content *content = context;
    (void)info;
    if (!dg_layout_is_content(name)) return 0;
    hid_t attr = H5Aopen(group, name, H5P_DEFAULT);
    hid_t type = attr < 0 ? H5I_INVALID_HID : H5Aget_type(attr);
    int64_t whole = 0;
    double real = 0;
    char *text = NULL;
    herr_t code = -1;
    switch (type < 0 ? H5T_NO_CLASS : H5Tget_class(type)) {
    case H5T_INTEGER:
        code = H5Aread(attr, H5T_NATIVE_INT64, &whole);
        dg_content_int(content, name, whole);
        break;
    case H5T_FLOAT:
        code = H5Aread(attr, H5T_NATIVE_DOUBLE, &real);
        dg_content_real(content, name, real);
        break;
    case H5T_STRING:
        code = read_text(attr, &text) == DG_OK ? 0 : -1;
        if (text != NULL) dg_content_text(content, name, text);
        break;
    default: break;
    }
    dg_free(text);
    if (type >= 0) H5Tclose(type);
    if (attr >= 0) H5Aclose(attr);
    return code < 0 ? -1 : 0;
}

/* Check one array shard by shard, so that memory stays at one shard. */
static dg_status verify_array(const dg_container *c, const char *array, dg_content *content,
                              dg_err *err)
{
    dg_array_info info;
    uint64_t *table = NULL;
    dg_status st = dg_container_info(c, array, &info, err);
    if (st == DG_OK) st = read_table(c, array, &info, &table, &info.n_shards, err);
    for (int64_t s = 0; s < info.n_shards && st == DG_OK; s++) {
        void *shard = NULL;
        st = dg_container_read(c, array, info.type, s, s + 1, &shard, NULL, NULL, err);
        dg_free(shard);
    }
    if (st == DG_OK) dg_content_array(content, array, &info, table);
    dg_free(table);
    return st;
}

dg_status dg_container_verify(const dg_container *c, dg_err *err)
{
    dg_content content = {0};
    dg_strings names = {0};
    char hex[DG_HEX_SIZE];
    dg_status st = dg_container_arrays(c, &names, err);
    if (st == DG_OK && H5Aiterate_by_name(c->file, "/meta", H5_INDEX_NAME, H5_ITER_INC, NULL,
                                          add_attribute, &content, H5P_DEFAULT) < 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: cannot read the attributes of /meta", c->path);
    for (int64_t k = 0; k < names.n && st == DG_OK; k++) {
        size_t n;
        st = verify_array(c, dg_strings_at(&names, k, &n), &content, err);
    }
    dg_err ignored;
    const dg_status hashed = dg_content_finish(&content, hex, st == DG_OK ? err : &ignored);
    if (st == DG_OK) st = hashed;
    dg_strings_free(&names);
    if (st == DG_OK && strcmp(hex, c->content) != 0)
        st = DG_FAIL(err, DG_ERR_DATA, "%s: content digest does not match its arrays", c->path);
    return st;
}
