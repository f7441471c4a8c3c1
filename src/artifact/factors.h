/* factors.h - rows of factors in place in a file, as 32-bit floats or smaller. */
#ifndef DG_ARTIFACT_FACTORS_H
#define DG_ARTIFACT_FACTORS_H
#include <stddef.h>
#include <stdint.h>

typedef enum dg_precision {
    DG_PRECISION_F32,
    DG_PRECISION_F16, /* IEEE binary16 */
    DG_PRECISION_INT8 /* whole numbers of -127 to 127, times the row's scale */
} dg_precision;

enum { DG_FACTORS_ROOM = 2048 }; /* most columns of rows that are not floats in the file */

typedef struct dg_factors {
    dg_precision precision;
    int32_t n_cols;
    const void *at;     /* (n, n_cols) float, halves in uint16_t, or int8_t; NULL: there are none */
    const float *scale; /* (n,) of DG_PRECISION_INT8; else NULL */
} dg_factors;

/**
 * A row as floats: in place where the file holds floats, else made in `room`. LOCAL, O(n_cols).
 * @param[out] room  (n_cols,), DG_FACTORS_ROOM is always enough; not touched for floats
 * Returns   (n_cols,); for int8 each is the product rounded to a float, the same from everywhere.
 */
const float *dg_factors_row(const dg_factors *f, int64_t row, float *room);

#endif
