#include "models/als/forecast.h"

#include "base/memory.h"
#include "comm/tree.h"
#include "dense/panel.h"
#include "models/als/exchange.h"
#include "models/als/long_rows.h"
#include "models/als/routes.h"

#include <math.h>
#include <string.h>

static int columns(const dg_als_options *o)
{
    return (int)o->n_factors + (o->law.loss == DG_ALS_RATINGS && o->biases);
}

static int nodes_of(const dg_als_machines *m)
{
    return (m->ranks + m->ranks_per_node - 1) / m->ranks_per_node;
}

/* A row of a table of n rows. */
static double row_bytes(const dg_als_options *o, double n)
{
    const int n_cols = columns(o);
    const bool half = dg_als_wants_half(o, (int64_t)n, n_cols);
    return dg_als_table_columns(n_cols, half) * (double)sizeof(float);
}

/* The work of `n_rows` rows of n entries, gathered from rows of `row_bytes`. */
static void add_rows(const dg_als_options *o, double row_bytes, double n_rows, double n,
                     bool is_long, dg_als_side_counts *c)
{
    const double gathered_a_nanosecond = 8; /* bytes, as routes.c has it */
    const int d = columns(o);
    const int64_t length = (int64_t)(n + 0.5);
    dg_als_route route = DG_ALS_BY_CHOLESKY;
    if (length == 0) return;
    if (dg_als_wants_basis(o)) route = dg_als__route(o, length, d, dg_als_capacity(d));
    const double cost = dg_als__route_nanoseconds(route, n, d, length <= dg_als_capacity(d));
    c->flops[route] += n_rows * dg_als__route_flops(route, n, d);
    c->nanoseconds += n_rows * (cost + n * row_bytes / gathered_a_nanosecond);
    if (!is_long) return;
    c->long_rows[route == DG_ALS_BY_CG] += n_rows;
    c->long_entries += n_rows * n;
}

/* Rows of the other side that node `k` gets from others; `mark` (other rows,) */
static int64_t count_needed(const dg_als_machines *m, const dg_als_ratings *r, int k,
                            int64_t long_from, uint8_t *mark)
{
    const int first = k * m->ranks_per_node;
    const int last =
        (first + m->ranks_per_node < m->ranks ? first + m->ranks_per_node : m->ranks) - 1;
    const dg_range rows = {dg_shards_rows(r->solved, first, m->ranks).begin,
                           dg_shards_rows(r->solved, last, m->ranks).end};
    const dg_range own = {dg_shards_rows(r->other, first, m->ranks).begin,
                          dg_shards_rows(r->other, last, m->ranks).end};
    int64_t n = 0;
    memset(mark, 0, (size_t)r->other->begin[r->other->n]);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        if (r->ptr[row + 1] - r->ptr[row] >= long_from) continue;
        for (int64_t e = r->ptr[row]; e < r->ptr[row + 1]; e++) {
            const int32_t column = r->index[e];
            n += !mark[column] && (column < own.begin || column >= own.end);
            mark[column] = 1;
        }
    }
    return n;
}

/* Long rows' sums as dg_als_long_bytes has them. */
static double bytes_of_sums(const dg_als_options *o, int ranks, int rank, int n_shards, double gram,
                            double cg, bool observes)
{
    enum { CG_SUMS = 3, LOSS_NUMBERS = 2 };
    const int d = columns(o);
    const double x = dg_panel_width(d) * (double)sizeof(float) * (ranks - 1);
    const double number = (double)dg_tree_deliver_bytes(n_shards, ranks, rank, 1);
    const double sum = (double)dg_tree_sum_bytes(n_shards, ranks, 1);
    double bytes =
        number * gram * dg_als__gram_numbers(d) + cg * (x + CG_SUMS * sum * dg_als__cg_numbers(d));
    const double measured = gram + (o->law.loss == DG_ALS_HKV ? cg : 0);
    if (observes) bytes += number * measured * LOSS_NUMBERS + measured * x;
    return bytes;
}

static void count_rank(const dg_als_options *o, const dg_als_machines *m, const dg_als_ratings *r,
                       int rank, bool users, dg_als_side_counts *c)
{
    const dg_range rows = dg_shards_rows(r->solved, rank, m->ranks);
    const int64_t long_from = dg_als_long_from(r->other->n, columns(o));
    const double before[2] = {c->long_rows[0], c->long_rows[1]};
    const double row = row_bytes(o, (double)r->other->begin[r->other->n]);
    for (int64_t k = rows.begin; k < rows.end; k++) {
        const int64_t n = r->ptr[k + 1] - r->ptr[k];
        add_rows(o, row, 1, (double)n, n >= long_from, c);
    }
    c->sums += bytes_of_sums(o, m->ranks, rank, r->other->n, c->long_rows[0] - before[0],
                             c->long_rows[1] - before[1], !users);
    c->most_rows = fmax(c->most_rows, (double)(rows.end - rows.begin));
    c->most_entries = fmax(c->most_entries, (double)(r->ptr[rows.end] - r->ptr[rows.begin]));
}

dg_status dg_als_count_side(const dg_als_options *o, const dg_als_machines *m,
                            const dg_als_ratings *r, bool users, dg_als_side_counts *out,
                            dg_err *err)
{
    const int64_t n = r->solved->begin[r->solved->n];
    uint8_t *mark = dg_alloc((size_t)r->other->begin[r->other->n], 1);
    *out = (dg_als_side_counts){.rows = (double)n, .entries = (double)r->ptr[n]};
    if (mark == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory counting what nodes need");
    for (int rank = 0; rank < m->ranks; rank++) count_rank(o, m, r, rank, users, out);
    const int64_t long_from[2] = {INT64_MAX, dg_als_long_from(r->other->n, columns(o))};
    for (int k = 0; k < nodes_of(m); k++)
        for (int way = 0; way < 2; way++) {
            const double needed = (double)count_needed(m, r, k, long_from[way], mark);
            out->needed[way] += needed;
            out->most_needed[way] = fmax(out->most_needed[way], needed);
        }
    dg_free(mark);
    return DG_OK;
}

enum { BINS = 4096 };

/* Rows of a side, most first, in bins of like length. */
typedef struct dg_spread {
    double rows[BINS], length[BINS];
} dg_spread;

/* The r-th of n has a share of 1 / (r + 10); bins grow with r. No row is longer than `most`. */
static void spread_items(double n, double entries, double most, dg_spread *s)
{
    const double shift = 10, all = log((n + shift) / shift);
    for (int b = 0; b < BINS; b++) {
        const double from = shift * (exp(all * b / BINS) - 1);
        const double to = shift * (exp(all * (b + 1) / BINS) - 1);
        s->rows[b] = to - from;
        s->length[b] = fmin(entries / all * log((to + shift) / (from + shift)) / (to - from), most);
    }
}

/* Activity u^(-1/3) - 1, of mean 1/2, plus a floor of a fifth of the mean. */
static void spread_users(double n, double entries, double most, dg_spread *s)
{
    const double mean = entries / n, floor = mean / 5;
    for (int b = 0; b < BINS; b++) {
        const double u = (b + 0.5) / BINS;
        s->rows[b] = n / BINS;
        s->length[b] = fmin(floor + (mean - floor) * 2 * (pow(u, -1.0 / 3) - 1), most);
    }
}

/* Rows of `other` that a node with `share` of the solved rows' entries names, all but `own_share`
 * of them elsewhere. */
static double guess_needed(const dg_spread *other, double share, double own_share)
{
    double n = 0;
    for (int b = 0; b < BINS; b++) n += other->rows[b] * -expm1(-other->length[b] * share);
    return n * (1 - own_share);
}

static void guess_side(const dg_als_options *o, const dg_als_machines *m, int n_shards, bool users,
                       const dg_spread *solved, const dg_spread *other, dg_als_side_counts *c)
{
    const int64_t long_from = dg_als_long_from(n_shards, columns(o));
    const double nodes = nodes_of(m);
    double n_other = 0;
    *c = (dg_als_side_counts){0};
    for (int b = 0; b < BINS; b++) n_other += other->rows[b];
    for (int b = 0; b < BINS; b++) {
        add_rows(o, row_bytes(o, n_other), solved->rows[b], solved->length[b],
                 solved->length[b] >= (double)long_from, c);
        c->rows += solved->rows[b];
        c->entries += solved->rows[b] * solved->length[b];
    }
    c->most_rows = c->rows / m->ranks;
    c->most_entries = c->entries / m->ranks;
    const double shares[2] = {1 / nodes, (1 - c->long_entries / c->entries) / nodes};
    for (int way = 0; way < 2; way++) {
        c->most_needed[way] = guess_needed(other, shares[way], 1 / nodes);
        c->needed[way] = nodes * c->most_needed[way];
    }
    for (int rank = 0; rank < m->ranks; rank++)
        c->sums += bytes_of_sums(o, m->ranks, rank, n_shards, c->long_rows[0] / m->ranks,
                                 c->long_rows[1] / m->ranks, !users);
}

void dg_als_guess_data(const dg_als_options *o, const dg_als_machines *m, double users,
                       double items, double ratings, dg_als_data *out)
{
    static dg_spread of_users, of_items; /* 128 KB */
    const double id_bytes = 16, offset = 8;
    *out = (dg_als_data){.n_shards = dg_shards_count((int64_t)ratings), .n_rows = {users, items}};
    out->other_bytes = (users + items) / m->ranks * (id_bytes + 4 * offset);
    spread_users(users, ratings, items, &of_users);
    spread_items(items, ratings, users, &of_items);
    guess_side(o, m, out->n_shards, true, &of_users, &of_items, &out->side[0]);
    guess_side(o, m, out->n_shards, false, &of_items, &of_users, &out->side[1]);
}

const char *dg_als_way_name(dg_als_way way)
{
    static const char *const names[] = {"replicate", "rows", "rows and sums"};
    return names[way];
}

/* Sums of every half-sweep: the Gram, the basis, the weights of its columns, the loss. */
static double fixed_sums(const dg_als_options *o, const dg_als_machines *m, int n_shards)
{
    const double k = (double)o->n_factors, d = columns(o);
    const double sum = (double)dg_tree_sum_bytes(n_shards, m->ranks, 1);
    double numbers = 3;
    if (dg_als_wants_basis(o))
        return sum * (numbers + k * k + k) + (m->ranks - 1) * 8 * (k * k + k);
    if (o->law.loss != DG_ALS_RATINGS) numbers += d * d;
    return sum * numbers;
}

/* Bytes of a half-sweep each way. `side` 0 solves users, from items. */
static void weigh_ways(const dg_als_options *o, const dg_als_machines *m, const dg_als_data *d,
                       int side, dg_als_forecast *f)
{
    const dg_als_side_counts *c = &d->side[side];
    const double row = row_bytes(o, d->n_rows[!side]), fixed = fixed_sums(o, m, d->n_shards);
    const bool longs = c->long_rows[0] + c->long_rows[1] > 0;
    const bool send = longs && o->partial_sums != DG_ALS_SUMS_GATHER;
    double *rows = f->rows_bytes[side], *sums = f->sums_bytes[side];
    rows[DG_ALS_WAY_REPLICATE] = d->n_rows[!side] * (nodes_of(m) - 1) * row;
    rows[DG_ALS_WAY_ROWS] = c->needed[0] * row;
    rows[DG_ALS_WAY_SUMS] = c->needed[1] * row;
    sums[DG_ALS_WAY_REPLICATE] =
        fixed + (longs && o->partial_sums == DG_ALS_SUMS_SEND ? c->sums : 0);
    sums[DG_ALS_WAY_ROWS] = fixed;
    sums[DG_ALS_WAY_SUMS] = fixed + c->sums;
    f->possible[side][DG_ALS_WAY_REPLICATE] = true;
    f->possible[side][DG_ALS_WAY_ROWS] =
        nodes_of(m) > 1 && !(send && o->partial_sums == DG_ALS_SUMS_SEND);
    f->possible[side][DG_ALS_WAY_SUMS] = nodes_of(m) > 1 && send;
    const dg_als_volume volume = {
        (int64_t)rows[DG_ALS_WAY_REPLICATE], (int64_t)rows[DG_ALS_WAY_ROWS],
        (int64_t)(rows[DG_ALS_WAY_SUMS] + c->sums), send ? (int64_t)c->sums : -1};
    const dg_als_choice choice = dg_als_exchange_choose(o, nodes_of(m), &volume);
    f->way[side] = !choice.by_rows ? DG_ALS_WAY_REPLICATE
                   : choice.sends  ? DG_ALS_WAY_SUMS
                                   : DG_ALS_WAY_ROWS;
}

/* Factors as a rank sees them: its own, and the table it solves from. */
static double factor_bytes(const dg_als_options *o, const dg_als_data *d, const dg_als_forecast *f,
                           int side, bool of_node, int ranks, int per_node)
{
    const dg_als_side_counts *c = &d->side[side];
    const double n = d->n_rows[!side], full = columns(o) * (double)sizeof(float);
    const double row = row_bytes(o, d->n_rows[!side]), own = n / ranks * (of_node ? per_node : 1);
    const bool copied = row != full || f->way[side] != DG_ALS_WAY_REPLICATE;
    if (f->way[side] == DG_ALS_WAY_REPLICATE) return n * row + (copied ? own * full : 0);
    const double there = n / ranks * per_node + c->most_needed[f->way[side] == DG_ALS_WAY_SUMS];
    return there * row + own * full;
}

static double square_bytes(const dg_als_options *o, int n_shards)
{
    const double k = columns(o), levels = log2(n_shards);
    const double tree = (3 * levels + 3) * k * k * 8;
    return tree + k * k * (8 + 8 + 4) + (dg_als_wants_basis(o) ? k * k * (8 + 4) : 0);
}

/* What a thread works in (system.c), and the buffers of long rows. */
static double work_bytes(const dg_als_options *o, const dg_als_machines *m, const dg_als_data *d)
{
    const double width = dg_panel_width(columns(o)), capacity = dg_als_capacity(columns(o));
    const double thread = (2 * capacity * width + 2 * width * width + 3 * capacity) * 4;
    double longest = 0, most_rows = 0;
    for (int side = 0; side < 2; side++) {
        const dg_als_side_counts *c = &d->side[side];
        const double rows = c->long_rows[0] + c->long_rows[1];
        const double numbers = fmin(1 << 17, rows * dg_als__gram_numbers(columns(o)));
        longest = fmax(longest, numbers * 8 * (m->threads + 1 + 3 * log2(d->n_shards) + 3));
        most_rows = fmax(most_rows, c->most_rows);
    }
    return m->threads * thread + fmax(longest, square_bytes(o, d->n_shards)) + 24 * most_rows;
}

static void weigh_memory(const dg_als_options *o, const dg_als_machines *m, const dg_als_data *d,
                         dg_als_forecast *f)
{
    const double process = 34e6,
                 petsc = 21e6; /* measured: nearly no data, one rank and two nodes */
    double node_factors = 0;
    const bool by_rows = f->way[0] != DG_ALS_WAY_REPLICATE || f->way[1] != DG_ALS_WAY_REPLICATE;
    f->process_bytes = process + (by_rows ? petsc : 0);
    for (int side = 0; side < 2; side++) {
        const dg_als_side_counts *c = &d->side[side];
        f->factor_bytes += factor_bytes(o, d, f, side, false, m->ranks, m->ranks_per_node);
        node_factors += factor_bytes(o, d, f, side, true, m->ranks, m->ranks_per_node);
        f->rating_bytes += 8 * c->most_entries + 8 * c->most_rows;
        if (f->way[side] != DG_ALS_WAY_REPLICATE)
            f->rating_bytes += 4 * c->most_entries + 30 * c->most_needed[0] / m->ranks_per_node;
        const bool sends =
            f->way[side] == DG_ALS_WAY_SUMS ||
            (f->way[side] == DG_ALS_WAY_REPLICATE && o->partial_sums == DG_ALS_SUMS_SEND);
        if (m->ranks > 1 && sends) f->rating_bytes += 8 * c->long_entries / m->ranks;
    }
    f->rating_bytes += d->other_bytes;
    f->work_bytes = work_bytes(o, m, d);
    f->rank_bytes = f->process_bytes + f->rating_bytes + f->work_bytes + f->factor_bytes;
    f->node_bytes =
        m->ranks_per_node * (f->process_bytes + f->rating_bytes + f->work_bytes) + node_factors;
}

static void weigh_time(const dg_als_options *o, const dg_als_machines *m, const dg_als_data *d,
                       dg_als_forecast *f)
{
    const double cores = (double)m->ranks * m->threads, k = (double)o->n_factors;
    const double nodes = nodes_of(m), levels = ceil(log2(m->ranks + 1.0));
    double nanoseconds = 0, hidden = 0, open = 0;
    for (int side = 0; side < 2; side++) {
        const dg_als_side_counts *c = &d->side[side];
        const double own = c->nanoseconds / cores * 1e-9;
        const double rows = f->rows_bytes[side][f->way[side]] / nodes / m->node_bandwidth;
        const double sums = f->sums_bytes[side][f->way[side]] / nodes / m->node_bandwidth;
        for (int route = 0; route < 3; route++) f->flops += c->flops[route];
        f->flops += 3 * d->n_rows[side] * k * k;
        nanoseconds += c->nanoseconds + 3 * d->n_rows[side] * k * k / 30;
        if (f->way[side] == DG_ALS_WAY_REPLICATE)
            open += rows;
        else
            hidden += fmax(0, rows - 0.9 * own); /* the first panel is waited for */
        open += sums + 2 * levels * m->latency * 10;
    }
    f->compute_seconds = nanoseconds * 1e-9 / cores;
    f->network_seconds = open + hidden;
    f->sweep_seconds = f->compute_seconds + f->network_seconds;
}

void dg_als_forecast_make(const dg_als_options *o, const dg_als_machines *m, const dg_als_data *d,
                          dg_als_forecast *out)
{
    *out = (dg_als_forecast){0};
    for (int side = 0; side < 2; side++) weigh_ways(o, m, d, side, out);
    if (o->law.loss != DG_ALS_RATINGS)
        out->end_bytes =
            (double)dg_tree_sum_bytes(d->n_shards, m->ranks, 1) * columns(o) * columns(o);
    weigh_memory(o, m, d, out);
    weigh_time(o, m, d, out);
}
