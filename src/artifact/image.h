/* image.h - HDF5 reading a file that lies in memory, mapped or decrypted: what was checked is what
 * is read, whatever happens to its name meanwhile. Internal to artifact/. All LOCAL. */
#ifndef DG_ARTIFACT_IMAGE_H
#define DG_ARTIFACT_IMAGE_H
#include <hdf5.h>
#include <stddef.h>

/** Open n bytes, borrowed until the file is closed, for reading. Negative when HDF5 refuses. */
hid_t dg_image_open(const void *at, size_t n);

#endif
