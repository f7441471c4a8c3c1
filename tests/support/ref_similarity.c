#include "ref_similarity.h"

#include "base/memory.h"

#include <math.h>

static double value(const ref_matrix *m, int64_t row, int64_t column)
{
    return m->at[row * m->n_columns + column];
}

static double column_mean(const ref_matrix *m, int64_t column)
{
    double sum = 0, n = 0;
    for (int64_t r = 0; r < m->n_rows; r++)
        if (!isnan(value(m, r, column))) sum += value(m, r, column), n++;
    return sum / n;
}

static double row_mean(const ref_matrix *m, int64_t row)
{
    double sum = 0, n = 0;
    for (int64_t c = 0; c < m->n_columns; c++)
        if (!isnan(value(m, row, c))) sum += value(m, row, c), n++;
    return sum / n;
}

static double idf(const ref_matrix *m, int64_t row)
{
    double n = 0;
    for (int64_t c = 0; c < m->n_columns; c++) n += !isnan(value(m, row, c));
    return log((1 + (double)m->n_columns) / (1 + n));
}

static double length(const ref_matrix *m, int64_t column)
{
    double sum = 0;
    for (int64_t r = 0; r < m->n_rows; r++)
        if (!isnan(value(m, r, column))) sum += value(m, r, column);
    return sum;
}

static double bm25(const ref_matrix *m, const dg_similarity_options *o, int64_t row, int64_t column)
{
    const double x = value(m, row, column);
    double average = 0;
    if (isnan(x)) return NAN;
    for (int64_t c = 0; c < m->n_columns; c++) average += length(m, c) / (double)m->n_columns;
    const double bend = o->bm25_k1 * (1 - o->bm25_b + o->bm25_b * length(m, column) / average);
    return x > 0 ? x * (o->bm25_k1 + 1) / (bend + x) * idf(m, row) : 0;
}

static double weighed(const ref_matrix *m, const dg_similarity_options *o, int64_t row,
                      int64_t column)
{
    const double x = value(m, row, column);
    if (isnan(x)) return NAN;
    switch ((dg_similarity_measure)o->measure) {
    case DG_SIMILARITY_PEARSON:
        return o->support == DG_SUPPORT_FULL ? x - column_mean(m, column) : x;
    case DG_SIMILARITY_ADJUSTED_COSINE: return x - row_mean(m, row);
    case DG_SIMILARITY_TFIDF: return (x < 0 ? -1 : 1) * sqrt(fabs(x)) * idf(m, row);
    case DG_SIMILARITY_BM25: return bm25(m, o, row, column);
    case DG_SIMILARITY_COSINE: return x;
    default: return 1;
    }
}

double *ref_weigh(const ref_matrix *m, const dg_similarity_options *o)
{
    double *out = dg_alloc((size_t)(m->n_rows * m->n_columns), sizeof *out);
    for (int64_t r = 0; r < m->n_rows; r++)
        for (int64_t c = 0; c < m->n_columns; c++) out[r * m->n_columns + c] = weighed(m, o, r, c);
    return out;
}

/* Squares below the rounding of a sum of unit-sized differences are those of equal values. */
static double share(double top, double left, double right)
{
    return left < 1e-9 || right < 1e-9 ? 0 : top / sqrt(left * right);
}

double ref_similarity(const ref_matrix *m, const dg_similarity_options *o, int64_t a, int64_t b)
{
    double n = 0, n_a = 0, n_b = 0, x = 0, y = 0, xy = 0, xx = 0, yy = 0, all_xx = 0, all_yy = 0;
    for (int64_t r = 0; r < m->n_rows; r++) {
        const double u = value(m, r, a), v = value(m, r, b);
        if (!isnan(u)) n_a++, all_xx += u * u;
        if (!isnan(v)) n_b++, all_yy += v * v;
        if (isnan(u) || isnan(v)) continue;
        n++, x += u, y += v, xy += u * v, xx += u * u, yy += v * v;
    }
    if (n == 0 || n < (double)o->min_overlap) return NAN;
    const double shrunk = n / (n + o->shrinkage);
    const bool full = o->support == DG_SUPPORT_FULL;
    switch ((dg_similarity_measure)o->measure) {
    case DG_SIMILARITY_JACCARD: return shrunk * n / (n_a + n_b - n);
    case DG_SIMILARITY_CONDITIONAL: return shrunk * n / n_b / pow(n_a, o->popularity);
    case DG_SIMILARITY_BM25: return shrunk * xy;
    case DG_SIMILARITY_PEARSON:
        if (!full) return shrunk * share(xy - x * y / n, xx - x * x / n, yy - y * y / n);
        return shrunk * share(xy, all_xx, all_yy);
    default: return shrunk * (full ? share(xy, all_xx, all_yy) : share(xy, xx, yy));
    }
}
