/* noted.h - a file that HDF5 believes to be on a disk: its writes are noted in memory, and put into
 * a real file later. Nothing of it can fail in HDF5's eyes, which 1.10 would not survive: a file
 * whose closing failed is closed again at exit. What went wrong is told when the notes are put.
 * Internal to store/. All LOCAL. */
#ifndef DG_STORE_NOTED_H
#define DG_STORE_NOTED_H
#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct dg_note {
    int64_t begin; /* byte of the file */
    size_t n, at;  /* n bytes, found in dg_noted.bytes from `at` */
} dg_note;

/* Zero-initialise; free with dg_noted_free. */
typedef struct dg_noted {
    dg_note *note; /* (n,) in the order written: a later one hides an earlier one */
    char *bytes;   /* (n_bytes,) */
    size_t n, n_bytes, capacity, bytes_capacity;
    int64_t length; /* of the file */
    bool failed;    /* memory ran out: notes are missing */
    hid_t driver;
} dg_noted;

/** Let files created with these access properties be noted in `f`, which stays where it is until
 *  they are closed. False when HDF5 refuses. */
bool dg_noted_use(dg_noted *f, hid_t access);

/** Write all notes into `fd` and give it its length. Errors DG_ERR_NOMEM; those of errno. */
dg_status dg_noted_put(const dg_noted *f, int fd, const char *path, dg_err *err);

/** After the HDF5 file is closed. Twice-safe. */
void dg_noted_free(dg_noted *f);

/** Write n bytes at an offset, in however many steps; false with errno set. */
bool dg_put_bytes(int fd, const void *at, size_t n, int64_t offset);

#endif
