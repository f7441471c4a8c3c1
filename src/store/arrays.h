/* arrays.h - arrays of any HDF5 file as the text of a csv file. Internal to store/, for foreign.c.
 *
 * HDF5's library crashes on some damaged files, and a file can be made to crash it: this runs in a
 * process of its own (docs/decisions/0054-hdf5.md). */
#ifndef DG_STORE_ARRAYS_H
#define DG_STORE_ARRAYS_H
#include "table/source.h"

#include <stdbool.h>
#include <stddef.h>

/** Takes some of the text, or nothing as a sign of life; false: no more is wanted. LOCAL. */
typedef bool dg_arrays_sink(void *context, const char *bytes, size_t n);

/**
 * Write a cutout: a header, then a line for each row. LOCAL.
 *
 * A column is what dg_array_open opens; all have the same number of rows. Whole numbers are written
 * in decimal, real ones as short as they come back from, NaN as nothing; fixed strings without
 * their padding.
 *
 * @param[in] size  of the file
 *
 * Cost    as HDF5 reads; a chunk of each column, and 4 MiB of rows of each.
 * Errors  as dg_table_reader.
 */
dg_status dg_arrays_write(const char *path, int64_t size, const dg_cutout *cut,
                          dg_arrays_sink *sink, void *context, dg_err *err);

#endif
