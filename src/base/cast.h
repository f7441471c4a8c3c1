/* cast.h - checked narrowing at the MPI, BLAS and HDF5 border. */
#ifndef DG_BASE_CAST_H
#define DG_BASE_CAST_H
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/** Narrow to int; false, with *out untouched, when it does not fit. LOCAL. */
static inline bool dg_to_int(int64_t v, int *out)
{
    if (v < INT_MIN || v > INT_MAX) return false;
    *out = (int)v;
    return true;
}

#endif
