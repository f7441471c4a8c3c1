#include "models/neighbors/pairs.h"

#include "base/memory.h"
#include "dense/blas.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Cost of one product, in units of a product by BLAS, and of an entry's place in a panel. */
static const double scattered_cost = 60, panel_cost = 20;

enum { BLOCK = 256, MOST_PANEL_ROWS = 1024, LEAST_PANEL_ROWS = 64, MOST_HEAD = 8192 };

static const struct {
    int x, y; /* powers of the two entries */
} power_of[DG_PLANES] = {
    [DG_PLANE_XY] = {1, 1}, [DG_PLANE_N] = {0, 0}, [DG_PLANE_XX] = {2, 0},
    [DG_PLANE_YY] = {0, 2}, [DG_PLANE_X] = {1, 0}, [DG_PLANE_Y] = {0, 1},
};

static int64_t power(int64_t q, int exponent)
{
    return exponent == 0 ? 1 : exponent == 1 ? q : q * q;
}

typedef struct dg_popular_column {
    int64_t count;
    int32_t column;
} dg_popular_column;

static int by_count(const void *a, const void *b)
{
    const dg_popular_column *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

static dg_status number_places(dg_pairs *p, const dg_weighed *w, dg_err *err)
{
    dg_popular_column *at = dg_alloc((size_t)p->n, sizeof *at);
    if (at == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d columns", (int)p->n);
    for (int32_t k = 0; k < p->n; k++) at[k] = (dg_popular_column){w->count[k], k};
    qsort(at, (size_t)p->n, sizeof *at, by_count);
    for (int32_t k = 0; k < p->n; k++) {
        p->id[k] = at[k].column;
        p->place[at[k].column] = k;
    }
    dg_free(at);
    return DG_OK;
}

/* ---- which rows are dense enough, and in how many places ---- */

enum { HEADS = 7 }; /* 128, 256, … 8192 places */

static int32_t head_of(int level) { return MOST_HEAD >> (HEADS - 1 - level); }

/* Entries of a row within each head. */
static void count_heads(const dg_pairs *p, const dg_weighed *w, int64_t row, int64_t in[HEADS])
{
    memset(in, 0, HEADS * sizeof *in);
    for (int64_t k = w->rows->ptr[row]; k < w->rows->ptr[row + 1]; k++) {
        if (w->q[k] == DG_WEIGHED_ABSENT) continue;
        const int32_t place = p->place[w->rows->index[k]];
        for (int level = HEADS - 1; level >= 0 && place < head_of(level); level--) in[level]++;
    }
}

static double saved(int64_t entries, int32_t head)
{
    const double pairs = 0.5 * (double)entries * (double)entries;
    return scattered_cost * pairs - panel_cost * head - 0.5 * (double)head * (double)head;
}

/* The head that saves most; level of it, or -1. Sums are exact, so ranks need not agree. */
static int choose_head(const dg_pairs *p, const dg_weighed *w)
{
    double total[HEADS] = {0};
    int best = -1;
#pragma omp parallel for schedule(dynamic, 256) reduction(+ : total)
    for (int64_t r = 0; r < w->rows->end - w->rows->begin; r++) {
        int64_t in[HEADS];
        count_heads(p, w, r, in);
        for (int level = 0; level < HEADS; level++)
            total[level] += fmax(0, saved(in[level], head_of(level)));
    }
    for (int level = 0; level < HEADS; level++)
        if (head_of(level) <= p->n && total[level] > (best < 0 ? 0 : total[best])) best = level;
    return best;
}

/* Rows of a panel such that a float holds every partial sum of every plane. */
static int exact_rows(const dg_pairs *p, int64_t largest)
{
    int64_t rows = MOST_PANEL_ROWS;
    for (int k = 0; k < p->n_planes; k++) {
        const int x = power_of[p->plane[k]].x, y = power_of[p->plane[k]].y;
        if (largest > 4096) return 0; /* its square alone is 2^24 */
        const int64_t most = ((int64_t)1 << 24) / (power(largest, x) * power(largest, y) + 1);
        rows = rows < most ? rows : most;
    }
    return rows < LEAST_PANEL_ROWS ? 0 : (int)rows;
}

/* ---- own rows in places ---- */

static int by_place(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Copy a row's present entries to position `to`, places ascending. */
static void put_row(dg_pairs *p, const dg_weighed *w, int64_t row, uint64_t *key, int64_t to)
{
    int64_t n = 0;
    for (int64_t k = w->rows->ptr[row]; k < w->rows->ptr[row + 1]; k++)
        if (w->q[k] != DG_WEIGHED_ABSENT)
            key[n++] = (uint64_t)p->place[w->rows->index[k]] << 32 | (uint32_t)w->q[k];
    qsort(key, (size_t)n, sizeof *key, by_place);
    for (int64_t k = 0; k < n; k++) {
        p->index[to + k] = (int32_t)(key[k] >> 32);
        p->value[to + k] = (int32_t)(uint32_t)key[k];
    }
}

/* Entries of a row, and whether it is dense in the head. */
static int64_t look_at_row(const dg_pairs *p, const dg_weighed *w, int64_t row, int level,
                           bool *dense)
{
    int64_t in[HEADS], n = 0;
    for (int64_t k = w->rows->ptr[row]; k < w->rows->ptr[row + 1]; k++)
        n += w->q[k] != DG_WEIGHED_ABSENT;
    *dense = false;
    if (level >= 0 && saved(n, head_of(level)) > 0) { /* not worth a look otherwise */
        count_heads(p, w, row, in);
        *dense = saved(in[level], head_of(level)) > 0;
    }
    return n;
}

/* The order of own rows, dense ones first, and where each begins. */
static void order_rows(dg_pairs *p, const dg_weighed *w, int level, int64_t *order, int64_t *count,
                       bool *dense)
{
    const int64_t n_rows = w->rows->end - w->rows->begin;
    int64_t next = 0;
#pragma omp parallel for schedule(dynamic, 256)
    for (int64_t r = 0; r < n_rows; r++) count[r] = look_at_row(p, w, r, level, dense + r);
    for (int wanted = 1; wanted >= 0; wanted--)
        for (int64_t r = 0; r < n_rows; r++) {
            if (dense[r] != wanted) continue;
            p->n_dense += wanted;
            p->ptr[next + 1] = p->ptr[next] + count[r];
            order[next++] = r;
        }
}

static dg_status put_rows(dg_pairs *p, const dg_weighed *w, int level, dg_err *err)
{
    const int64_t n_rows = w->rows->end - w->rows->begin;
    int64_t longest = 0;
    for (int64_t r = 0; r < n_rows; r++)
        if (w->rows->ptr[r + 1] - w->rows->ptr[r] > longest)
            longest = w->rows->ptr[r + 1] - w->rows->ptr[r];
    uint64_t *key = dg_alloc((size_t)longest * (size_t)omp_get_max_threads(), sizeof *key);
    int64_t *order = dg_alloc((size_t)n_rows, sizeof *order);
    int64_t *count = dg_alloc((size_t)n_rows, sizeof *count);
    bool *dense = dg_alloc((size_t)n_rows, sizeof *dense);
    const bool good = key != NULL && order != NULL && count != NULL && dense != NULL;
    if (good) {
        order_rows(p, w, level, order, count, dense);
#pragma omp parallel for schedule(dynamic, 256)
        for (int64_t r = 0; r < n_rows; r++)
            put_row(p, w, order[r], key + longest * omp_get_thread_num(), p->ptr[r]);
    }
    dg_free(key);
    dg_free(order);
    dg_free(count);
    dg_free(dense);
    return good ? DG_OK
                : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for rows of %lld", (long long)longest);
}

/* The entries of each place, in the order of rows. */
static void put_columns(dg_pairs *p, int64_t n_rows)
{
    const int64_t n = p->ptr[n_rows];
    for (int64_t k = 0; k < n; k++) p->start[p->index[k] + 1]++;
    for (int32_t t = 0; t < p->n; t++) p->start[t + 1] += p->start[t];
    for (int32_t t = 0; t < p->head; t++) p->light[t] = p->start[t];
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t k = p->ptr[r]; k < p->ptr[r + 1]; k++) {
            const int32_t t = p->index[k];
            const int64_t at = p->start[t]++;
            p->first[at] = (uint32_t)p->ptr[r];
            p->before[at] = (uint32_t)(k - p->ptr[r]);
            p->work[t] += k - p->ptr[r];
            if (t < p->head && r < p->n_dense) p->light[t]++;
        }
    for (int32_t t = p->n; t > 0; t--) p->start[t] = p->start[t - 1];
    p->start[0] = 0;
}

/* No sum exceeds the sum of a column's entries times the largest other: do 32 bits hold it? */
static bool needs_wide(const dg_pairs *p, const dg_weighed *w)
{
    int64_t most = 0;
    for (int32_t k = 0; k < p->n; k++) most = w->count[k] > most ? w->count[k] : most;
    const double largest = w->largest;
    for (int k = 0; k < p->n_planes; k++) {
        const int x = power_of[p->plane[k]].x, y = power_of[p->plane[k]].y;
        double bound = (double)most;
        for (int e = 0; e < x + y; e++) bound *= largest;
        if (bound >= INT32_MAX) return true;
    }
    return false;
}

static dg_status allocate(dg_pairs *p, int64_t n_rows, int64_t n, dg_err *err)
{
    const size_t columns = (size_t)p->n, entries = (size_t)n;
    if (n > (int64_t)UINT32_MAX)
        return DG_FAIL(err, DG_ERR_DATA,
                       "%lld ratings on one rank are more than 2^32: use more "
                       "ranks",
                       (long long)n);
    p->id = dg_alloc(columns, sizeof *p->id);
    p->place = dg_alloc(columns, sizeof *p->place);
    p->work = dg_alloc(columns, sizeof *p->work);
    p->light = dg_alloc(MOST_HEAD, sizeof *p->light);
    p->ptr = dg_alloc((size_t)n_rows + 1, sizeof *p->ptr);
    p->start = dg_alloc(columns + 1, sizeof *p->start);
    p->index = dg_alloc(entries, sizeof *p->index);
    p->value = dg_alloc(entries, sizeof *p->value);
    p->first = dg_alloc(entries, sizeof *p->first);
    p->before = dg_alloc(entries, sizeof *p->before);
    if (p->id != NULL && p->place != NULL && p->work != NULL && p->light != NULL &&
        p->ptr != NULL && p->start != NULL && p->index != NULL && p->value != NULL &&
        p->first != NULL && p->before != NULL)
        return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the pairs of %lld ratings", (long long)n);
}

static dg_status build(dg_pairs *p, const dg_weighed *w, dg_err *err)
{
    const int64_t n_rows = w->rows->end - w->rows->begin;
    int level = -1;
    dg_status st = allocate(p, n_rows, dg_csr_count(w->rows), err);
    if (st == DG_OK) st = number_places(p, w, err);
    if (st != DG_OK) return st;
    p->wide = needs_wide(p, w);
    p->panel_rows = exact_rows(p, w->largest);
    if (p->panel_rows > 0) level = choose_head(p, w);
    st = put_rows(p, w, level, err);
    if (st != DG_OK) return st;
    p->head = p->n_dense > 0 ? head_of(level) : 0;
    put_columns(p, n_rows);
    return DG_OK;
}

dg_status dg_pairs_create(const dg_comm *c, const dg_weighed *w, const dg_plane *plane,
                          int n_planes, dg_pairs *out, dg_err *err)
{
    *out = (dg_pairs){.c = c, .n = (int32_t)w->n_columns, .n_planes = n_planes};
    memcpy(out->plane, plane, (size_t)n_planes * sizeof *plane);
    const dg_status st = dg_agree(c, build(out, w, err), err);
    if (st == DG_OK)
        dg_sum_int64(c, out->work, out->n);
    else
        dg_pairs_free(out);
    return st;
}

void dg_pairs_free(dg_pairs *p)
{
    void *const all[] = {p->id,    p->place, p->work,  p->light, p->ptr,
                         p->start, p->index, p->value, p->first, p->before};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    *p = (dg_pairs){0};
}

/* ---- scattered products: cells[c] += factor * y^power over one row's places before t ---- */

static void add_narrow(int32_t *restrict cells, const int32_t *index, const int32_t *value,
                       uint32_t n, int32_t factor, int y)
{
    switch (y) {
    case 0:
        for (uint32_t k = 0; k < n; k++) cells[index[k]] += factor;
        break;
    case 1:
        for (uint32_t k = 0; k < n; k++) cells[index[k]] += factor * value[k];
        break;
    default:
        for (uint32_t k = 0; k < n; k++) cells[index[k]] += factor * value[k] * value[k];
        break;
    }
}

static void add_wide(int64_t *restrict cells, const int32_t *index, const int32_t *value,
                     uint32_t n, int64_t factor, int y)
{
    for (uint32_t k = 0; k < n; k++) cells[index[k]] += factor * power(value[k], y);
}

/* Own light rows' products of place t, one plane. */
static void scatter(const dg_pairs *p, int32_t t, dg_plane plane, void *cells)
{
    enum { AHEAD = 6 };
    const int64_t begin = t < p->head ? p->light[t] : p->start[t], end = p->start[t + 1];
    const int x = power_of[plane].x, y = power_of[plane].y;
    for (int64_t e = begin; e < end; e++) {
        const uint32_t first = p->first[e], n = p->before[e];
        if (e + AHEAD < end) {
            const size_t next = p->first[e + AHEAD];
            __builtin_prefetch(p->index + next);
            if (y > 0) __builtin_prefetch(p->value + next);
            if (x > 0) __builtin_prefetch(p->value + next + p->before[e + AHEAD]);
        }
        const int64_t factor = x == 0 ? 1 : power(p->value[(size_t)first + n], x);
        if (p->wide)
            add_wide(cells, p->index + first, p->value + first, n, factor, y);
        else
            add_narrow(cells, p->index + first, p->value + first, n, (int32_t)factor, y);
    }
}

/* ---- dense products ---- */

typedef struct dg_panels {
    const dg_pairs *p;
    int32_t width;   /* places */
    float *x, *y;    /* (panel_rows, width) powers of the entries of a panel's rows; may be one */
    float *products; /* (threads, BLOCK, width) */
} dg_panels;

static void fill_row(const dg_pairs *p, int64_t row, int32_t width, int exponent, float *out)
{
    memset(out, 0, (size_t)width * sizeof *out);
    for (int64_t k = p->ptr[row]; k < p->ptr[row + 1] && p->index[k] < width; k++)
        out[p->index[k]] = (float)power(p->value[k], exponent);
}

static void add_block(const dg_pairs *p, const float *products, int32_t first, int n_rows,
                      int32_t tile_begin, int32_t tile_width, int32_t width, void *cells)
{
    for (int i = 0; i < n_rows; i++) {
        const float *from = products + (size_t)i * (size_t)width;
        const size_t at = (size_t)(first + i - tile_begin) * (size_t)tile_width;
        if (p->wide)
            for (int32_t c = 0; c < first + i; c++) ((int64_t *)cells)[at + c] += (int64_t)from[c];
        else
            for (int32_t c = 0; c < first + i; c++) ((int32_t *)cells)[at + c] += (int32_t)from[c];
    }
}

static void multiply_panel(const dg_panels *w, int rows, int32_t begin, int32_t end,
                           int32_t tile_width, int thread, void *cells)
{
    float *products = w->products + (size_t)thread * BLOCK * (size_t)w->width;
#pragma omp for schedule(dynamic, 1)
    for (int32_t t = begin; t < end; t += BLOCK) {
        const int n = end - t < BLOCK ? end - t : BLOCK;
        dg_gemm_tn(rows, n, t + n, w->x + t, w->width, w->y, w->width, products, w->width);
        add_block(w->p, products, t, n, begin, tile_width, w->width, cells);
    }
}

/* Dense rows' sums of one plane, for head places [begin, end). */
static void multiply(const dg_panels *w, dg_plane plane, int32_t begin, int32_t end,
                     int32_t tile_width, void *cells)
{
    const dg_pairs *p = w->p;
    const int x = power_of[plane].x, y = power_of[plane].y;
#pragma omp parallel
    for (int64_t r = 0; r < p->n_dense; r += p->panel_rows) {
        const int rows = (int)(p->n_dense - r < p->panel_rows ? p->n_dense - r : p->panel_rows);
#pragma omp for schedule(static)
        for (int k = 0; k < rows; k++) {
            fill_row(p, r + k, w->width, x, w->x + (size_t)k * (size_t)w->width);
            if (w->y != w->x) fill_row(p, r + k, w->width, y, w->y + (size_t)k * (size_t)w->width);
        }
        multiply_panel(w, rows, begin, end, tile_width, omp_get_thread_num(), cells);
    }
}

static dg_status multiply_all(const dg_pairs *p, int32_t begin, int32_t end, int32_t tile_width,
                              char *cells, size_t plane_bytes, dg_err *err)
{
    dg_panels w = {.p = p, .width = end};
    const size_t panel = (size_t)p->panel_rows * (size_t)w.width;
    w.x = dg_alloc(panel, sizeof(float));
    w.y = dg_alloc(panel, sizeof(float));
    w.products = dg_alloc((size_t)omp_get_max_threads() * BLOCK * (size_t)w.width, sizeof(float));
    dg_status st = DG_OK;
    if (w.x == NULL || w.y == NULL || w.products == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for panels of %d columns", (int)end);
    for (int k = 0; k < p->n_planes && st == DG_OK; k++) {
        const dg_plane plane = p->plane[k];
        dg_panels of_plane = w;
        if (power_of[plane].x == power_of[plane].y) of_plane.y = w.x;
        multiply(&of_plane, plane, begin, end, tile_width, cells + (size_t)k * plane_bytes);
    }
    dg_free(w.x);
    dg_free(w.y);
    dg_free(w.products);
    return st;
}

dg_status dg_pairs_dense(const dg_pairs *p, int32_t begin, int32_t end, void *cells, dg_err *err)
{
    const size_t row_bytes = (size_t)end * dg_pairs_cell(p);
    const size_t plane_bytes = (size_t)(end - begin) * row_bytes;
#pragma omp parallel for schedule(dynamic, 4)
    for (int32_t t = begin; t < end; t++)
        for (int k = 0; k < p->n_planes; k++) {
            char *row = (char *)cells + (size_t)k * plane_bytes + (size_t)(t - begin) * row_bytes;
            memset(row, 0, row_bytes);
            scatter(p, t, p->plane[k], row);
        }
    const int32_t head_end = end < p->head ? end : p->head;
    if (begin >= head_end) return DG_OK;
    return multiply_all(p, begin, head_end, end, cells, plane_bytes, err);
}

/* ---- the same as records ---- */

/* One thread's sums of one row of the triangle, and what it has written so far. */
typedef struct dg_sparse_row {
    int64_t *sum;     /* (places, n_planes) zero between rows */
    int32_t *touched; /* (n_touched,) */
    bool *met;        /* (places,) */
    int64_t n_touched;
    char *out; /* records */
    size_t n, capacity;
} dg_sparse_row;

static void add_entry(const dg_pairs *p, dg_sparse_row *s, int64_t entry)
{
    const size_t first = p->first[entry], n = p->before[entry];
    const int64_t x = p->value[first + n];
    for (size_t k = first; k < first + n; k++) {
        const int32_t c = p->index[k];
        int64_t *sum = s->sum + (size_t)c * (size_t)p->n_planes;
        if (!s->met[c]) s->touched[s->n_touched++] = c;
        s->met[c] = true;
        for (int j = 0; j < p->n_planes; j++)
            sum[j] +=
                power(x, power_of[p->plane[j]].x) * power(p->value[k], power_of[p->plane[j]].y);
    }
}

static bool sum_row(const dg_pairs *p, dg_sparse_row *s, int32_t t)
{
    const size_t record = dg_pairs_record(p), sums = (size_t)p->n_planes * sizeof(int64_t);
    s->n_touched = 0;
    for (int64_t e = p->start[t]; e < p->start[t + 1]; e++) add_entry(p, s, e);
    char *grown = dg_grow(s->out, s->n, s->n + (size_t)s->n_touched, &s->capacity, record);
    if (grown == NULL) return false;
    s->out = grown;
    for (int64_t k = 0; k < s->n_touched; k++) {
        const int32_t c = s->touched[k];
        dg_pair_sums *to = (dg_pair_sums *)(s->out + s->n++ * record);
        int64_t *sum = s->sum + (size_t)c * (size_t)p->n_planes;
        *to = (dg_pair_sums){.t = t, .c = c};
        memcpy(to->sum, sum, sums);
        memset(sum, 0, sums);
        s->met[c] = false;
    }
    return true;
}

static void free_sparse(dg_sparse_row *s)
{
    dg_free(s->sum);
    dg_free(s->touched);
    dg_free(s->met);
    dg_free(s->out);
}

static bool sum_rows(const dg_pairs *p, dg_sparse_row *s, int32_t begin, int32_t end,
                     int64_t *count)
{
    const size_t places = (size_t)end;
    s->sum = dg_alloc(places * (size_t)p->n_planes, sizeof *s->sum);
    s->touched = dg_alloc(places, sizeof *s->touched);
    s->met = dg_alloc(places, sizeof *s->met);
    if (s->sum == NULL || s->touched == NULL || s->met == NULL) return false;
    for (int32_t t = begin; t < end; t++) {
        if (!sum_row(p, s, t)) return false;
        *count++ = s->n_touched;
    }
    return true;
}

/* The threads' records one after another: theirs are consecutive places. */
static bool join(const dg_sparse_row *part, int n_parts, size_t record, void **out)
{
    size_t n = 0;
    for (int k = 0; k < n_parts; k++) n += part[k].n;
    char *to = *out = dg_alloc(n, record);
    for (int k = 0; k < n_parts && to != NULL; k++) {
        if (part[k].n > 0) memcpy(to, part[k].out, part[k].n * record);
        to += part[k].n * record;
    }
    return *out != NULL;
}

dg_status dg_pairs_sparse(const dg_pairs *p, int32_t begin, int32_t end, void **out, int64_t *count,
                          dg_err *err)
{
    const int threads = omp_get_max_threads();
    const int64_t n = end - begin;
    dg_sparse_row *part = dg_alloc((size_t)threads, sizeof *part);
    bool good = part != NULL;
    *out = NULL;
#pragma omp parallel for schedule(static, 1) reduction(&& : good)
    for (int k = 0; k < threads; k++) {
        const int32_t from = begin + (int32_t)(n * k / threads);
        const int32_t to = begin + (int32_t)(n * (k + 1) / threads);
        good = good && sum_rows(p, &part[k], from, to, count + (from - begin));
    }
    good = good && join(part, threads, dg_pairs_record(p), out);
    for (int k = 0; part != NULL && k < threads; k++) free_sparse(&part[k]);
    dg_free(part);
    return good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for pairs of columns");
}
