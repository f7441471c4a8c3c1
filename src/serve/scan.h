/* scan.h - dot products of one query with many rows: the inner loop of serving.
 *
 * Rows are taken as they lie in the mapped file, of any width; the panels of dense/ are padded
 * copies, and their bits differ between processors, which lists that are compared must not. */
#ifndef DG_SERVE_SCAN_H
#define DG_SERVE_SCAN_H
#include <stddef.h>
#include <stdint.h>

/**
 * out[r] = sum over c < n_cols of query[c] * rows[r * stride + c]. LOCAL, cannot fail.
 *
 * @param[in]  query  (n_cols,)
 * @param[in]  rows   (n_rows, stride) row-major; stride >= n_cols
 * @param[out] out    (n_rows,)
 *
 * The order of the sum is fixed (sixteen running sums, then a tree, then the rest), so a row's
 * result is the same bits on every processor and wherever the row stands.
 * Cost    one pass over the rows, bound by memory beyond the caches.
 */
void dg_scan(const float *query, const float *rows, size_t stride, int32_t n_cols, int32_t n_rows,
             float *out);

#endif
