/* panel_kernels.h - the kernels of panel.h, written once over a vector type V of LANES floats.
 *
 * The includer defines LANES, VARIANT (a name suffix) and VARIANT_NAME and is compiled for its
 * instruction set. GCC's vector extensions keep this plain C; contraction to fused multiply-add is
 * on for these files only, as each variant has bits of its own anyway. Internal to dense/. */
#include "dense/half.h"
#include "dense/panel.h"
#include "dense/scores_kernels.h"
#include "dense/small_kernels.h"
#include "dense/vectors.h"

#include <stddef.h>
#include <string.h>
#if LANES > 4
#include <immintrin.h> /* halves have no vector type of their own before AVX-512 FP16 */
#endif

#if LANES == 16
static inline V load_f16(const uint16_t *p)
{
    return (V)_mm512_cvtph_ps(_mm256_load_si256((const void *)p));
}
static inline void store_f16(uint16_t *p, V v)
{
    _mm256_store_si256((void *)p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT));
}
#elif LANES == 8
static inline V load_f16(const uint16_t *p)
{
    return (V)_mm256_cvtph_ps(_mm_load_si128((const void *)p));
}
static inline void store_f16(uint16_t *p, V v)
{
    _mm_store_si128((void *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
}
#else
static inline V load_f16(const uint16_t *p)
{
    return (V){dg_half_to_float(p[0]), dg_half_to_float(p[1]), dg_half_to_float(p[2]),
               dg_half_to_float(p[3])};
}
static inline void store_f16(uint16_t *p, V v)
{
    for (int k = 0; k < LANES; k++) p[k] = dg_half_of_float(v[k]);
}
#endif

/* Sum of the lanes, halves folded onto each other: the same tree for every call. */
static inline float lanes_sum(V v)
{
    float a[LANES] __attribute__((aligned(4 * LANES)));
    store(a, v);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) a[k] += a[k + half];
    return a[0];
}

enum { ROWS = 4 }; /* rows in flight, to hide the latency of a dot product */

/* Sums of the lanes of four vectors at once: halves of two vectors are folded into one, twice, then
 * each vector's remaining lanes onto each other. Three shuffles a sum instead of a trip to memory.
 */
static inline void sum_four(V a, V b, V c, V d, float out[ROWS])
{
#if LANES == 16
    const I low8 = {0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23}, high8 = low8 + 8;
    const I low4 = {0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27}, high4 = low4 + 4;
    const I turn2 = {2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13};
    const I turn1 = {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14};
    const V ab = __builtin_shuffle(a, b, low8) + __builtin_shuffle(a, b, high8);
    const V cd = __builtin_shuffle(c, d, low8) + __builtin_shuffle(c, d, high8);
    V all = __builtin_shuffle(ab, cd, low4) + __builtin_shuffle(ab, cd, high4);
    all += __builtin_shuffle(all, turn2);
    all += __builtin_shuffle(all, turn1);
#elif LANES == 8
    const I low4 = {0, 1, 2, 3, 8, 9, 10, 11}, high4 = low4 + 4;
    const I low2 = {0, 1, 4, 5, 8, 9, 12, 13}, high2 = low2 + 2;
    const I turn1 = {1, 0, 3, 2, 5, 4, 7, 6};
    const V ab = __builtin_shuffle(a, b, low4) + __builtin_shuffle(a, b, high4);
    const V cd = __builtin_shuffle(c, d, low4) + __builtin_shuffle(c, d, high4);
    V all = __builtin_shuffle(ab, cd, low2) + __builtin_shuffle(ab, cd, high2);
    all += __builtin_shuffle(all, turn1);
#else
    const I low2 = {0, 1, 4, 5}, high2 = low2 + 2, even = {0, 2, 4, 6}, odd = even + 1;
    const V ab = __builtin_shuffle(a, b, low2) + __builtin_shuffle(a, b, high2);
    const V cd = __builtin_shuffle(c, d, low2) + __builtin_shuffle(c, d, high2);
    const V all = __builtin_shuffle(ab, cd, even) + __builtin_shuffle(ab, cd, odd);
#endif
    for (int r = 0; r < ROWS; r++) out[r] = all[r * (LANES / ROWS)];
}

/* Dot products of ROWS rows with x, `count` vectors each. */
static inline void dots(const float *const row[ROWS], const float *x, int count, float out[ROWS])
{
    V a = {0}, b = {0}, c = {0}, d = {0};
    for (int k = 0; k < count; k++) {
        const V v = load(x + k * LANES);
        a += load(row[0] + k * LANES) * v;
        b += load(row[1] + k * LANES) * v;
        c += load(row[2] + k * LANES) * v;
        d += load(row[3] + k * LANES) * v;
    }
    sum_four(a, b, c, d, out);
}

/* out += the rows times their scales; in pairs, so that out waits for two sums, not for four. */
static inline void add_back(const float *const row[ROWS], const float scale[ROWS], int count,
                            float *out)
{
    const V s0 = spread(scale[0]), s1 = spread(scale[1]);
    const V s2 = spread(scale[2]), s3 = spread(scale[3]);
    for (int k = 0; k < count; k++) {
        const int at = k * LANES;
        const V one = s0 * load(row[0] + at) + s1 * load(row[1] + at);
        const V two = s2 * load(row[2] + at) + s3 * load(row[3] + at);
        store(out + at, load(out + at) + (one + two));
    }
}

static inline __attribute__((always_inline)) void
apply_rows(int n, int width, int count, const float *panel, const float *weight, const float *pull,
           const float *x, float *score, float *out)
{
    for (int j = 0; j < n; j += ROWS) {
        const float *row[ROWS];
        float s[ROWS], scale[ROWS];
        for (int r = 0; r < ROWS; r++)
            row[r] = panel + (size_t)(j + r < n ? j + r : n - 1) * (size_t)width;
        dots(row, x, count, s);
        for (int r = 0; r < ROWS; r++) {
            const int at = j + r;
            const float t = at < n && pull != NULL ? pull[at] : 0;
            scale[r] = at < n ? t - (weight != NULL ? weight[at] : 1) * s[r] : 0;
            if (score != NULL && at < n) score[at] = s[r];
        }
        add_back(row, scale, count, out);
    }
}

/* Fixed counts let the compiler keep x and out in registers. */
static void JOIN(apply_, VARIANT)(int n, int width, const float *panel, const float *weight,
                                  const float *pull, const float *x, float *score, float *out)
{
    const int count = width / LANES;
    switch (count) {
    case 1: apply_rows(n, width, 1, panel, weight, pull, x, score, out); break;
    case 2: apply_rows(n, width, 2, panel, weight, pull, x, score, out); break;
    case 4: apply_rows(n, width, 4, panel, weight, pull, x, score, out); break;
    case 8: apply_rows(n, width, 8, panel, weight, pull, x, score, out); break;
    default: apply_rows(n, width, count, panel, weight, pull, x, score, out); break;
    }
}

static float JOIN(dot_, VARIANT)(int width, const float *a, const float *b)
{
    V sum = {0};
    for (int k = 0; k < width; k += LANES) sum += load(a + k) * load(b + k);
    return lanes_sum(sum);
}

static void JOIN(score_, VARIANT)(int n, int width, const float *panel, const float *x,
                                  float *score)
{
    for (int j = 0; j < n; j += ROWS) {
        const float *row[ROWS];
        float s[ROWS];
        for (int r = 0; r < ROWS; r++)
            row[r] = panel + (size_t)(j + r < n ? j + r : n - 1) * (size_t)width;
        dots(row, x, width / LANES, s);
        for (int r = 0; r < ROWS && j + r < n; r++) score[j + r] = s[r];
    }
}

enum { ENTRIES = 256 }; /* entries taken at a time, so that they stay in the first-level cache */

/* gram tile (GI, GJ vectors) += sum over n entries of left column i times panel vectors j. The
 * accumulators stay in registers over all entries; that is why the sizes are literals. */
#define DEFINE_TILE(name, GI, GJ)                                                                  \
    static void name(int n, int width, const float *left, const float *panel, float *gram)         \
    {                                                                                              \
        V sum[GI][GJ];                                                                             \
        _Pragma("GCC unroll 32") for (int i = 0; i < GI; i++)                                      \
            _Pragma("GCC unroll 8") for (int j = 0; j < GJ; j++) sum[i][j] =                       \
                load(gram + (size_t)i * (size_t)width + j * LANES);                                \
        for (int e = 0; e < n; e++, left += width, panel += width) {                               \
            V row[GJ];                                                                             \
            _Pragma("GCC unroll 8") for (int j = 0; j < GJ; j++) row[j] = load(panel + j * LANES); \
            _Pragma("GCC unroll 32") for (int i = 0; i < GI; i++)                                  \
            {                                                                                      \
                const V scale = spread(left[i]);                                                   \
                _Pragma("GCC unroll 8") for (int j = 0; j < GJ; j++) sum[i][j] += scale * row[j];  \
            }                                                                                      \
        }                                                                                          \
        _Pragma("GCC unroll 32") for (int i = 0; i < GI; i++)                                      \
            _Pragma("GCC unroll 8") for (int j = 0; j < GJ; j++)                                   \
                store(gram + (size_t)i * (size_t)width + j * LANES, sum[i][j]);                    \
    }

#if LANES == 16 /* 32 registers */
DEFINE_TILE(tile_wide, 8, 3)
DEFINE_TILE(tile_two, 8, 2)
DEFINE_TILE(tile_one, 16, 1)
enum { WIDE_ROWS = 8, TWO_ROWS = 8, ONE_ROWS = 16 };
#else /* 16 registers */
DEFINE_TILE(tile_wide, 4, 3)
DEFINE_TILE(tile_two, 4, 2)
DEFINE_TILE(tile_one, 8, 1)
enum { WIDE_ROWS = 4, TWO_ROWS = 4, ONE_ROWS = 8 };
#endif

/* Rows [16 b, 16 b + 16) of the Gram against columns up to their own. */
static void gram_rows(int n, int width, int b, const float *left, const float *panel, float *gram)
{
    const int count = (b + 1) * DG_PANEL_ALIGN / LANES;
    for (int j = 0; j < count;) {
        const int take = count - j >= 5 || count - j == 3 ? 3 : count - j >= 2 ? 2 : 1;
        const int step = take == 3 ? WIDE_ROWS : take == 2 ? TWO_ROWS : ONE_ROWS;
        for (int i = 16 * b; i < 16 * b + 16; i += step) {
            float *to = gram + (size_t)i * (size_t)width + j * LANES;
            if (take == 3)
                tile_wide(n, width, left + i, panel + j * LANES, to);
            else if (take == 2)
                tile_two(n, width, left + i, panel + j * LANES, to);
            else
                tile_one(n, width, left + i, panel + j * LANES, to);
        }
        j += take;
    }
}

static void JOIN(gram_, VARIANT)(int n, int width, const float *left, const float *panel,
                                 float *gram)
{
    for (int e = 0; e < n; e += ENTRIES) {
        const int m = n - e < ENTRIES ? n - e : ENTRIES;
        const size_t at = (size_t)e * (size_t)width;
        for (int b = 0; b < width / 16; b++) gram_rows(m, width, b, left + at, panel + at, gram);
    }
}

enum { ROWS_AHEAD = 16, LINE = 64 }; /* rows fetched ahead: they lie anywhere in a large table */

static void fetch(const void *row, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += LINE) __builtin_prefetch((const char *)row + at);
}

static void gather_halves(int n, int64_t follow, int width, const dg_panel_table *from,
                          const int32_t *index, float *panel)
{
    const size_t w = (size_t)width;
    const V unscale = spread(from->unscale);
    for (int k = 0; k < n; k++, panel += w) {
        const uint16_t *row = from->half + (size_t)index[k] * w;
        if (k + ROWS_AHEAD < n + follow)
            fetch(from->half + (size_t)index[k + ROWS_AHEAD] * w, w * sizeof *row);
        for (size_t j = 0; j < w; j += LANES) store(panel + j, unscale * load_f16(row + j));
    }
}

static void gather_floats(int n, int64_t follow, int width, const dg_panel_table *from,
                          const int32_t *index, float *panel)
{
    const size_t d = (size_t)from->d, bytes = d * sizeof(float);
    for (int k = 0; k < n; k++, panel += width) {
        if (k + ROWS_AHEAD < n + follow) fetch(from->at + (size_t)index[k + ROWS_AHEAD] * d, bytes);
        memcpy(panel, from->at + (size_t)index[k] * d, bytes);
    }
}

static void JOIN(gather_, VARIANT)(int n, int64_t follow, int width, const dg_panel_table *from,
                                   const int32_t *index, float *panel)
{
    (from->half != NULL ? gather_halves : gather_floats)(n, follow, width, from, index, panel);
}

static void JOIN(pack_, VARIANT)(int64_t n, float scale, const float *value, uint16_t *half)
{
    const V by = spread(scale);
    for (int64_t k = 0; k < n; k += LANES) {
        V v;
        memcpy(&v, value + k, sizeof v);
        store_f16(half + k, by * v);
    }
}

const dg_panel_kernels JOIN(dg_panel_, VARIANT) = {
    .name = VARIANT_NAME,
    .gather = JOIN(gather_, VARIANT),
    .pack = JOIN(pack_, VARIANT),
    .apply = JOIN(apply_, VARIANT),
    .dot = JOIN(dot_, VARIANT),
    .score = JOIN(score_, VARIANT),
    .gram = JOIN(gram_, VARIANT),
    .cholesky_solve = JOIN(cholesky_solve_, VARIANT),
    .scores = JOIN(scores_, VARIANT),
    .score_one = JOIN(score_one_, VARIANT),
    .mark = JOIN(mark_, VARIANT),
};
