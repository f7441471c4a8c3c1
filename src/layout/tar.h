/* tar.h - write a gzipped tar archive (POSIX ustar; larger members as GNU tar writes them).
 * Internal to layout/. All LOCAL. */
#ifndef DG_LAYOUT_TAR_H
#define DG_LAYOUT_TAR_H
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dg_tar dg_tar;

/** Write to a descriptor, kept open; `path` is for messages and borrowed. Errors DG_ERR_NOMEM. */
dg_status dg_tar_create(int fd, const char *path, dg_tar **out, dg_err *err);

/** Add a member of n bytes. Names have at most 99 bytes. Errors of writing. */
dg_status dg_tar_add(dg_tar *t, const char *name, unsigned mode, const void *bytes, size_t n,
                     dg_err *err);

/** Add a file as it lies. Errors of reading and writing. */
dg_status dg_tar_add_file(dg_tar *t, const char *name, unsigned mode, const char *from,
                          dg_err *err);

/** End the archive and free; the descriptor stays open. NULL-safe. Errors of writing. */
dg_status dg_tar_finish(dg_tar **t, dg_err *err);

#endif
