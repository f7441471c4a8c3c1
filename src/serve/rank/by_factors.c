#include "serve/rank/by_factors.h"

#include "base/memory.h"
#include "serve/rank/search.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A pass makes rows of floats of smaller ones in runs of so many floats. */
enum { RUN_FLOATS = 16 * DG_FACTORS_ROOM };

struct dg_by_factors {
    const dg_artifact *a;
    dg_search_in in;   /* without a scan for rows that are too wide */
    dg_search_in near; /* of cosines; scale NULL: they are found by a pass */
    dg_scan made;
    float *made_norm, *made_scale;
    const float *inverse_norm; /* (n_items,) over the taste columns; 0 for none */
};

static dg_status measure_items(dg_by_factors *b, dg_err *err)
{
    const dg_artifact *a = b->a;
    float room[DG_FACTORS_ROOM];
    for (int64_t i = 0; i < a->n_items; i++) {
        const float *row = dg_factors_row(&a->item_factor, i, room);
        float spoiled = 0; /* x * 0 is 0 for finite x only */
        for (int32_t c = 0; c < a->n_cols; c++) spoiled += row[c] * 0.0f;
        if (spoiled != 0.0f)
            return DG_FAIL(err, DG_ERR_DATA,
                           "%s: factors/item: row %" PRId64 " holds a number that is not finite",
                           a->path, i);
        b->made_norm[i] = dg_scan_inverse_norm(row, a->similar_cols);
    }
    return DG_OK;
}

/* What the artifact of an earlier version lacks, or where a row is too long for it to be there. */
static dg_status make_copy(dg_by_factors *b, dg_err *err)
{
    const dg_artifact *a = b->a;
    b->inverse_norm = b->made_norm = dg_alloc((size_t)a->n_items, sizeof *b->made_norm);
    if (b->made_norm == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for item norms", a->path);
    const dg_status st = measure_items(b, err);
    if (st != DG_OK || a->n_cols > DG_FACTORS_ROOM) return st;
    return dg_scan_make(&a->item_factor, a->n_items, &b->made, err);
}

/* The scales of cosines; none where goods are too short, or hardly any of their length is taste. */
static dg_status prepare_near(dg_by_factors *b, dg_err *err)
{
    const dg_scan *t = b->in.scan;
    if (t->n == 0) return DG_OK;
    float most = 0, *scale = dg_alloc((size_t)dg_scan_groups(t->n) * 16, sizeof *scale);
    b->made_scale = scale;
    if (scale == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for scales", b->a->path);
    for (int64_t at = 0; at < t->n; at++) {
        const float inverse = b->inverse_norm[t->order[at]];
        scale[at] = t->scale[at] * inverse;
        most = fmaxf(most, fmaxf(inverse, scale[at]));
    }
    b->near = b->in;
    b->near.scale = most <= (float)DG_SCAN_INVERSE ? scale : NULL;
    b->near.inverse = b->inverse_norm;
    b->near.offset = 0;
    return DG_OK;
}

static dg_status prepare(dg_by_factors *b, dg_err *err)
{
    const dg_artifact *a = b->a;
    const bool there = a->scan.n > 0 && isfinite(a->scan.norm[0]);
    b->inverse_norm = a->inverse_norm;
    const dg_status st = there ? DG_OK : make_copy(b, err);
    const dg_scan *scan = there ? &a->scan : &b->made;
    b->in = (dg_search_in){.scan = scan,
                           .scale = scan->scale,
                           .rows = &a->item_factor,
                           .kernels = dg_panel(),
                           .nibbles = dg_nibbles(),
                           .offset = (float)a->offset};
    return st == DG_OK ? prepare_near(b, err) : st;
}

dg_status dg_by_factors_create(const dg_artifact *a, dg_by_factors **out, dg_err *err)
{
    dg_by_factors *b = *out = dg_alloc(1, sizeof *b);
    if (b == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", a->path);
    b->a = a;
    const dg_status st = prepare(b, err);
    if (st != DG_OK) dg_by_factors_destroy(out);
    return st;
}

void dg_by_factors_destroy(dg_by_factors **b)
{
    if (*b == NULL) return;
    dg_scan_free(&(*b)->made);
    dg_free((*b)->made_norm);
    dg_free((*b)->made_scale);
    dg_free(*b);
    *b = NULL;
}

/* ---- a pass over all factors ---- */

/* Goods in the block that begins at `first`: whole words of marks. */
static int32_t block_at(const dg_by_factors *b, int64_t first)
{
    const dg_factors *f = b->in.rows;
    int64_t n = dg_score_block(first), left = b->a->n_items - first;
    if (f->precision != DG_PRECISION_F32 && n > RUN_FLOATS / f->n_cols / 16 * 16)
        n = RUN_FLOATS / f->n_cols / 16 * 16;
    return (int32_t)(n < left ? n : left);
}

static const float *rows_at(const dg_by_factors *b, int64_t first, int32_t n, float *room)
{
    const dg_factors *f = b->in.rows;
    if (f->precision == DG_PRECISION_F32) return dg_factors_row(f, first, NULL);
    for (int32_t j = 0; j < n; j++) dg_factors_row(f, first + j, room + (int64_t)j * f->n_cols);
    return room;
}

dg_status dg_by_factors_pass(const dg_by_factors *b, const float *taste, const dg_allowed *allowed,
                             dg_topk *best, dg_err *err)
{
    const dg_artifact *a = b->a;
    const size_t width = (size_t)a->n_cols;
    const dg_queries q = {1, a->n_cols, width, taste, &b->in.offset, NULL};
    dg_allowed left = *allowed; /* skip from here on */
    float score[DG_SCORE_BLOCK], room[RUN_FLOATS];
    uint16_t mark[DG_SCORE_BLOCK / DG_MARKS];
    for (int64_t first = 0; first < a->n_items; first += block_at(b, first)) {
        const int32_t n = block_at(b, first);
        b->in.kernels->scores(&q, n, rows_at(b, first, n, room), width, &best->threshold, score,
                              mark);
        dg_allowed_mask(allowed, first, n, mark);
        while (left.n_skip > 0 && left.skip[0] < first) left.skip++, left.n_skip--;
        const dg_status st =
            dg_topk_push_marked(best, score, mark, (int32_t)first, n, left.skip, left.n_skip, err);
        if (st != DG_OK) return st;
    }
    return DG_OK;
}

/* ---- the search ---- */

/* Few goods are scored one by one sooner than all of them are looked at. */
enum { FEW = 16 }; /* one in so many */

static bool allows_few(const dg_allowed *allowed, int64_t n)
{
    int64_t set = 0;
    if (allowed->bits == NULL) return false;
    for (size_t w = 0; w < dg_allowed_words(n) && set <= n / FEW; w++)
        set += __builtin_popcountll(allowed->bits[w]);
    return set <= n / FEW;
}

static void offer_few(const dg_search_in *in, dg_search *s)
{
    const int64_t n = in->scan->n;
    for (size_t w = 0; w < dg_allowed_words(n); w++)
        for (uint64_t bits = s->allowed.bits[w]; bits != 0; bits &= bits - 1) {
            const int64_t item = (int64_t)w * 64 + __builtin_ctzll(bits);
            if (item < n) dg_search_offer(in, s, (int32_t)item);
        }
    s->over = true;
}

/* A list of a good part of all goods, or of what is left of them, is made sooner by a pass. */
static bool begin(const dg_search_in *in, const float *taste, const dg_allowed *allowed,
                  const dg_search_near *near, dg_topk *best, dg_search *s)
{
    const int64_t n = in->scan->n;
    if (n == 0 || best->k > n / 4 || allowed->n_skip > n / 4) return false;
    if (!dg_search_start(in, taste, allowed, near, best, s)) return false;
    if (allows_few(allowed, n)) offer_few(in, s);
    return true;
}

/* False where only a pass gives an answer. */
static bool search(const dg_search_in *in, const float *taste, const dg_allowed *allowed,
                   const dg_search_near *near, dg_topk *best)
{
    const int64_t groups = dg_scan_groups(in->scan->n);
    dg_search s;
    if (!begin(in, taste, allowed, near, best, &s)) return false;
    for (int64_t done = 0, next; done < groups && !s.over; done = next) {
        next = done + dg_search_block(done);
        if (next > groups) next = groups;
        dg_search_groups(in, &s, done, next);
    }
    dg_search_end(in, &s);
    return true;
}

/* Each block of groups serves all tastes while it is in cache. */
static dg_status top_many(const dg_by_factors *b, int n, const float *const *taste,
                          const dg_allowed *allowed, dg_topk *best, dg_search *s, dg_err *err)
{
    const int64_t groups = dg_scan_groups(b->a->n_items);
    int left = 0;
    dg_search **at = dg_alloc((size_t)n, sizeof *at);
    if (at == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d lists", n);
    dg_status st = DG_OK;
    for (int i = 0; i < n && st == DG_OK; i++) {
        if (begin(&b->in, taste[i], allowed + i, NULL, best + i, s + left))
            at[left] = s + left, left++;
        else
            st = dg_by_factors_pass(b, taste[i], allowed + i, best + i, err);
    }
    for (int64_t done = 0, next; st == DG_OK && done < groups && left > 0; done = next) {
        next = done + dg_search_block(done);
        if (next > groups) next = groups;
        for (int i = 0; i < left;) {
            dg_search_groups(&b->in, at[i], done, next);
            if (at[i]->over) {
                dg_search_end(&b->in, at[i]);
                at[i] = at[--left];
            } else {
                i++;
            }
        }
    }
    for (int i = 0; st == DG_OK && i < left; i++) dg_search_end(&b->in, at[i]);
    dg_free(at);
    return st;
}

dg_status dg_by_factors_top(const dg_by_factors *b, int n, const float *const *taste,
                            const dg_allowed *allowed, dg_topk *best, dg_err *err)
{
    if (n == 1 && search(&b->in, taste[0], allowed, NULL, best)) return DG_OK;
    if (n == 1) return dg_by_factors_pass(b, taste[0], allowed, best, err);
    dg_search *s = dg_alloc((size_t)n, sizeof *s);
    const dg_status st = s == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d lists", n)
                                   : top_many(b, n, taste, allowed, best, s, err);
    dg_free(s);
    return st;
}

float dg_by_factors_score(const dg_by_factors *b, const float *taste, int64_t item)
{
    float room[DG_FACTORS_ROOM];
    return b->in.kernels->score_one(b->a->n_cols, taste, dg_factors_row(b->in.rows, item, room),
                                    b->in.offset) +
           0.0f; /* -0 is 0 in a list */
}

/* ---- closeness ---- */

static dg_status offer_cosines(const dg_by_factors *b, float *cosine, const dg_search_near *near,
                               int64_t first, int32_t n, const dg_allowed *allowed, dg_topk *best,
                               dg_err *err)
{
    uint16_t mark[DG_SCORE_BLOCK / DG_MARKS];
    for (int32_t j = 0; j < n; j++) cosine[j] *= near->inverse * b->inverse_norm[first + j];
    b->in.kernels->mark(n, cosine, best->threshold, mark);
    for (int32_t j = 0; j < n; j++) /* goods without a vector are nobody's neighbours */
        if (b->inverse_norm[first + j] == 0 || first + j == near->item)
            mark[j / 16] &= (uint16_t) ~(1u << j % 16);
    dg_allowed_mask(allowed, first, n, mark);
    return dg_topk_push_marked(best, cosine, mark, (int32_t)first, n, allowed->skip,
                               allowed->n_skip, err);
}

dg_status dg_by_factors_near_pass(const dg_by_factors *b, int32_t item, const dg_allowed *allowed,
                                  dg_topk *best, dg_err *err)
{
    const dg_artifact *a = b->a;
    const dg_search_near near = {item, b->inverse_norm[item]};
    const float nothing = 0;
    float of_item[DG_FACTORS_ROOM], room[RUN_FLOATS], cosine[DG_SCORE_BLOCK];
    const dg_queries q = {1,
                          a->similar_cols,
                          (size_t)a->n_cols,
                          dg_factors_row(b->in.rows, item, of_item),
                          &nothing,
                          NULL};
    for (int64_t first = 0; near.inverse > 0 && first < a->n_items; first += block_at(b, first)) {
        const int32_t n = block_at(b, first);
        b->in.kernels->scores(&q, n, rows_at(b, first, n, room), (size_t)a->n_cols, NULL, cosine,
                              NULL);
        const dg_status st = offer_cosines(b, cosine, &near, first, n, allowed, best, err);
        if (st != DG_OK) return st;
    }
    return DG_OK;
}

dg_status dg_by_factors_similar(const dg_by_factors *b, int32_t item, const dg_allowed *allowed,
                                dg_topk *best, dg_err *err)
{
    const dg_artifact *a = b->a;
    const dg_search_near near = {item, b->inverse_norm[item]};
    float room[DG_FACTORS_ROOM], taste[DG_FACTORS_ROOM]; /* zeros in what is no taste */
    if (near.inverse == 0) return DG_OK;
    if (b->near.scale == NULL) return dg_by_factors_near_pass(b, item, allowed, best, err);
    const float *row = dg_factors_row(b->in.rows, item, room);
    for (int32_t c = 0; c < a->n_cols; c++) taste[c] = c < a->similar_cols ? row[c] : 0;
    if (search(&b->near, taste, allowed, &near, best)) return DG_OK;
    return dg_by_factors_near_pass(b, item, allowed, best, err);
}

/* In eight sums, that vectors do side by side. */
static double product(const float *x, const float *y, int32_t n)
{
    enum { SUMS = 8 };
    double sum[SUMS] = {0}, all = 0;
    int32_t c = 0;
    for (; c + SUMS <= n; c += SUMS)
        for (int k = 0; k < SUMS; k++) sum[k] += (double)x[c + k] * (double)y[c + k];
    for (; c < n; c++) sum[0] += (double)x[c] * (double)y[c];
    for (int k = 0; k < SUMS; k++) all += sum[k];
    return all;
}

dg_status dg_by_factors_similar_users(const dg_artifact *a, int64_t user, dg_topk *best,
                                      dg_err *err)
{
    const int32_t n = a->similar_cols;
    float own_room[DG_FACTORS_ROOM], other_room[DG_FACTORS_ROOM];
    const float *own = dg_factors_row(&a->user_factor, user, own_room);
    const double xx = product(own, own, n);
    for (int64_t u = 0; xx > 0 && u < a->n_users; u++) {
        const float *other = dg_factors_row(&a->user_factor, u, other_room);
        const double yy = product(other, other, n);
        const float cosine = (float)(product(own, other, n) / (sqrt(xx) * sqrt(yy)));
        if (u == user || yy == 0 || cosine < best->threshold) continue;
        const dg_status st = dg_topk_push(best, &cosine, (int32_t)u, 1, NULL, 0, err);
        if (st != DG_OK) return st;
    }
    return DG_OK;
}
