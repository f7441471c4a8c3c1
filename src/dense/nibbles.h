/* nibbles.h - inner products of one query with many rows of small whole numbers, sixteen rows at a
 * time, and marks for the rows that may matter.
 *
 * A row is whole numbers of 0 to 255, cut into a high and a low half of four bits each (nibbles),
 * in two tables. Sixteen rows make a group. A group's table holds for every 8 columns 64 bytes:
 * byte 4 l + b of them has column b of row l in its lower four bits and column 4 + b in its upper
 * ones. So one load brings 8 columns of 16 rows, and products are summed within lanes. The high
 * table alone is half the bytes and gives sums with a coarser error; the low one makes them exact.
 * Sums are of whole numbers: every variant has the same. */
#ifndef DG_DENSE_NIBBLES_H
#define DG_DENSE_NIBBLES_H
#include <stdint.h>

enum {
    DG_NIBBLE_ROWS = 16,   /* of a group */
    DG_NIBBLE_COLS = 8,    /* of 64 bytes */
    DG_NIBBLE_MOST = 4096, /* columns: sums of 32 bits do not overflow */
};

/** Runs of 8 columns that n_cols columns take. LOCAL. */
static inline int32_t dg_nibble_runs(int32_t n_cols)
{
    return (n_cols + DG_NIBBLE_COLS - 1) / DG_NIBBLE_COLS;
}

/* With sum = q . (16 high), a row's bound is
 *     offset + scale[row] * (step * sum + add_coarse + norm * rest[group])
 * and with sum = q . (16 high + low) it is
 *     offset + scale[row] * (step * sum + add_fine) */
typedef struct dg_nibble_query {
    const int8_t *q; /* (8 n_runs,) -127 to 127, zeros behind the columns */
    int32_t n_runs;
    float step, add_coarse, norm, add_fine, offset;
} dg_nibble_query;

typedef struct dg_nibble_kernels {
    const char *name; /* "avx512vnni", "avx512", "avx2", "portable" */

    /** Bit l of mark (n_groups,) is set where the bound of row l of a group, from its high table,
     *  is not below the threshold. high (n_groups, n_runs, 64), scale (n_groups, 16), rest
     *  (n_groups,). */
    void (*mark)(const dg_nibble_query *q, int n_groups, const uint8_t *high, const float *scale,
                 const float *rest, float threshold, uint16_t *mark);

    /** The same of one group from both tables (n_runs, 64). */
    uint16_t (*mark_fine)(const dg_nibble_query *q, const uint8_t *high, const uint8_t *low,
                          const float *scale, float threshold);
} dg_nibble_kernels;

/** The variant for this processor; DAOGOU_KERNELS as for dg_panel. LOCAL. */
const dg_nibble_kernels *dg_nibbles(void);

/** All variants this processor can run, NULL-terminated, best first: for tests and bench. LOCAL. */
const dg_nibble_kernels *const *dg_nibble_variants(void);

#endif
