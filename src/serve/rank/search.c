#include "serve/rank/search.h"

#include <math.h>
#include <string.h>

enum { ROW_FLOATS = 8192, BLOCK = DG_SEARCH_BLOCK };

static double norm_of(const float *x, int32_t n)
{
    double squares = 0;
    for (int32_t c = 0; c < n; c++) squares += (double)x[c] * x[c];
    return sqrt(squares) * (1 + 1e-9);
}

/* The taste in whole numbers; returns the norm of what they leave out. */
static double round_taste(const float *x, int32_t n, int8_t *q, float *step, int64_t *sum)
{
    float most = 0;
    double rest = 0;
    *sum = 0;
    for (int32_t c = 0; c < n; c++) most = fmaxf(most, fabsf(x[c]));
    *step = fmaxf(most / 127, 1e-30f);
    for (int32_t c = 0; c < n; c++) {
        const int whole = (int)fmin(127, fmax(-127, rint((double)x[c] / (double)*step)));
        const double off = (double)x[c] - (double)*step * whole;
        q[c] = (int8_t)whole;
        *sum += whole;
        rest += off * off;
    }
    return sqrt(rest) * (1 + 1e-9);
}

static float float_above(double x)
{
    const float f = (float)x;
    return (double)f < x ? nextafterf(f, INFINITY) : f;
}

bool dg_search_start(const dg_search_in *in, const float *taste, const dg_allowed *allowed,
                     const dg_search_near *near, dg_topk *best, dg_search *s)
{
    static const double safe = 1e36;                  /* of what floats hold */
    const double tiny = near != NULL ? 1e-20 : 1e-36; /* what is lost to underflow */
    const dg_scan *t = in->scan;
    const double norm = norm_of(taste, t->n_cols), offset = (double)in->offset;
    int64_t sum;
    float step;
    s->n_waiting = 0;
    s->over = t->n == 0 || best->k == 0;
    if (!(norm < safe && norm * (double)t->norm[0] < safe && fabs(offset) < safe)) return false;
    memset(s->q, 0, (size_t)dg_nibble_runs(t->n_cols) * DG_NIBBLE_COLS);
    const double rest = round_taste(taste, t->n_cols, s->q, &step, &sum);
    /* What k sums and the bound's own few may round: in shares of the sum of |x_c y_c|, and of
     * what stands for y on the way, shifted by 128 a column; and what lengths do. */
    const double share = (2.0 * t->n_cols + 24) * 0x1p-24;
    const double shifted = t->code_norm + t->fine_rest + 128 * sqrt((double)t->n_cols);
    const double rounded = share * (norm + rest) * shifted;
    const double common = rest * t->code_norm + rounded;
    s->taste = taste;
    s->allowed = *allowed;
    s->best = best;
    s->near = near != NULL ? *near : (dg_search_near){-1, 1};
    s->norm = norm;
    s->slack = 1 + share;
    s->offset = offset + share * fabs(offset) + tiny;
    const double by = (double)s->near.inverse;
    const double shift = (double)step * (double)sum;
    s->query = (dg_nibble_query){
        .q = s->q,
        .n_runs = dg_nibble_runs(t->n_cols),
        .step = (float)(by * (double)step),
        .add_coarse = float_above(by * (common - (128 - 7.5) * shift)),
        .norm = float_above(by * norm),
        .add_fine = float_above(by * (common - 128.0 * shift + norm * t->fine_rest)),
        .offset = float_above(s->offset)};
    return true;
}

static void offer(const dg_search_in *in, dg_search *s, int32_t item, float score)
{
    if (in->inverse != NULL && in->inverse[item] == 0) return;
    if (in->inverse != NULL) score *= s->near.inverse * in->inverse[item];
    if (!(score < s->best->threshold)) dg_topk_offer(s->best, (dg_hit){score, item});
}

/* Score what waits, as many rows at a time as there is room for. */
static void score_waiting(const dg_search_in *in, dg_search *s)
{
    const int32_t n_cols = in->rows->n_cols;
    const int most =
        ROW_FLOATS / n_cols < DG_SEARCH_WAITING ? ROW_FLOATS / n_cols : DG_SEARCH_WAITING;
    const dg_queries q = {1, n_cols, (size_t)n_cols, s->taste, &in->offset, NULL};
    float row[ROW_FLOATS] __attribute__((aligned(64))), score[DG_SEARCH_WAITING];
    for (int begin = 0, n; begin < s->n_waiting; begin += n) {
        n = s->n_waiting - begin < most ? s->n_waiting - begin : most;
        for (int j = 0; j < n; j++) {
            float *room = row + (size_t)j * (size_t)n_cols;
            const float *at = dg_factors_row(in->rows, s->waiting[begin + j], room);
            if (at != room) memcpy(room, at, (size_t)n_cols * sizeof *room);
        }
        for (int j = n; j < most; j++) /* whole vectors of rows are faster than few rows */
            memcpy(row + (size_t)j * (size_t)n_cols, row, (size_t)n_cols * sizeof *row);
        in->kernels->scores(&q, most, row, (size_t)n_cols, NULL, score, NULL);
        for (int j = 0; j < n; j++) offer(in, s, s->waiting[begin + j], score[j]);
    }
    s->n_waiting = 0;
}

void dg_search_offer(const dg_search_in *in, dg_search *s, int32_t item)
{
    if (item == s->near.item || !dg_allowed_has(&s->allowed, item)) return;
    if (in->rows->precision == DG_PRECISION_F32)
        for (int32_t c = 0; c < in->rows->n_cols; c += 16)
            __builtin_prefetch((const float *)in->rows->at + (int64_t)item * in->rows->n_cols + c);
    s->waiting[s->n_waiting++] = item;
    if (s->n_waiting == DG_SEARCH_WAITING) score_waiting(in, s);
}

/* Goods of a group whose bound from the high halves reaches the threshold. */
static void look_closer(const dg_search_in *in, dg_search *s, int64_t group, unsigned mark)
{
    const dg_scan *t = in->scan;
    const int64_t at = group * dg_scan_group_bytes(t->n_cols);
    mark &= in->nibbles->mark_fine(&s->query, t->high + at, t->low + at, in->scale + group * 16,
                                   s->best->threshold);
    for (; mark != 0; mark &= mark - 1)
        dg_search_offer(in, s, t->order[group * 16 + __builtin_ctz(mark)]);
}

/* Ask for the low halves that will be looked at: they lie apart. */
static void fetch_low(const dg_scan *t, int64_t begin, int n, const uint16_t *mark)
{
    const int64_t bytes = dg_scan_group_bytes(t->n_cols);
    for (int g = 0; g < n; g++)
        for (int64_t at = 0; mark[g] != 0 && at < bytes; at += 64)
            __builtin_prefetch(t->low + (begin + g) * bytes + at);
}

/* Without the goods that `bits` keeps out, and those behind the last: their low halves need not be
 * read. */
static void keep_allowed(const dg_scan *t, const dg_allowed *allowed, int64_t begin, int n,
                         uint16_t *mark)
{
    if (t->n < (begin + n) * 16 && t->n % 16 != 0) mark[n - 1] &= (uint16_t)((1u << t->n % 16) - 1);
    for (int g = 0; allowed->bits != NULL && g < n; g++)
        for (unsigned left = mark[g]; left != 0; left &= left - 1) {
            const int32_t item = t->order[(begin + g) * 16 + __builtin_ctz(left)];
            if (!(allowed->bits[item / 64] >> (item % 64) & 1))
                mark[g] &= (uint16_t) ~(left & -left);
        }
}

void dg_search_groups(const dg_search_in *in, dg_search *s, int64_t first, int64_t end)
{
    const dg_scan *t = in->scan;
    uint16_t mark[BLOCK];
    for (int64_t begin = first; begin < end && !s->over; begin += BLOCK) {
        const int n = (int)(end - begin < BLOCK ? end - begin : BLOCK);
        if (in->inverse == NULL &&
            s->offset + s->norm * (double)t->norm[begin] * s->slack < (double)s->best->threshold) {
            s->over = true;
            break;
        }
        in->nibbles->mark(&s->query, n, t->high + begin * dg_scan_group_bytes(t->n_cols),
                          in->scale + begin * 16, t->coarse_rest + begin, s->best->threshold, mark);
        keep_allowed(t, &s->allowed, begin, n, mark);
        fetch_low(t, begin, n, mark);
        for (int g = 0; g < n; g++)
            if (mark[g] != 0) look_closer(in, s, begin + g, mark[g]);
        /* a threshold that rises early spares more than a full kernel call gains */
        if (s->n_waiting > 0 && s->best->n < s->best->k) score_waiting(in, s);
    }
}

void dg_search_end(const dg_search_in *in, dg_search *s) { score_waiting(in, s); }
