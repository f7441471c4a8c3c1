/* array.h - one column of a table in an HDF5 file that is not ours: where it is and what it holds.
 * Internal to store/, for arrays.c, and runs where that runs. All LOCAL. */
#ifndef DG_STORE_ARRAY_H
#define DG_STORE_ARRAY_H
#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

enum { DG_ARRAY_PATH = 1024 };

typedef struct dg_tables { /* an open file */
    const char *path;
    int64_t size;         /* bytes */
    hid_t file, access;   /* access: of arrays, follows no link to another file */
    bool complete;        /* ask whether all of an array was written */
    struct rlimit opened; /* how many files this process may have open */
} dg_tables;

typedef enum dg_array_kind {                  /* of elements in memory */
                             DG_ARRAY_INT,    /* int64_t */
                             DG_ARRAY_UINT,   /* uint64_t */
                             DG_ARRAY_SINGLE, /* float */
                             DG_ARRAY_REAL,   /* double */
                             DG_ARRAY_FIXED,  /* `size` bytes, padded as `pad` says */
                             DG_ARRAY_TEXT    /* char *, of HDF5 */
} dg_array_kind;

typedef struct dg_array {
    const char *name;          /* as it was asked for; borrowed */
    char path[DG_ARRAY_PATH];  /* of the array */
    char field[DG_ARRAY_PATH]; /* of its records; "" where it has none */
    hid_t set, space, type;    /* type: of elements in memory */
    dg_array_kind kind;
    H5T_str_t pad;
    size_t size;      /* bytes of an element in memory */
    int n_dims, axis; /* the dimension that rows are; the other has length 1 */
    int64_t n_rows;
    int64_t chunk; /* bytes of one, 0 for an array without */
} dg_array;

/** May files be opened? An array may name others, which whoever made it must not choose: not while
 *  HDF5 looks at one. The soft limit of open files keeps it from that. */
void dg_tables_allow(const dg_tables *t, bool files);

/** Fail with what HDF5 says is wrong, which it forgets at its next call.
 *  @param[in] array  its name, or "" */
dg_status dg_tables_refuse(const dg_tables *t, const char *array, const char *what, dg_err *err);

/**
 * Find and open an array, or a field of one of records: the path leads through groups to the array,
 * what is left of it is the field.
 *
 * @param[out] out  close with dg_array_close, also after a failure
 *
 * Errors  DG_ERR_CONFIG no such array or field: the text lists those there are, the hint has the
 *         nearest; DG_ERR_DATA it is no array of one dimension, of another type, in other files,
 *         packed by a filter that is not there, in chunks of more than 256 MiB, not all written,
 *         damaged; DG_ERR_NOMEM.
 */
dg_status dg_array_open(const dg_tables *t, const char *name, dg_array *out, dg_err *err);

/** Twice-safe. */
void dg_array_close(dg_array *a);

#endif
