/* small_kernels.h - Cholesky of matrices that fit a cache, written once over V of vectors.h.
 *
 * Blocks are LANES x LANES and stay in registers. The matrix comes as its lower triangle and its
 * factor U, a = U' U, is left in the upper one: rows of U are then vectors both for what is still
 * to be factored and for the two substitutions. Each block is computed at once from all the rows of
 * U above it, so it is read and written once. Internal to dense/. */
#include "dense/panel.h"
#include "dense/vectors.h"

#include <math.h>
#include <stdbool.h>

/* block -= U[0..above)[rows of the block]' U[0..above)[its columns]. */
static inline __attribute__((always_inline)) void
subtract_above(int above, size_t stride, const float *left, const float *right, V block[LANES])
{
    for (int e = 0; e < above; e++, left += stride, right += stride) {
        const V row = load(right);
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) block[i] -= spread(left[i]) * row;
    }
}

/* What was just stored is to be spread over the lanes from memory, by the units that load, not by
 * shuffles of the register, of which there would be one for each product. */
static inline void read_again(void) { __asm__ volatile("" ::: "memory"); }

/* Factor the block on the diagonal that begins at row p and carry the right side along. Within it
 * the factor is kept as unit rows t, U = sqrt(pivot) t, with 1 / sqrt(pivot) in the place of
 * t's 1: what waits for what is then one division a row, without a root. */
static bool factor_diagonal(int k, size_t stride, int p, float *a, float *b)
{
    float *const at = a + (size_t)p * stride + p;
    const int m = k - p < LANES ? k - p : LANES;
    V r[LANES], y = load(b + p), scale = spread(1);
    bool good = true;
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) r[i] =
        i < m ? keep(load(at + (size_t)i * stride), lane_number <= i) : (V){0};
    transpose(r);
    subtract_above(p, stride, a + p, a + p, r);
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++)
    {
        if (i == m) break;
        float *const row = at + (size_t)i * stride;
        const V pivot = lane(r[i], i);
        const V quotient = r[i] / pivot, t = keep(quotient, lane_number > i);
        if (i + 1 < LANES) r[i + 1] -= lane(quotient, i + 1) * r[i]; /* the next pivot waits */
        const float root = 1 / sqrtf(pivot[0]);
        good &= (pivot[0] > 0) & (pivot[0] < INFINITY);
        store(row, t);
        row[i] = root;
        read_again();
        scale = choose(lane_number == i, spread(root), scale);
        y -= lane(y, i) * t;
        _Pragma("GCC unroll 16") for (int j = i + 2; j < LANES; j++) r[j] -= spread(row[j]) * r[i];
    }
    store(b + p, y * scale);
    return good;
}

/* The rows of U that begin at p, columns of the block at j, and their part of the right side. */
static void factor_block(int k, size_t stride, int p, int j, float *a, float *b)
{
    const float *const t = a + (size_t)p * stride + p;
    float *const to = a + (size_t)p * stride + j;
    V r[LANES], y = load(b + j);
    if (j + LANES <= k)
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) r[i] =
            load(a + (size_t)(j + i) * stride + p);
    else
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) r[i] =
            j + i < k ? load(a + (size_t)(j + i) * stride + p) : (V){0};
    transpose(r);
    subtract_above(p, stride, a + p, a + j, r);
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++)
    {
        const float *const row = t + (size_t)i * stride;
        _Pragma("GCC unroll 16") for (int l = i + 1; l < LANES; l++) r[l] -= spread(row[l]) * r[i];
        r[i] *= spread(row[i]);
        store(to + (size_t)i * stride, r[i]);
        y -= spread(b[p + i]) * r[i];
    }
    store(b + j, y);
}

/* b of the block at row p = the solution, that of the blocks behind it being there. */
static void substitute_back(int k, size_t stride, int p, const float *a, float *b)
{
    const float *const at = a + (size_t)p * stride;
    const int m = k - p < LANES ? k - p : LANES;
    float scale[LANES] __attribute__((aligned(4 * LANES)));
    V r[LANES] = {{0}}, t[LANES];
    for (int j = p + LANES; j < k; j += LANES) {
        const V x = load(b + j);
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) r[i] +=
            load(at + (size_t)i * stride + j) * x;
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++)
    {
        scale[i] = i < m ? at[(size_t)i * stride + p + i] : 1;
        t[i] = i < m ? load(at + (size_t)i * stride + p) : (V){0};
    }
    V x = (load(b + p) - sum_each(r)) * load(scale);
    transpose(t);
    _Pragma("GCC unroll 16") for (int i = LANES - 1; i > 0; i--)
    {
        if (i >= m) continue;
        x -= lane(x, i) * keep(t[i], lane_number < i);
    }
    store(b + p, x);
}

static bool JOIN(cholesky_solve_, VARIANT)(int k, int stride, float *a, float *b)
{
    const size_t s = (size_t)stride;
    for (int i = k; i % DG_PANEL_ALIGN != 0; i++) b[i] = 0;
    for (int p = 0; p < k; p += LANES) {
        if (!factor_diagonal(k, s, p, a, b)) return false;
        for (int j = p + LANES; j < k; j += LANES) factor_block(k, s, p, j, a, b);
    }
    for (int p = (k - 1) / LANES * LANES; p >= 0; p -= LANES) substitute_back(k, s, p, a, b);
    return true;
}
