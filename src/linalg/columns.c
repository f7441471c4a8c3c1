#include "base/memory.h"
#include "comm/exchange.h"
#include "linalg/grid.h"

#include <string.h>

/* One round of sending: every owner gets its next `width` columns. */
typedef struct dg_round {
    const dg_symmetric *a;
    const dg_shards *shards;
    int64_t width, step;
    int64_t *send_count, *recv_count; /* (size,) elements */
    double *column;                   /* (width, n) */
    double **upper;                   /* (width,) used while packing */
} dg_round;

static dg_range columns_of(const dg_round *r, int rank)
{
    const dg_range own = dg_shards_rows(r->shards, rank, r->a->comm.size);
    int64_t begin = own.begin + r->step * r->width, end = begin + r->width;
    if (begin > own.end) begin = own.end;
    if (end > own.end) end = own.end;
    return (dg_range){begin, end};
}

/* Of column j, a place of the grid holds rows >= j where it has column j, and, as row j, rows < j
 * where it has that. In this order elements are sent. Those of one stretch: */
typedef struct dg_stretch {
    int64_t begin, end; /* numbers among the place's rows (lower) or columns (upper) */
} dg_stretch;

static dg_stretch lower_part(const dg_symmetric *a, int rank, int64_t j)
{
    const dg_grid *g = &a->grid;
    const int row = rank / g->columns, column = rank % g->columns;
    if (dg_grid_place(g, j, g->columns) != column) return (dg_stretch){0, 0};
    return (dg_stretch){dg_grid_below(g, j, row, g->rows), dg_grid_below(g, a->n, row, g->rows)};
}

static dg_stretch upper_part(const dg_symmetric *a, int rank, int64_t j)
{
    const dg_grid *g = &a->grid;
    const int row = rank / g->columns, column = rank % g->columns;
    if (dg_grid_place(g, j, g->rows) != row) return (dg_stretch){0, 0};
    return (dg_stretch){0, dg_grid_below(g, j, column, g->columns)};
}

static int64_t elements(const dg_symmetric *a, int rank, dg_range columns)
{
    int64_t n = 0;
    for (int64_t j = columns.begin; j < columns.end; j++) {
        const dg_stretch low = lower_part(a, rank, j), up = upper_part(a, rank, j);
        n += low.end - low.begin + up.end - up.begin;
    }
    return n;
}

/* Own elements of the columns, appended to `out`. What stands in rows here is taken a stored column
 * at a time, as its rows lie side by side in memory. */
static double *pack(const dg_symmetric *a, dg_range columns, double **upper, double *out)
{
    int64_t widest = 0;
    for (int64_t j = columns.begin; j < columns.end; j++) {
        const dg_stretch low = lower_part(a, a->comm.rank, j), up = upper_part(a, a->comm.rank, j);
        const int64_t n = low.end - low.begin;
        if (n > 0)
            memcpy(out, a->at + (int64_t)a->place_column[j] * a->stride + low.begin,
                   (size_t)n * sizeof *out);
        upper[j - columns.begin] = out + n;
        if (up.end > widest) widest = up.end;
        out += n + up.end;
    }
    for (int64_t c = 0; c < widest; c++)
        for (int64_t j = columns.end; j-- > columns.begin && j > a->column[c];)
            if (a->place_row[j] >= 0)
                upper[j - columns.begin][c] = a->at[c * a->stride + a->place_row[j]];
    return out;
}

/* Elements [s.begin, s.end) of a place, to the rows of the column they are; whole blocks of rows
 * lie together. */
static const double *spread(const dg_grid *g, dg_stretch s, int place, int places, const double *in,
                            double *column)
{
    for (int64_t k = s.begin; k < s.end;) {
        const int64_t end = (k / g->block + 1) * g->block;
        const int64_t n = (end < s.end ? end : s.end) - k;
        memcpy(column + dg_grid_row(g, k, place, places), in, (size_t)n * sizeof *in);
        in += n;
        k += n;
    }
    return in;
}

/* What `rank` sent of the own columns, put in place. */
static const double *place(const dg_round *r, int rank, const double *in)
{
    const dg_symmetric *a = r->a;
    const dg_grid *g = &a->grid;
    const dg_range own = columns_of(r, a->comm.rank);
    for (int64_t j = own.begin; j < own.end; j++) {
        const dg_stretch low = lower_part(a, rank, j), up = upper_part(a, rank, j);
        double *column = r->column + (j - own.begin) * a->n;
        in = spread(g, low, rank / g->columns, g->rows, in, column);
        in = spread(g, up, rank % g->columns, g->columns, in, column);
    }
    return in;
}

static dg_status fill_send(const dg_round *r, double **send, dg_err *err)
{
    const dg_comm *c = &r->a->comm;
    int64_t n = 0;
    for (int rank = 0; rank < c->size; rank++)
        n += r->send_count[rank] = elements(r->a, c->rank, columns_of(r, rank));
    double *at = *send = dg_alloc((size_t)n, sizeof **send);
    if (at == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending columns");
    for (int rank = 0; rank < c->size; rank++) at = pack(r->a, columns_of(r, rank), r->upper, at);
    return DG_OK;
}

static dg_status run_round(const dg_round *r, dg_column_visit visit, void *context, dg_err *err)
{
    const dg_comm *c = &r->a->comm;
    double *send = NULL;
    void *received = NULL;
    dg_status st = dg_agree(c, fill_send(r, &send, err), err);
    if (st == DG_OK)
        st = dg_exchange(c, send, sizeof *send, r->send_count, &received, r->recv_count, err);
    dg_free(send);
    if (st != DG_OK) return st;
    const double *in = received;
    for (int rank = 0; rank < c->size; rank++) in = place(r, rank, in);
    dg_free(received);
    const dg_range own = columns_of(r, c->rank);
    for (int64_t j = own.begin; j < own.end && st == DG_OK; j++)
        st = visit(context, j, r->column + (j - own.begin) * r->a->n, err);
    return dg_agree(c, st, err);
}

static dg_status prepare(dg_round *r, dg_err *err)
{
    const size_t size = (size_t)r->a->comm.size;
    r->send_count = dg_alloc(size, sizeof *r->send_count);
    r->recv_count = dg_alloc(size, sizeof *r->recv_count);
    r->column = dg_alloc((size_t)(r->width * r->a->n), sizeof *r->column);
    r->upper = dg_alloc((size_t)r->width, sizeof *r->upper);
    if (r->send_count != NULL && r->recv_count != NULL && r->column != NULL && r->upper != NULL)
        return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for columns of %lld rows", (long long)r->a->n);
}

dg_status dg_symmetric_columns(const dg_symmetric *a, const dg_shards *shards,
                               dg_column_visit visit, void *context, dg_err *err)
{
    const dg_comm *c = &a->comm;
    /* Columns, what is sent and what arrives: three times width * n elements beside n^2 / P. */
    dg_round r = {.a = a, .shards = shards, .width = 1 + a->n / (60 * (int64_t)c->size)};
    int64_t longest = 0;
    for (int rank = 0; rank < c->size; rank++) {
        const dg_range own = dg_shards_rows(shards, rank, c->size);
        if (own.end - own.begin > longest) longest = own.end - own.begin;
    }
    dg_status st = dg_agree(c, prepare(&r, err), err);
    for (; st == DG_OK && r.step * r.width < longest; r.step++)
        st = run_round(&r, visit, context, err);
    dg_free(r.send_count);
    dg_free(r.recv_count);
    dg_free(r.column);
    dg_free(r.upper);
    return st;
}
