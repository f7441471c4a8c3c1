/* skeleton.h - the HDF5 side of a file being written: groups, attributes, and where arrays lie.
 *
 * It grows in memory, on one rank; the arrays' rows are not in it. They are written straight to
 * where it says, by whoever has them. So the HDF5 library never touches the disk, and a disk that
 * is full is a plain error of a plain write. Internal to store/. All LOCAL. */
#ifndef DG_STORE_SKELETON_H
#define DG_STORE_SKELETON_H
#include "artifact/container.h"

#include <hdf5.h>

typedef struct dg_skeleton dg_skeleton;

/* Errors of all below: DG_ERR_NOMEM; DG_ERR_INTERNAL what HDF5 refuses. */

/** Start a file with a user block of DG_SEAL_SIZE bytes and a group "meta". */
dg_status dg_skeleton_create(dg_skeleton **out, dg_err *err);

/** Add an attribute of /meta, its value of type `memory`. */
dg_status dg_skeleton_attribute(dg_skeleton *s, const char *name, hid_t type, hid_t memory,
                                const void *value, dg_err *err);

/** Add an array, contiguous and aligned. `offset` is the byte of the file where its rows begin, 0
 *  for an array without rows. */
dg_status dg_skeleton_array(dg_skeleton *s, const char *array, const dg_array_info *info,
                            int64_t *offset, dg_err *err);

/** Close the structure and write it into `fd` around the arrays' rows, which stay as they are; the
 *  file gets its final length. Errors also DG_ERR_IO and others of errno. */
dg_status dg_skeleton_write(dg_skeleton *s, int fd, const char *path, dg_err *err);

/** NULL-safe, twice-safe. */
void dg_skeleton_destroy(dg_skeleton **s);

#endif
