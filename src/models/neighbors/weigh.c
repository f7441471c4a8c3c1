#include "models/neighbors/weigh.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/rng.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = 20 }; /* of the largest q */

typedef struct dg_weighing {
    const dg_comm *c;
    const dg_similarity_options *o;
    const bool *candidate;
    uint64_t seed;
    dg_weighed *w;
    int64_t n_rows;        /* over all ranks */
    int64_t n_documents;   /* columns that may be neighbours */
    const int64_t *sum;    /* (n_columns,) of raw q */
    double average_length; /* mean of sum over documents, as values */
    int bits;              /* BITS, or fewer where rows are very many */
} dg_weighing;

/* What a measure makes of an entry depends on its row through these. */
typedef struct dg_row_facts {
    double mean, idf;
} dg_row_facts;

static bool counts(const dg_weighing *g, int32_t column)
{
    return g->candidate == NULL || g->candidate[column];
}

/* Bits behind the point that x needs; INT_MIN for 0. */
static int fineness(double x)
{
    int exponent;
    if (x == 0) return INT_MIN;
    const int64_t mantissa = (int64_t)ldexp(frexp(fabs(x), &exponent), 53);
    return 53 - exponent - __builtin_ctzll((unsigned long long)mantissa);
}

/* Largest magnitude and fineness over all ranks, kept as integers so that all agree exactly. */
typedef struct dg_scale {
    int64_t exponent; /* all |x| < 2^exponent */
    int64_t fineness;
} dg_scale;

static void widen(dg_scale *s, double x)
{
    int exponent;
    if (x == 0) return;
    const int fine = fineness(x);
    frexp(x, &exponent);
    if (exponent > s->exponent) s->exponent = exponent;
    if (fine > s->fineness) s->fineness = fine;
}

/* The shift all entries get; says whether that rounds any. COLLECTIVE. */
static int agree_shift(const dg_weighing *g, const dg_scale *own, bool *exact)
{
    int64_t all[2] = {own->exponent, own->fineness};
    dg_max_int64(g->c, all, 2);
    if (all[0] == INT_MIN) return 0; /* nothing but zeros */
    const int64_t most = g->bits - all[0];
    *exact = *exact && all[1] <= most;
    return (int)(all[1] < most ? all[1] : most);
}

/* Keep max_history entries of longer rows: those with the least hashes of row and column. */
static dg_status cut_row(const dg_weighing *g, int64_t row, int64_t first, int64_t n, dg_err *err)
{
    const int64_t keep = g->o->max_history;
    const int32_t *column = g->w->rows->index + first;
    uint64_t *hash = dg_alloc((size_t)n, sizeof *hash);
    if (hash == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a long history");
    for (int64_t k = 0; k < n; k++) {
        const uint64_t pair[2] = {(uint64_t)row, (uint64_t)column[k]};
        hash[k] = dg_hash64(pair, sizeof pair, g->seed);
    }
    uint64_t low = 0, high = UINT64_MAX; /* least bound that leaves at least `keep`, by bisection */
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        int64_t below = 0;
        for (int64_t k = 0; k < n; k++) below += hash[k] <= middle;
        if (below >= keep)
            high = middle;
        else
            low = middle + 1;
    }
    for (int64_t k = 0; k < n; k++)
        if (hash[k] > low) g->w->q[first + k] = DG_WEIGHED_ABSENT;
    dg_free(hash);
    return DG_OK;
}

static dg_status cut_long_rows(const dg_weighing *g, dg_similarity_report *report, dg_err *err)
{
    const dg_csr *rows = g->w->rows;
    dg_status st = DG_OK;
    int64_t cut[2] = {0, 0};
    for (int64_t r = rows->begin; r < rows->end && g->o->max_history > 0 && st == DG_OK; r++) {
        const int64_t first = rows->ptr[r - rows->begin], n = dg_csr_row(rows, r).n;
        if (n <= g->o->max_history) continue;
        st = cut_row(g, r, first, n, err);
        cut[0]++;
        cut[1] += n - g->o->max_history;
    }
    st = dg_agree(g->c, st, err);
    dg_sum_int64(g->c, cut, 2);
    report->capped_rows = cut[0];
    report->cut_entries = cut[1];
    return st;
}

/* Values as they are, or 1 where only presence counts. COLLECTIVE. */
static dg_status quantise_raw(const dg_weighing *g, bool *exact, dg_err *err)
{
    dg_weighed *w = g->w;
    const int64_t n = dg_csr_count(w->rows);
    const bool present =
        g->o->measure == DG_SIMILARITY_JACCARD || g->o->measure == DG_SIMILARITY_CONDITIONAL;
    int64_t bad = INT64_MAX, exponent = INT_MIN, fine = INT_MIN;
    dg_status st = DG_OK;
#pragma omp parallel for schedule(static) reduction(min : bad) reduction(max : exponent, fine)
    for (int64_t k = 0; k < n; k++) {
        dg_scale scale = {exponent, fine};
        if (!isfinite(w->rows->value[k]) && k < bad) bad = k;
        widen(&scale, present ? 1 : (double)w->rows->value[k]);
        exponent = scale.exponent;
        fine = scale.fineness;
    }
    const dg_scale scale = {exponent, fine};
    if (bad < INT64_MAX)
        st = DG_FAIL(err, DG_ERR_NUMERIC, "a value of column %d is %g", (int)w->rows->index[bad],
                     (double)w->rows->value[bad]);
    st = dg_agree(g->c, st, err);
    if (st != DG_OK) return st;
    w->shift = agree_shift(g, &scale, exact);
    const double unit = ldexp(1, w->shift); /* products with a power of two are exact */
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < n; k++)
        if (w->q[k] != DG_WEIGHED_ABSENT)
            w->q[k] = (int32_t)llrint((present ? 1 : (double)w->rows->value[k]) * unit);
    return DG_OK;
}

/* Entries, sums and sums of squares of each column, exact. COLLECTIVE. */
static void sum_columns(const dg_weighing *g, int64_t *sum)
{
    dg_weighed *w = g->w;
    const size_t bytes = (size_t)w->n_columns * sizeof(int64_t);
    memset(w->count, 0, bytes);
    memset(w->squares, 0, bytes);
    memset(sum, 0, bytes);
    for (int64_t k = 0; k < dg_csr_count(w->rows); k++) {
        if (w->q[k] == DG_WEIGHED_ABSENT) continue;
        const int32_t column = w->rows->index[k];
        w->count[column]++;
        sum[column] += w->q[k];
        w->squares[column] += (int64_t)w->q[k] * w->q[k];
    }
    dg_sum_int64(g->c, w->count, (int)w->n_columns);
    dg_sum_int64(g->c, w->squares, (int)w->n_columns);
    dg_sum_int64(g->c, sum, (int)w->n_columns);
}

static dg_row_facts facts_of_row(const dg_weighing *g, int64_t first, int64_t end)
{
    int64_t n = 0, sum = 0;
    for (int64_t k = first; k < end; k++) {
        if (g->w->q[k] == DG_WEIGHED_ABSENT || !counts(g, g->w->rows->index[k])) continue;
        n++;
        sum += g->w->q[k];
    }
    return (dg_row_facts){n > 0 ? (double)sum / (double)n : 0,
                          log((1 + (double)g->n_documents) / (1 + (double)n))};
}

/* What the measure takes from an entry; means are in units of q. */
static double transform(const dg_weighing *g, const dg_row_facts *f, int64_t entry)
{
    const int32_t q = g->w->q[entry], column = g->w->rows->index[entry];
    const double x = ldexp((double)q, -g->w->shift);
    switch ((dg_similarity_measure)g->o->measure) {
    case DG_SIMILARITY_PEARSON:
        return (double)q - (double)g->sum[column] / (double)g->w->count[column];
    case DG_SIMILARITY_ADJUSTED_COSINE: return (double)q - f->mean;
    case DG_SIMILARITY_TFIDF: return copysign(sqrt(fabs(x)), x) * f->idf;
    case DG_SIMILARITY_BM25: {
        const double length = ldexp((double)g->sum[column], -g->w->shift);
        const double share = g->average_length > 0 ? length / g->average_length : 1;
        const double bend = g->o->bm25_k1 * (1 - g->o->bm25_b + g->o->bm25_b * share);
        return x > 0 ? x * (g->o->bm25_k1 + 1) / (bend + x) * f->idf : 0;
    }
    default: return (double)q;
    }
}

static bool transforms(const dg_similarity_options *o)
{
    switch ((dg_similarity_measure)o->measure) {
    case DG_SIMILARITY_PEARSON: return o->support == DG_SUPPORT_FULL;
    case DG_SIMILARITY_ADJUSTED_COSINE:
    case DG_SIMILARITY_TFIDF:
    case DG_SIMILARITY_BM25: return true;
    default: return false;
    }
}

/* Look at all transformed entries, then put them in place of the raw ones. COLLECTIVE. */
static void requantise(const dg_weighing *g, bool *exact)
{
    dg_weighed *w = g->w;
    const dg_csr *rows = w->rows;
    dg_scale scale = {INT_MIN, INT_MIN};
    int shift = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t r = 0; r < rows->end - rows->begin; r++) {
            const dg_row_facts f = facts_of_row(g, rows->ptr[r], rows->ptr[r + 1]);
            for (int64_t k = rows->ptr[r]; k < rows->ptr[r + 1]; k++) {
                if (w->q[k] == DG_WEIGHED_ABSENT) continue;
                const double x = transform(g, &f, k);
                if (pass == 0)
                    widen(&scale, x);
                else
                    w->q[k] = (int32_t)llrint(ldexp(x, shift));
            }
        }
        if (pass == 0) shift = agree_shift(g, &scale, exact);
    }
    const bool in_units_of_q =
        g->o->measure == DG_SIMILARITY_PEARSON || g->o->measure == DG_SIMILARITY_ADJUSTED_COSINE;
    w->shift = in_units_of_q ? w->shift + shift : shift;
}

static void find_average_length(dg_weighing *g)
{
    double total = 0;
    for (int64_t c = 0; c < g->w->n_columns; c++) {
        if (!counts(g, (int32_t)c)) continue;
        g->n_documents++;
        total += (double)g->sum[c];
    }
    if (g->n_documents > 0) g->average_length = ldexp(total, -g->w->shift) / (double)g->n_documents;
}

/* DIMSUMv2: an entry stays where a coin of its row and column says so, more rarely in a column
 * with a large norm; such columns divide by the root of gamma instead of their norm. Values are
 * taken as shares of the largest one. COLLECTIVE. */
static void toss_coins(const dg_weighing *g, dg_similarity_report *report)
{
    dg_weighed *w = g->w;
    const dg_csr *rows = w->rows;
    const double n = (double)w->n_columns, gamma = 4 * log(n + 1) / g->o->threshold;
    const double root = sqrt(gamma) * (double)w->largest;
    int64_t kept[2] = {0, 0};
    for (int64_t r = rows->begin; r < rows->end; r++) {
        for (int64_t k = rows->ptr[r - rows->begin]; k < rows->ptr[r - rows->begin + 1]; k++) {
            if (w->q[k] == DG_WEIGHED_ABSENT) continue;
            const int32_t column = rows->index[k];
            const uint64_t pair[2] = {(uint64_t)r, (uint64_t)column};
            const double coin = ldexp((double)(dg_hash64(pair, sizeof pair, ~g->seed) >> 11), -53);
            if (coin * w->norm[column] >= root)
                w->q[k] = DG_WEIGHED_ABSENT;
            else
                kept[0]++;
            kept[1]++;
        }
    }
    for (int64_t c = 0; c < w->n_columns; c++) w->norm[c] = fmin(w->norm[c], root);
    dg_sum_int64(g->c, kept, 2);
    report->kept_entries = kept[0];
    report->entries = kept[1];
    report->deviation = 1 / sqrt(gamma * g->o->threshold);
}

static dg_status allocate(dg_weighed *w, int64_t **sum, dg_err *err)
{
    const size_t n = (size_t)w->n_columns;
    w->q = dg_alloc((size_t)dg_csr_count(w->rows), sizeof *w->q);
    w->count = dg_alloc(n, sizeof *w->count);
    w->squares = dg_alloc(n, sizeof *w->squares);
    w->norm = dg_alloc(n, sizeof *w->norm);
    *sum = dg_alloc(n, sizeof **sum);
    if (w->q != NULL && w->count != NULL && w->squares != NULL && w->norm != NULL && *sum != NULL)
        return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the weights of %lld entries",
                   (long long)dg_csr_count(w->rows));
}

static void find_largest(const dg_weighing *g)
{
    int64_t most[2] = {0, INT_MIN}; /* |q|, and -q */
    for (int64_t k = 0; k < dg_csr_count(g->w->rows); k++) {
        const int64_t q = g->w->q[k];
        if (q == DG_WEIGHED_ABSENT) continue;
        if (llabs(q) > most[0]) most[0] = llabs(q);
        if (-q > most[1]) most[1] = -q;
    }
    dg_max_int64(g->c, most, 2);
    g->w->largest = (int32_t)most[0];
    g->w->unit = most[0] == 1 && most[1] == -1;
}

dg_status dg_weigh(const dg_comm *c, const dg_csr *rows, int64_t n_columns, const bool *candidate,
                   const dg_similarity_options *o, uint64_t seed, dg_weighed *out,
                   dg_similarity_report *report, dg_err *err)
{
    int64_t *sum = NULL, n_rows = rows->end - rows->begin;
    dg_weighing g = {.c = c, .o = o, .candidate = candidate, .seed = seed, .w = out, .bits = BITS};
    bool exact = true;
    *out = (dg_weighed){.rows = rows, .n_columns = n_columns};
    dg_status st = dg_agree(c, allocate(out, &sum, err), err);
    dg_sum_int64(c, &n_rows, 1);
    while (g.bits > 1 && 2 * g.bits + log2((double)n_rows + 1) > 62) g.bits--;
    if (st == DG_OK) st = cut_long_rows(&g, report, err);
    if (st == DG_OK) st = quantise_raw(&g, &exact, err);
    if (st == DG_OK) {
        sum_columns(&g, sum);
        g.sum = sum;
        find_average_length(&g);
        if (transforms(o)) {
            requantise(&g, &exact);
            sum_columns(&g, sum);
        }
        find_largest(&g);
        for (int64_t k = 0; k < n_columns; k++) out->norm[k] = sqrt((double)out->squares[k]);
        if (o->approximate == DG_APPROXIMATE_DIMSUM) toss_coins(&g, report);
        report->exact = exact;
        report->rounding = exact ? 0 : ldexp(1, -g.bits);
    }
    dg_free(sum);
    if (st != DG_OK) dg_weighed_free(out);
    return st;
}

void dg_weighed_free(dg_weighed *w)
{
    dg_free(w->q);
    dg_free(w->count);
    dg_free(w->squares);
    dg_free(w->norm);
    *w = (dg_weighed){0};
}
