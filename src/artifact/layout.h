/* layout.h - what the writer and the reader of Daogou files share: types, paths, content digest.
 * Internal to artifact/ and store/. */
#ifndef DG_ARTIFACT_LAYOUT_H
#define DG_ARTIFACT_LAYOUT_H
#include "artifact/container.h"
#include "base/text.h"

#include <hdf5.h>

enum { DG_PATH_SIZE = 256 };

/** Stop HDF5 printing its error stack: errors are ours to tell. LOCAL. */
void dg_layout_quiet(void);

/** Little-endian file type of an element; do not close. LOCAL. */
hid_t dg_layout_file_type(dg_type type);

/** Native memory type of an element; do not close. LOCAL. */
hid_t dg_layout_memory_type(dg_type type);

/** The dg_type stored as `file_type`; false for any other. LOCAL. */
bool dg_layout_type_of(hid_t file_type, dg_type *out);

/** "digests/ARRAY" into out. LOCAL. */
void dg_layout_digest_path(const char *array, char out[DG_PATH_SIZE]);

/* The content digest covers /meta (but for what is listed in dg_layout_is_content) and every
 * array's shape and shard digests, in sorted order: not dates, not the file's bytes. */
typedef struct dg_content {
    dg_strings lines;
    dg_status status; /* the first failure, reported by finish */
} dg_content;

/** Does this attribute of /meta take part in the content digest? LOCAL. */
bool dg_layout_is_content(const char *attribute);

/** An attribute of /meta. LOCAL; a failure is remembered in `status`. */
void dg_content_text(dg_content *c, const char *name, const char *value);
void dg_content_int(dg_content *c, const char *name, int64_t value);
void dg_content_real(dg_content *c, const char *name, double value);

/** table (n_shards, 4): begin, end, digest low, digest high. LOCAL. */
void dg_content_array(dg_content *c, const char *array, const dg_array_info *info,
                      const uint64_t *table);

/** The digest over all lines, sorted; frees them. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_content_finish(dg_content *c, char hex[DG_HEX_SIZE], dg_err *err);

#endif
