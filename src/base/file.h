/* file.h - small files that appear whole or not at all, and folders of them.
 *
 * Durable means: bytes and name survive a crash of the machine once the call is back. Errors name
 * the path; they are those of dg_err_errno, and DG_ERR_NOMEM. Fault sites "write" and "fsync". */
#ifndef DG_BASE_FILE_H
#define DG_BASE_FILE_H
#include "base/text.h"

enum { DG_PATH = 4096 }; /* bytes of a path, with its NUL */

/** Replace `path` by n bytes: temporary name PATH.tmp, fsync, rename, fsync of the folder. A reader
 *  sees the old file or the new one. LOCAL. */
dg_status dg_file_replace(const char *path, const void *bytes, size_t n, dg_err *err);

/**
 * Make or replace a file of any length, likewise: `fill` writes it. LOCAL.
 * @param[in] mode  permissions before the umask, as 0666
 * @param[in] fill  gets a descriptor at the file's beginning; writes with dg_file_put
 */
dg_status dg_file_make(const char *path, unsigned mode,
                       dg_status (*fill)(int fd, void *context, dg_err *err), void *context,
                       dg_err *err);

/** Write n bytes where the descriptor stands; `path` is for the message. LOCAL. */
dg_status dg_file_put(int fd, const char *path, const void *bytes, size_t n, dg_err *err);

/** Append the whole of a small file to `out`. LOCAL. Errors also DG_ERR_NOINPUT missing;
 *  DG_ERR_DATA longer than `most` bytes. */
dg_status dg_file_read(const char *path, size_t most, dg_text *out, dg_err *err);

/** A durable copy under a name that is not taken; removed again when it fails. LOCAL. */
dg_status dg_file_copy(const char *from, const char *to, dg_err *err);

/** Make the names in a folder durable. LOCAL. */
dg_status dg_folder_sync(const char *folder, dg_err *err);

/** Make a folder and those above it; one that is there is fine. LOCAL.
 *  Errors DG_ERR_CANTCREATE. */
dg_status dg_folder_make(const char *folder, dg_err *err);

/** Remove a folder and the files in it; it holds no folders. A missing one is fine. LOCAL. */
dg_status dg_folder_remove(const char *folder, dg_err *err);

#endif
