#include "models/neighbors/similarity.h"

#include "base/log.h"
#include "base/memory.h"
#include "comm/exchange.h"
#include "models/neighbors/measures.h"
#include "models/neighbors/nearest.h"

#include <math.h>
#include <string.h>

/* A tile of which fewer than one cell in so many is met is exchanged as records. */
enum { SPARSE = 16 };

typedef struct dg_comparison {
    const dg_comm *c;
    const dg_similarity_options *o;
    const bool *candidate;
    dg_weighed weighed;
    dg_pairs pairs;
    dg_rule rule;
    dg_nearest nearest;
    void *cells;
    size_t room; /* bytes for sums of pairs */
    int *count;  /* (size,) */
    dg_similarity_report *report;
} dg_comparison;

static bool may_be_neighbor(const dg_comparison *m, int32_t place)
{
    return m->candidate == NULL || m->candidate[m->pairs.id[place]];
}

/* Rows [from, to) of the triangle, as sums of all ranks: (n_planes, width) cells a row. */
typedef struct dg_cells {
    const void *at;
    size_t plane;     /* cells from one plane to the next */
    int32_t from, to; /* places */
    int32_t width;    /* cells of a row */
} dg_cells;

/* Similarities of n cells of row t, from place `begin` on. */
static void score_cells(const dg_comparison *m, const dg_cells *s, int32_t t, int32_t begin,
                        int32_t n, bool t_is_list, float *out)
{
    int64_t room[DG_PLANES][DG_RULE_BLOCK], *sum[DG_PLANES];
    const size_t at = (size_t)(t - s->from) * (size_t)s->width + (size_t)begin;
    if (!m->pairs.wide && dg_rule_is_plain(&m->rule)) {
        dg_rule_score_plain(&m->rule, t, begin, n, (const int32_t *)s->at + at, t_is_list, out);
        return;
    }
    for (int p = 0; p < m->pairs.n_planes; p++) {
        int64_t *to = sum[p] = room[p];
        const size_t first = at + (size_t)p * s->plane;
        if (m->pairs.wide)
            memcpy(to, (const int64_t *)s->at + first, (size_t)n * sizeof *to);
        else
            for (int32_t k = 0; k < n; k++) to[k] = ((const int32_t *)s->at)[first + k];
    }
    dg_rule_score(&m->rule, t, begin, n, sum, t_is_list, out);
}

/* Does any of n similarities reach its bound? Without branches: most blocks end here. */
static bool any_enters(const float *similarity, const float *least, int32_t n)
{
    int any = 0;
    for (int32_t k = 0; k < n; k++) any |= similarity[k] >= least[k];
    return any != 0;
}

static bool any_enters_one(const float *similarity, float least, int32_t n)
{
    int any = 0;
    for (int32_t k = 0; k < n; k++) any |= similarity[k] >= least;
    return any != 0;
}

/* The list of t: all places before it are offered. */
static bool offer_to_row(dg_comparison *m, const dg_cells *s, int32_t t)
{
    float similarity[DG_RULE_BLOCK];
    bool good = true;
    for (int32_t c = 0; c < t; c += DG_RULE_BLOCK) {
        const int32_t n = t - c < DG_RULE_BLOCK ? t - c : DG_RULE_BLOCK;
        score_cells(m, s, t, c, n, true, similarity);
        if (!any_enters_one(similarity, m->nearest.least[t], n)) continue;
        for (int32_t k = 0; k < n; k++)
            if (similarity[k] >= m->nearest.least[t] && may_be_neighbor(m, c + k))
                good &= dg_nearest_offer(&m->nearest, t, m->pairs.id[c + k], similarity[k]);
    }
    return good;
}

/* The lists of places [c, end): the rows of the tile behind them are offered. */
static bool offer_to_columns(dg_comparison *m, const dg_cells *s, int32_t c, int32_t end)
{
    float similarity[DG_RULE_BLOCK];
    bool good = true;
    for (int32_t t = s->from > c + 1 ? s->from : c + 1; t < s->to; t++) {
        const int32_t n = (t < end ? t : end) - c;
        if (!may_be_neighbor(m, t)) continue;
        score_cells(m, s, t, c, n, false, similarity);
        if (!any_enters(similarity, m->nearest.least + c, n)) continue;
        for (int32_t k = 0; k < n; k++)
            if (similarity[k] >= m->nearest.least[c + k])
                good &= dg_nearest_offer(&m->nearest, c + k, m->pairs.id[t], similarity[k]);
    }
    return good;
}

/* Rows by threads, then columns by threads: no list is written by two at a time. */
static bool offer_all(dg_comparison *m, const dg_cells *s)
{
    bool good = true;
#pragma omp parallel reduction(&& : good)
    {
#pragma omp for schedule(dynamic, 4)
        for (int32_t t = s->from; t < s->to; t++) good = offer_to_row(m, s, t) && good;
#pragma omp for schedule(dynamic, 1)
        for (int32_t c = 0; c < s->to; c += DG_RULE_BLOCK) {
            const int32_t end = c + DG_RULE_BLOCK < s->to ? c + DG_RULE_BLOCK : s->to;
            good = offer_to_columns(m, s, c, end) && good;
        }
    }
    return good;
}

static dg_status name_overflow(bool good, dg_err *err)
{
    return good ? DG_OK : DG_FAIL(err, DG_ERR_NUMERIC, "a similarity is not finite");
}

/* Rows of a tile that rank r finishes. */
static int32_t part_of(int32_t begin, int32_t end, int r, int size)
{
    return begin + (int32_t)((int64_t)(end - begin) * r / size);
}

static dg_status dense_tile(dg_comparison *m, int32_t begin, int32_t end, dg_err *err)
{
    const dg_comm *c = m->c;
    const size_t cell = dg_pairs_cell(&m->pairs), plane = (size_t)(end - begin) * (size_t)end;
    dg_status st = dg_agree(c, dg_pairs_dense(&m->pairs, begin, end, m->cells, err), err);
    if (st != DG_OK) return st;
    for (int r = 0; r < c->size; r++)
        m->count[r] = (part_of(begin, end, r + 1, c->size) - part_of(begin, end, r, c->size)) * end;
    for (int p = 0; p < m->pairs.n_planes && c->size > 1; p++)
        dg_sum_scatter(c, (char *)m->cells + (size_t)p * plane * cell, cell, m->count);
    const dg_cells own = {m->cells, plane, part_of(begin, end, c->rank, c->size),
                          part_of(begin, end, c->rank + 1, c->size), end};
    return dg_agree(c, name_overflow(offer_all(m, &own), err), err);
}

/* ---- sparse tiles: records of pairs, summed at the rank that finishes their row ---- */

typedef struct dg_row_sums {
    int64_t *sum;     /* (n_planes, places) zero between rows */
    bool *met;        /* (places,) */
    int32_t *touched; /* (n_touched,) */
    int32_t n_touched, width;
} dg_row_sums;

static dg_status open_row(const dg_comparison *m, int32_t width, dg_row_sums *s, dg_err *err)
{
    *s = (dg_row_sums){.width = width};
    s->sum = dg_alloc((size_t)width * (size_t)m->pairs.n_planes, sizeof *s->sum);
    s->met = dg_alloc((size_t)width, sizeof *s->met);
    s->touched = dg_alloc((size_t)width, sizeof *s->touched);
    if (s->sum != NULL && s->met != NULL && s->touched != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a row of %d pairs", (int)width);
}

static void close_row(dg_row_sums *s)
{
    dg_free(s->sum);
    dg_free(s->met);
    dg_free(s->touched);
}

static void add_record(const dg_comparison *m, const dg_pair_sums *r, dg_row_sums *s)
{
    if (!s->met[r->c]) s->touched[s->n_touched++] = r->c;
    s->met[r->c] = true;
    for (int p = 0; p < m->pairs.n_planes; p++)
        s->sum[(size_t)p * (size_t)s->width + (size_t)r->c] += r->sum[p];
}

/* Both lists of each pair of row t that was met; the row is clean again. */
static bool finish_row(dg_comparison *m, int32_t t, dg_row_sums *s)
{
    bool good = true;
    for (int32_t k = 0; k < s->n_touched; k++) {
        const int32_t c = s->touched[k];
        int64_t *sum[DG_PLANES];
        float of_t, of_c;
        for (int p = 0; p < m->pairs.n_planes; p++)
            sum[p] = s->sum + (size_t)p * (size_t)s->width + c;
        dg_rule_score(&m->rule, t, c, 1, sum, true, &of_t);
        dg_rule_score(&m->rule, t, c, 1, sum, false, &of_c);
        if (of_t >= m->nearest.least[t] && may_be_neighbor(m, c))
            good &= dg_nearest_offer(&m->nearest, t, m->pairs.id[c], of_t);
        if (of_c >= m->nearest.least[c] && may_be_neighbor(m, t))
            good &= dg_nearest_offer(&m->nearest, c, m->pairs.id[t], of_c);
        for (int p = 0; p < m->pairs.n_planes; p++) *sum[p] = 0;
        s->met[c] = false;
    }
    s->n_touched = 0;
    return good;
}

/* Records of all ranks, each rank's by row: the rows are walked through all of them at once. */
static dg_status finish_records(dg_comparison *m, int32_t from, int32_t to, const char *record,
                                const int64_t *count, dg_err *err)
{
    const size_t bytes = dg_pairs_record(&m->pairs);
    const int size = m->c->size;
    dg_row_sums s;
    bool good = true;
    const char **at = dg_alloc((size_t)size + 1, sizeof *at);
    dg_status st = open_row(m, to, &s, err);
    if (at == NULL) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for records");
    const char *next = record;
    for (int r = 0; r < size && st == DG_OK; r++) {
        at[r] = next;
        next += (size_t)count[r] * bytes;
    }
    for (int32_t t = from; t < to && st == DG_OK; t++) {
        const char *end = record;
        for (int r = 0; r < size; r++) {
            end += (size_t)count[r] * bytes;
            for (; at[r] < end && ((const dg_pair_sums *)at[r])->t == t; at[r] += bytes)
                add_record(m, (const dg_pair_sums *)at[r], &s);
        }
        good = finish_row(m, t, &s) && good;
    }
    close_row(&s);
    dg_free(at);
    return st == DG_OK ? name_overflow(good, err) : st;
}

static dg_status sparse_tile(dg_comparison *m, int32_t begin, int32_t end, dg_err *err)
{
    const dg_comm *c = m->c;
    void *send = NULL, *recv = NULL;
    int64_t *of_row = dg_alloc((size_t)(end - begin), sizeof *of_row);
    int64_t *count = dg_alloc(2 * (size_t)c->size, sizeof *count);
    dg_status st = of_row == NULL || count == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a tile")
                       : dg_pairs_sparse(&m->pairs, begin, end, &send, of_row, err);
    st = dg_agree(c, st, err);
    for (int r = 0; r < c->size && st == DG_OK; r++)
        for (int32_t t = part_of(begin, end, r, c->size); t < part_of(begin, end, r + 1, c->size);
             t++)
            count[r] += of_row[t - begin];
    if (st == DG_OK)
        st = dg_exchange(c, send, dg_pairs_record(&m->pairs), count, &recv, count + c->size, err);
    dg_free(send);
    if (st == DG_OK)
        st = dg_agree(c,
                      finish_records(m, part_of(begin, end, c->rank, c->size),
                                     part_of(begin, end, c->rank + 1, c->size), recv,
                                     count + c->size, err),
                      err);
    dg_free(recv);
    dg_free(count);
    dg_free(of_row);
    return st;
}

/* ---- tiles ---- */

/* Rows from `begin` whose cells fit the room: at least one. */
static int32_t fit_dense(const dg_comparison *m, int32_t begin)
{
    const double cells =
        (double)m->room / (double)dg_pairs_cell(&m->pairs) / (double)m->pairs.n_planes;
    const double rows = (sqrt((double)begin * begin + 4 * cells) - begin) / 2;
    const double most = m->pairs.n - begin;
    return begin + (int32_t)fmax(1, fmin(floor(rows), most));
}

static bool is_sparse(const dg_comparison *m, int32_t begin, int32_t end)
{
    double products = 0;
    for (int32_t t = begin; t < end; t++) products += (double)m->pairs.work[t];
    return products * SPARSE < 0.5 * ((double)begin + end) * (end - begin);
}

/* As many rows as have records that fit the room; every rank has a part of it. */
static int32_t fit_sparse(const dg_comparison *m, int32_t begin)
{
    const double most = (double)m->room * m->c->size / (double)dg_pairs_record(&m->pairs);
    double products = 0;
    int32_t end = begin;
    while (end < m->pairs.n && (products += (double)m->pairs.work[end]) <= most) end++;
    return end > begin ? end : begin + 1;
}

static dg_status all_tiles(dg_comparison *m, dg_err *err)
{
    dg_status st = DG_OK;
    int64_t done = 0;
    for (int32_t begin = 0, end; begin < m->pairs.n && st == DG_OK; begin = end) {
        end = fit_dense(m, begin);
        const bool sparse = is_sparse(m, begin, end);
        if (sparse) {
            const int32_t further = fit_sparse(m, begin);
            end = further > end ? further : end;
        }
        st = sparse ? sparse_tile(m, begin, end, err) : dense_tile(m, begin, end, err);
        m->report->tiles++;
        m->report->sparse_tiles += sparse;
        for (int32_t t = begin; t < end; t++) done += m->pairs.work[t];
        dg_progress(done, NULL);
    }
    return st;
}

static dg_status open_local(dg_comparison *m, dg_err *err)
{
    const int64_t most = m->pairs.n - 1;
    const int room = (int)(m->o->n_neighbors < most ? m->o->n_neighbors : most > 0 ? most : 0);
    dg_status st = dg_rule_create(m->o, &m->weighed, &m->pairs, &m->rule, err);
    if (st == DG_OK) st = dg_nearest_create(m->pairs.n, room, &m->nearest, err);
    if (st != DG_OK) return st;
    const double row =
        (double)m->pairs.n * (double)dg_pairs_cell(&m->pairs) * (double)m->pairs.n_planes;
    const double all = row * m->pairs.n; /* one tile for everything needs no more */
    m->room = (size_t)fmax(row, fmin(all, m->o->tile_mb * 1048576));
    m->cells = dg_alloc(m->room, 1);
    m->count = dg_alloc((size_t)m->c->size, sizeof *m->count);
    if (m->cells != NULL && m->count != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a tile of %.0f MB",
                   (double)m->room / 1048576);
}

static void close_all(dg_comparison *m)
{
    dg_weighed_free(&m->weighed);
    dg_pairs_free(&m->pairs);
    dg_rule_free(&m->rule);
    dg_nearest_free(&m->nearest);
    dg_free(m->cells);
    dg_free(m->count);
}

dg_status dg_similarity(const dg_comm *c, const dg_csr *rows, const dg_shards *columns,
                        const bool *candidate, const dg_similarity_options *o, uint64_t seed,
                        dg_csr *out, dg_similarity_report *report, dg_err *err)
{
    dg_plane plane[DG_PLANES];
    dg_comparison m = {.c = c, .o = o, .candidate = candidate, .report = report};
    *report = (dg_similarity_report){0};
    *out = (dg_csr){0};
    dg_status st =
        dg_weigh(c, rows, columns->begin[columns->n], candidate, o, seed, &m.weighed, report, err);
    if (st == DG_OK) {
        const int n_planes = dg_rule_planes(o, &m.weighed, plane);
        st = dg_pairs_create(c, &m.weighed, plane, n_planes, &m.pairs, err);
    }
    if (st == DG_OK) st = dg_agree(c, open_local(&m, err), err);
    if (st == DG_OK) {
        dg_free(m.weighed.q);
        m.weighed.q = NULL;
        for (int32_t t = 0; t < m.pairs.n; t++) report->products += m.pairs.work[t];
        dg_progress_begin("similarity", "products", report->products);
        st = all_tiles(&m, err);
        dg_progress_end();
    }
    if (st == DG_OK) st = dg_nearest_merge(c, &m.nearest, m.pairs.id, columns, out, err);
    close_all(&m);
    return st;
}
