/* mapped.h - parts of a file that are mapped together, GROUP/…, with errors that name what of it is
 * wrong. Internal to artifact/. */
#ifndef DG_ARTIFACT_MAPPED_H
#define DG_ARTIFACT_MAPPED_H
#include "artifact/container.h"

typedef struct dg_mapped {
    const dg_container *file;
    char array[96]; /* GROUP, and what was mapped last of it */
    size_t n_group;
} dg_mapped;

/** Begin with GROUP. LOCAL. */
dg_mapped dg_mapped_in(const dg_container *f, const char *group);

/** "FILE: ARRAY: row R WHAT", of the array mapped last. LOCAL; yields DG_ERR_DATA. */
dg_status dg_mapped_wrong(const dg_mapped *m, int64_t row, const char *what, dg_err *err);

/** Rows of GROUP/NAME, which has one column. LOCAL. Errors as dg_container_info. */
dg_status dg_mapped_rows(dg_mapped *m, const char *name, int64_t *n_rows, dg_err *err);

/** GROUP/NAME of n_rows elements. LOCAL. Errors DG_ERR_DATA. */
dg_status dg_mapped_array(dg_mapped *m, const char *name, dg_type type, int64_t n_rows,
                          const void **at, dg_err *err);

/** Offsets of n runs, from 0 and never going back, and what they cut, whose length the last of them
 *  states. LOCAL. Errors DG_ERR_DATA. */
dg_status dg_mapped_cut(dg_mapped *m, const char *offsets, const char *name, dg_type type,
                        int64_t n, const int64_t **offset, const void **at, dg_err *err);

/** Texts NAME/offsets and NAME/bytes, n of them: UTF-8, not empty, ascending by their bytes. LOCAL.
 *  Errors DG_ERR_DATA. */
dg_status dg_mapped_texts(dg_mapped *m, const char *name, int64_t n, const int64_t **offset,
                          const char **bytes, dg_err *err);

/** Order of two texts by their bytes. LOCAL. */
int dg_mapped_compare(const char *x, size_t nx, const char *y, size_t ny);

/** Place of a text among such texts, or -1. LOCAL, O(log n). */
int64_t dg_mapped_find(int64_t n, const int64_t *offset, const char *bytes, const char *text,
                       size_t n_text);

#endif
