/* scores_kernels.h - the scores of scores.h, written once over V of vectors.h. A lane is a row: it
 * adds its products in order and meets no other lane, so any shape of tile has the same bits.
 * Internal to dense/. */
#include "dense/scores.h"
#include "dense/vectors.h"

#include <string.h>

/* Tiles of queries by vectors of rows whose sums stay in registers. DEPTH columns at a time, so
 * that the turned rows stay in the first-level cache. */
#if LANES == 16
enum { TALL = 8, VECTORS = 3 };
#elif LANES == 8
enum { TALL = 4, VECTORS = 2 };
#else
enum { TALL = 2, VECTORS = 4 };
#endif
enum { TILE = VECTORS * LANES, DEPTH = 128, AHEAD = 2 };

/* rows (n <= LANES, stride) of `depth` columns, transposed: to[p] (TILE apart) has column p. What
 * is not there is zero. */
static void turn(int n, int depth, const float *rows, size_t stride, float *to)
{
    V v[LANES];
    int p = 0;
    for (; n == LANES && p + LANES <= depth; p += LANES) {
        load_transposed(rows + p, stride, v);
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) store(to + (p + i) * TILE, v[i]);
    }
    for (; p < depth; p++)
        for (int i = 0; i < LANES; i++)
            to[p * TILE + i] = i < n ? rows[(size_t)i * stride + (size_t)p] : 0;
}

/* Put `count` <= LANES lanes to out. */
static inline void put(float *out, V v, int count)
{
    if (count >= LANES)
        store_any(out, v);
    else if (count > 0)
        memcpy(out, &v, (size_t)count * sizeof *out);
}

/* Where a tile's scores go, and what they start from. */
typedef struct dg_score_tile {
    const float *first[TALL]; /* of each query: its columns of this depth */
    float start[TALL], finish[TALL], threshold[TALL];
    float *out[TALL]; /* partial sums of the columns before, unless fresh */
    uint16_t *mark[TALL];
    int rows;   /* queries that are there; the others repeat the last */
    int count;  /* rows of the table that are there */
    bool fresh; /* the first columns */
    bool whole; /* the last columns: add finish, mark */
} dg_score_tile;

static inline V partial(const float *from, int count)
{
    V v = {0};
    if (count >= LANES) return load_any(from);
    if (count > 0) memcpy(&v, from, (size_t)count * sizeof *from);
    return v;
}

/* A word of marks of which only `left` scores are there. */
static inline uint16_t first_marks(unsigned bits, int left)
{
    return (uint16_t)(left < DG_MARKS ? bits & ((1u << left) - 1) : bits);
}

static void score_tile(const dg_score_tile *t, int depth, const float *turned)
{
    V sum[TALL][VECTORS];
    const float *query[TALL];
    _Pragma("GCC unroll 8") for (int u = 0; u < TALL; u++)
    {
        query[u] = t->first[u];
        _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++) sum[u][v] =
            t->fresh ? spread(t->start[u]) : partial(t->out[u] + v * LANES, t->count - v * LANES);
    }
    for (int p = 0; p < depth; p++, turned += TILE) {
        V column[VECTORS];
        _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++) column[v] =
            load(turned + v * LANES);
        _Pragma("GCC unroll 8") for (int u = 0; u < TALL; u++)
        {
            const V x = spread(query[u][p]);
            _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++) sum[u][v] += x * column[v];
        }
    }
    _Pragma("GCC unroll 8") for (int u = 0; u < TALL; u++)
    {
        if (u >= t->rows) break;
        _Pragma("GCC unroll 4") for (int v = 0; v < VECTORS; v++)
        {
            if (t->whole) sum[u][v] += spread(t->finish[u]);
            put(t->out[u] + v * LANES, sum[u][v], t->count - v * LANES);
        }
        if (t->mark[u] == NULL) continue;
        _Pragma("GCC unroll 4") for (int w = 0; w < TILE / DG_MARKS; w++)
        {
            unsigned bits = 0;
            _Pragma("GCC unroll 4") for (int l = 0; l < DG_MARKS / LANES; l++) bits |=
                marks_of(sum[u][w * (DG_MARKS / LANES) + l], spread(t->threshold[u]))
                << (l * LANES);
            if (w * DG_MARKS < t->count) t->mark[u][w] = first_marks(bits, t->count - w * DG_MARKS);
        }
    }
}

static void JOIN(mark_, VARIANT)(int n, const float *score, float threshold, uint16_t *mark)
{
    const V limit = spread(threshold);
    for (int j = 0; j < n; j += DG_MARKS) {
        unsigned bits = 0;
        for (int l = 0; l < DG_MARKS; l += LANES)
            bits |= marks_of(partial(score + j + l, n - j - l), limit) << l;
        mark[j / DG_MARKS] = first_marks(bits, n - j);
    }
}

/* Queries [u, u + TALL) of columns [p, p + depth) with the turned rows from j on. */
static void score_queries(const dg_queries *q, int u, int p, int depth, int j, int n_rows,
                          const float *turned, const float *threshold, float *out, uint16_t *mark)
{
    dg_score_tile t;
    t.rows = q->n - u < TALL ? q->n - u : TALL;
    t.count = n_rows - j < TILE ? n_rows - j : TILE;
    t.fresh = p == 0;
    t.whole = p + depth == q->k;
    for (int i = 0; i < TALL; i++) {
        const size_t at = (size_t)(u + (i < t.rows ? i : t.rows - 1));
        t.first[i] = q->row + at * q->stride + p;
        t.out[i] = out + at * (size_t)n_rows + j;
        t.start[i] = q->start[at];
        t.finish[i] = q->finish != NULL ? q->finish[at] : 0;
        t.threshold[i] = mark != NULL ? threshold[at] : 0;
        t.mark[i] = mark != NULL && t.whole
                        ? mark + at * dg_mark_words((size_t)n_rows) + j / DG_MARKS
                        : NULL;
    }
    score_tile(&t, depth, turned);
}

static void score_many(const dg_queries *q, int n_rows, const float *rows, size_t stride,
                       const float *threshold, float *out, uint16_t *mark)
{
    float turned[DEPTH * TILE] __attribute__((aligned(64)));
    for (int j = 0; j < n_rows; j += TILE)
        for (int p = 0; p == 0 || p < q->k; p += DEPTH) {
            const int depth = q->k - p < DEPTH ? q->k - p : DEPTH;
            for (int v = 0; v < VECTORS; v++) {
                const int at = j + v * LANES, left = n_rows - at;
                turn(left < 0       ? 0
                     : left < LANES ? left
                                    : LANES,
                     depth, rows + (size_t)(left > 0 ? at : 0) * stride + p, stride,
                     turned + v * LANES);
            }
            for (int u = 0; u < q->n; u += TALL)
                score_queries(q, u, p, depth, j, n_rows, turned, threshold, out, mark);
        }
}

/* LANES rows with one query, turned in registers: nothing but the rows' own bytes is moved. The
 * rows behind them are asked for, since rows apart are too many streams for the processor to see.
 */
static inline V score_lanes(int k, const float *query, const float *rows, size_t stride, V sum)
{
    V v[LANES];
    int p = 0;
    for (; p + LANES <= k; p += LANES) {
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++)
            __builtin_prefetch(rows + (size_t)(i + AHEAD * LANES) * stride + p);
        load_transposed(rows + p, stride, v);
        _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) sum += spread(query[p + i]) * v[i];
    }
    for (; p < k; p++) {
        float column[LANES] __attribute__((aligned(4 * LANES)));
        for (int i = 0; i < LANES; i++) column[i] = rows[(size_t)i * stride + (size_t)p];
        sum += spread(query[p]) * load(column);
    }
    return sum;
}

static float JOIN(score_one_, VARIANT)(int k, const float *a, const float *b, float start)
{
    float sum = start;
#ifdef __FP_FAST_FMAF /* said aloud: a compiler that takes several products at once rounds them */
    for (int p = 0; p < k; p++) sum = __builtin_fmaf(a[p], b[p], sum);
#else
    for (int p = 0; p < k; p++) sum += a[p] * b[p];
#endif
    return sum;
}

static void score_single(const dg_queries *q, int n_rows, const float *rows, size_t stride,
                         const float *threshold, float *out, uint16_t *mark)
{
    const float finish = q->finish != NULL ? q->finish[0] : 0;
    int j = 0;
    for (; j + LANES <= n_rows; j += LANES)
        store_any(out + j, score_lanes(q->k, q->row, rows + (size_t)j * stride, stride,
                                       spread(q->start[0])) +
                               spread(finish));
    for (; j < n_rows; j++)
        out[j] = JOIN(score_one_, VARIANT)(q->k, q->row, rows + (size_t)j * stride, q->start[0]) +
                 finish;
    if (mark != NULL) JOIN(mark_, VARIANT)(n_rows, out, *threshold, mark);
}

static void JOIN(scores_, VARIANT)(const dg_queries *q, int n_rows, const float *rows,
                                   size_t stride, const float *threshold, float *out,
                                   uint16_t *mark)
{
    if (q->n == 1)
        score_single(q, n_rows, rows, stride, threshold, out, mark);
    else
        score_many(q, n_rows, rows, stride, threshold, out, mark);
}
