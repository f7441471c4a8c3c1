#include "als/law.h"
#include "base/memory.h"
#include "models/als/long_rows.h"
#include "models/als/routes.h"

#include <string.h>

enum { A_SHARD = 128 }; /* ratings a shard of the other side that make a row long */

int64_t dg_als_long_from(int n_shards_of_other, int d)
{
    const int64_t by_shards = (int64_t)A_SHARD * n_shards_of_other, fits = dg_als_capacity(d);
    return by_shards > fits ? by_shards : fits + 1;
}

/* Ratings that lambda counts: the positives only where Spark is asked for. */
static int64_t count_for_reg(const dg_als_options *o, dg_row row)
{
    int64_t n = 0;
    if (o->law.compat != DG_ALS_SPARK) return row.n;
    for (int64_t k = 0; k < row.n; k++) n += dg_als_is_positive(row.value[k]);
    return n;
}

static int64_t count_own(const dg_als_long *l)
{
    int64_t n = 0;
    for (int64_t r = l->half.ratings->begin; r < l->half.ratings->end; r++)
        n += dg_csr_row(l->half.ratings, r).n >= l->from;
    return n;
}

static void list_own(const dg_als_long *l, dg_als_long_row *to)
{
    for (int64_t r = l->half.ratings->begin; r < l->half.ratings->end; r++) {
        const dg_row row = dg_csr_row(l->half.ratings, r);
        if (row.n >= l->from)
            *to++ = (dg_als_long_row){r, row.n, count_for_reg(l->half.options, row)};
    }
}

/* The rows of everybody who works together. `n` (ranks + 1,) is scratch. */
static dg_status list_rows(dg_als_long *l, int64_t *n, dg_err *err)
{
    const dg_comm *c = &l->comm;
    const int64_t own = count_own(l);
    dg_gather_int64(c, &own, 1, n);
    int64_t before = 0;
    for (int r = 0; r < c->size; r++) {
        if (r == c->rank) before = l->n;
        l->n += n[r];
    }
    const size_t shards = (size_t)(l->run.end - l->run.begin) + 1;
    l->row = dg_alloc((size_t)l->n, sizeof *l->row);
    l->cut = dg_alloc((size_t)l->n * shards, sizeof *l->cut);
    dg_status st =
        l->row == NULL || l->cut == NULL
            ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %lld long rows", (long long)l->n)
            : DG_OK;
    st = dg_agree(c, st, err);
    if (st != DG_OK) return st;
    list_own(l, l->row + before);
    before = 0;
    for (int r = 0; r < c->size; before += n[r++])
        dg_bcast(c, l->row + before, (size_t)n[r] * sizeof *l->row, r);
    return DG_OK;
}

/* Where the shards' parts of every row begin, rows of `m` by their numbers in it. */
static void cut_rows(dg_als_long *l, const dg_csr *m, bool by_number)
{
    const int shards = l->run.end - l->run.begin;
    for (int64_t k = 0; k < l->n; k++) {
        const dg_row row = dg_csr_row(m, by_number ? k : l->row[k].row);
        int64_t *at = l->cut + k * (shards + 1);
        for (int s = 0; s <= shards; s++)
            at[s] =
                row.index - m->index + dg_row_before(row, l->half.other->begin[l->run.begin + s]);
    }
    l->index = m->index;
    l->value = m->value;
}

/* The number of a long row in the list, or -1. */
static int64_t find_long(const dg_als_long *l, int64_t row)
{
    int64_t low = 0, high = l->n - 1;
    while (low <= high) {
        const int64_t middle = low + (high - low) / 2;
        if (l->row[middle].row == row) return middle;
        if (l->row[middle].row < row)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

/* Is this row of the solved side long? One bit a row, so that few entries need a search. */
static dg_status mark_long(const dg_als_long *l, uint8_t **out, dg_err *err)
{
    const int64_t n = l->half.solved->begin[l->half.solved->n];
    uint8_t *bit = *out = dg_alloc((size_t)(n / 8 + 1), 1);
    if (bit == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for long rows");
    for (int64_t k = 0; k < l->n; k++)
        bit[l->row[k].row / 8] |= (uint8_t)(1u << (l->row[k].row % 8));
    return DG_OK;
}

/* The own rows of the other side, turned: what they have of each long row. Two passes, to count and
 * to copy. `next` (n + 1,) */
static void turn(const dg_als_long *l, const uint8_t *bit, int64_t *next, bool copy)
{
    const dg_csr *from = l->half.by_other;
    for (int64_t r = from->begin; r < from->end; r++) {
        const dg_row row = dg_csr_row(from, r);
        for (int64_t e = 0; e < row.n; e++) {
            const int32_t column = row.index[e];
            if ((bit[column / 8] >> (column % 8) & 1) == 0) continue;
            const int64_t k = find_long(l, column);
            if (copy) {
                l->own.index[next[k]] = (int32_t)r;
                l->own.value[next[k]] = row.value[e];
            }
            next[k]++;
        }
    }
}

static dg_status copy_parts(dg_als_long *l, dg_err *err)
{
    uint8_t *bit = NULL;
    int64_t *next = dg_alloc((size_t)l->n + 1, sizeof *next), n = 0;
    dg_status st = next == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for long rows")
                                : mark_long(l, &bit, err);
    if (st == DG_OK) {
        turn(l, bit, next, false);
        for (int64_t k = 0; k < l->n; k++) n += next[k];
        st = dg_csr_create(0, l->n, n, &l->own, err);
    }
    if (st == DG_OK) {
        for (int64_t k = 0; k < l->n; k++) l->own.ptr[k + 1] = l->own.ptr[k] + next[k];
        memcpy(next, l->own.ptr, (size_t)l->n * sizeof *next);
        turn(l, bit, next, true);
    }
    dg_free(bit);
    dg_free(next);
    return st;
}

static dg_status fill(dg_als_long *l, bool send, dg_err *err)
{
    const dg_comm *c = &l->comm;
    int64_t *n = dg_alloc((size_t)c->size + 1, sizeof *n);
    dg_status st = n == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for long rows") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = list_rows(l, n, err);
    const bool copies = send && c->size > 1;
    if (st == DG_OK && copies) st = dg_agree(c, copy_parts(l, err), err);
    if (st == DG_OK) cut_rows(l, copies ? &l->own : l->half.ratings, copies);
    dg_free(n);
    return st;
}

dg_status dg_als_long_create(const dg_comm *c, const dg_als_half *half, bool send,
                             dg_als_long **out, dg_err *err)
{
    dg_als_long *l = *out = dg_alloc(1, sizeof *l);
    dg_status st = l == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for long rows") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        *l = (dg_als_long){
            .half = *half, .sends = send, .from = dg_als_long_from(half->other->n, half->d)};
        dg_comm_init(&l->comm, send ? c->comm : MPI_COMM_SELF);
        l->run = dg_shards_run(half->other->n, l->comm.rank, l->comm.size);
        l->n_all = count_own(l);
        dg_sum_int64(c, &l->n_all, 1);
        st = dg_agree(c, fill(l, send, err), err);
    }
    if (st != DG_OK) dg_als_long_destroy(out);
    return st;
}

void dg_als_long_place(dg_als_long *l, int64_t first, const int32_t *index)
{
    const int64_t shift = first - l->half.by_other->begin;
    if (l->own.index == NULL)
        l->index = index;
    else
        for (int64_t e = 0; e < dg_csr_count(&l->own); e++)
            l->own.index[e] = (int32_t)(l->own.index[e] + shift);
}

int64_t dg_als_long_rows(const dg_als_long *l) { return l->n_all; }

bool dg_als_long_sends(const dg_als_long *l) { return l != NULL && l->sends; }

bool dg_als_is_long(const dg_als_long *l, dg_row row) { return l != NULL && row.n >= l->from; }

bool dg_als__long_by_cg(const dg_als_long *l, int64_t k)
{
    const dg_als_half *h = &l->half;
    return dg_als_wants_basis(h->options) &&
           dg_als__route(h->options, l->row[k].n, h->d, dg_als_capacity(h->d)) == DG_ALS_BY_CG;
}

/* Rows of rank r solved one way or the other. */
static int64_t count_routed(const dg_als_long *l, int r, bool cg)
{
    const dg_range rows = dg_shards_rows(l->half.solved, r, l->comm.size);
    int64_t n = 0;
    for (int64_t k = 0; k < l->n; k++)
        n += l->row[k].row >= rows.begin && l->row[k].row < rows.end &&
             dg_als__long_by_cg(l, k) == cg;
    return n;
}

int64_t dg_als_long_bytes(const dg_als_long *l, bool observes)
{
    enum { CG_SUMS = 3, LOSS_NUMBERS = 2 };
    const dg_als_half *h = &l->half;
    const int size = l->comm.size, n_shards = l->half.other->n, d = l->half.d;
    const int64_t x = dg_panel_width(d) * (int64_t)sizeof(float) * (size - 1);
    int64_t bytes = 0, n_cg = 0;
    for (int r = 0; r < size; r++) {
        const int64_t gram = count_routed(l, r, false), cg = count_routed(l, r, true);
        bytes += dg_tree_deliver_bytes(n_shards, size, r, gram * dg_als__gram_numbers(d));
        const int64_t measured = gram + (h->options->law.loss == DG_ALS_HKV ? cg : 0);
        n_cg += cg;
        if (observes)
            bytes +=
                dg_tree_deliver_bytes(n_shards, size, r, measured * LOSS_NUMBERS) + measured * x;
    }
    return bytes + n_cg * x +
           CG_SUMS * dg_tree_sum_bytes(n_shards, size, n_cg * dg_als__cg_numbers(d));
}

void dg_als_long_destroy(dg_als_long **l)
{
    if (*l == NULL) return;
    if ((*l)->comm.size > 0) dg_comm_free(&(*l)->comm);
    dg_csr_free(&(*l)->own);
    dg_free((*l)->row);
    dg_free((*l)->cut);
    dg_free(*l);
    *l = NULL;
}
