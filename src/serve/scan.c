#include "serve/scan.h"

enum { LANES = 16, ROWS = 4 };

/* Sixteen floats: one register of AVX-512, two of AVX, four of SSE; unaligned in memory. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef float lanes_at __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR /* sanitizers start after the choice is made */
#endif

static inline __attribute__((always_inline)) float sum_lanes(const lanes *v)
{
    float half[LANES / 2];
    for (int l = 0; l < LANES / 2; l++) half[l] = (*v)[l] + (*v)[l + LANES / 2];
    for (int n = LANES / 4; n > 0; n /= 2)
        for (int l = 0; l < n; l++) half[l] += half[l + n];
    return half[0];
}

/* n <= ROWS rows at once, so that each load of the query serves them all. */
static inline __attribute__((always_inline)) void dots(const float *query, const float *const *row,
                                                       int n, int32_t n_cols, float *out)
{
    lanes sum[ROWS] = {{0}};
    int32_t c = 0;
    for (; c + LANES <= n_cols; c += LANES) {
        const lanes q = *(const lanes_at *)(query + c);
        for (int r = 0; r < n; r++) sum[r] += q * *(const lanes_at *)(row[r] + c);
    }
    for (int r = 0; r < n; r++) {
        float rest = 0;
        for (int32_t t = c; t < n_cols; t++) rest += query[t] * row[r][t];
        out[r] = sum_lanes(&sum[r]) + rest;
    }
}

FOR_EACH_PROCESSOR
void dg_scan(const float *query, const float *rows, size_t stride, int32_t n_cols, int32_t n_rows,
             float *out)
{
    int32_t r = 0;
    for (; r + ROWS <= n_rows; r += ROWS) {
        const float *at = rows + (size_t)r * stride;
        const float *const row[ROWS] = {at, at + stride, at + 2 * stride, at + 3 * stride};
        dots(query, row, ROWS, n_cols, out + r);
    }
    for (; r < n_rows; r++) {
        const float *const row[ROWS] = {rows + (size_t)r * stride};
        dots(query, row, 1, n_cols, out + r);
    }
}
