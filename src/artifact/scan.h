/* scan.h - a second copy of the items' factors, made to be searched: whole numbers of 8 bits in two
 * halves, sixteen items side by side, those of largest norm first.
 *
 * With it the best goods of a taste are found without reading most of the factors: from the high
 * halves alone (half a byte a factor) each good has an upper bound of its score; only for goods
 * whose bound reaches the best so far are the low halves read, and only for those that still reach
 * it the factors themselves. The list is the same as from the factors. docs/formats.md has the
 * arrays, serve/rank/search.h the search, dense/nibbles.h the order of the bytes. */
#ifndef DG_ARTIFACT_SCAN_H
#define DG_ARTIFACT_SCAN_H
#include "artifact/factors.h"
#include "base/status.h"

/* A row y is scale * (code + rest), code whole numbers of -127 to 127, stored as code + 128. */
typedef struct dg_scan {
    int64_t n;                 /* rows; 0: there is no such copy */
    int32_t n_cols;            /* of a row, at most DG_FACTORS_ROOM */
    const uint8_t *high, *low; /* (groups, runs of 8 columns, 64): see dense/nibbles.h */
    const float *scale;        /* (groups * 16,) in the copy's order, as high; 0 behind the rows */
    const int32_t *order;      /* (n,) the row at each place */
    const float *norm;         /* (groups,) no row from this group on is longer; descending */
    const float *coarse_rest; /* (groups,) the largest |y / scale - h| of a group, where h, 16 times
                                 the high half + 7.5 - 128, is what that stands for */
    double fine_rest;         /* no row's |y / scale - code| is larger */
    double code_norm;         /* no row's |code| is, and no |h| */
} dg_scan;

/* What a row becomes on its way into the copy. */
typedef struct dg_scan_row {
    float scale, norm; /* norm rounded up */
    float coarse_rest, fine_rest, code_norm;
} dg_scan_row;

/** Groups of sixteen that n rows fill. LOCAL. */
static inline int64_t dg_scan_groups(int64_t n) { return (n + 15) / 16; }

/** Bytes of a group in either half. LOCAL. */
static inline int64_t dg_scan_group_bytes(int32_t n_cols) { return ((int64_t)n_cols + 7) / 8 * 64; }

/** Round a finite row (n_cols,) to code (n_cols,). LOCAL, O(n_cols). A row of zeros has a scale of
 *  its own all the same. */
dg_scan_row dg_scan_code(const float *row, int32_t n_cols, int8_t *code);

/**
 * Make the copy of rows that are coded already. LOCAL. 16 bytes a row and the copy itself.
 * @param[in]  row   (n,)
 * @param[in]  code  (n, n_cols)
 * @param[out] out   dg_alloc'ed arrays: dg_scan_free
 * Errors  DG_ERR_NOMEM.
 */
dg_status dg_scan_pack(int64_t n, int32_t n_cols, const dg_scan_row *row, const int8_t *code,
                       dg_scan *out, dg_err *err);

#define DG_SCAN_INVERSE 1e9 /* a row shorter than 1 / this has no direction */

/** 1 / length of the leading columns of a row, for cosines; 0 where they have no direction: floats
 *  lose that of very short ones. LOCAL. */
float dg_scan_inverse_norm(const float *row, int32_t n_cols);

/** Make the copy of n rows of factors, all finite: dg_scan_code and dg_scan_pack. LOCAL. */
dg_status dg_scan_make(const dg_factors *f, int64_t n, dg_scan *out, dg_err *err);

/** Free a copy that was made, not one mapped from a file. LOCAL, twice-safe. */
void dg_scan_free(dg_scan *s);

#endif
