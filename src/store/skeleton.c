#include "store/skeleton.h"

#include "artifact/layout.h"
#include "artifact/seal.h"
#include "base/memory.h"
#include "store/noted.h"

struct dg_skeleton {
    dg_noted notes;
    hid_t file, meta;
};

static dg_status refuse(const dg_skeleton *s, const char *what, dg_err *err)
{
    if (s->notes.failed) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", what);
    return DG_FAIL(err, DG_ERR_INTERNAL, "%s: the HDF5 library refuses it", what);
}

static hid_t create_file(dg_noted *notes)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_alignment(access, 1, DG_ALIGN); /* small arrays too are mapped in place */
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST); /* metadata with checksums */
    H5Pset_userblock(create, DG_SEAL_SIZE);
    const hid_t file = dg_noted_use(notes, access)
                           ? H5Fcreate("structure", H5F_ACC_TRUNC, create, access)
                           : H5I_INVALID_HID;
    H5Pclose(create);
    H5Pclose(access);
    return file;
}

dg_status dg_skeleton_create(dg_skeleton **out, dg_err *err)
{
    dg_layout_quiet();
    dg_skeleton *s = *out = dg_alloc(1, sizeof *s);
    if (s == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a file's structure");
    s->meta = H5I_INVALID_HID;
    s->file = create_file(&s->notes);
    if (s->file >= 0) s->meta = H5Gcreate2(s->file, "meta", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (s->meta >= 0) return DG_OK;
    s->notes.failed = s->notes.failed || s->file < 0;
    const dg_status st = refuse(s, "a file's structure", err);
    dg_skeleton_destroy(out);
    return st;
}

dg_status dg_skeleton_attribute(dg_skeleton *s, const char *name, hid_t type, hid_t memory,
                                const void *value, dg_err *err)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attr = H5Acreate2(s->meta, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool good = attr >= 0 && H5Awrite(attr, memory, value) >= 0;
    if (attr >= 0) H5Aclose(attr);
    H5Sclose(space);
    return good ? DG_OK : refuse(s, name, err);
}

static hid_t create_set(const dg_skeleton *s, const char *array, const dg_array_info *info)
{
    const hsize_t dims[2] = {(hsize_t)info->n_rows, (hsize_t)info->n_cols};
    hid_t link = H5Pcreate(H5P_LINK_CREATE), create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(info->n_cols > 1 ? 2 : 1, dims, NULL);
    H5Pset_create_intermediate_group(link, 1);
    H5Pset_fill_time(create, H5D_FILL_TIME_NEVER); /* every element is written */
    H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY);
    H5Pset_obj_track_times(create, false);
    const hid_t set = H5Dcreate2(s->file, array, dg_layout_file_type(info->type), space, link,
                                 create, H5P_DEFAULT);
    H5Sclose(space);
    H5Pclose(create);
    H5Pclose(link);
    return set;
}

dg_status dg_skeleton_array(dg_skeleton *s, const char *array, const dg_array_info *info,
                            int64_t *offset, dg_err *err)
{
    const int64_t bytes = info->n_rows * info->n_cols * (int64_t)dg_type_size(info->type);
    const hid_t set = create_set(s, array, info);
    const haddr_t begin = set < 0 ? HADDR_UNDEF : bytes > 0 ? H5Dget_offset(set) : 0;
    if (set >= 0) H5Dclose(set);
    if (begin == HADDR_UNDEF) return refuse(s, array, err);
    *offset = (int64_t)begin;
    return DG_OK;
}

static bool close_file(dg_skeleton *s)
{
    if (s->meta >= 0) H5Gclose(s->meta);
    const bool good = s->file < 0 || H5Fclose(s->file) >= 0;
    s->meta = s->file = H5I_INVALID_HID;
    return good;
}

dg_status dg_skeleton_write(dg_skeleton *s, int fd, const char *path, dg_err *err)
{
    if (!close_file(s)) return refuse(s, path, err);
    return dg_noted_put(&s->notes, fd, path, err);
}

void dg_skeleton_destroy(dg_skeleton **s)
{
    if (*s == NULL) return;
    close_file(*s);
    dg_noted_free(&(*s)->notes);
    dg_free(*s);
    *s = NULL;
}
