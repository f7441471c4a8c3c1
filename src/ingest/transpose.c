#include "ingest/transpose.h"

#include "base/memory.h"
#include "comm/exchange.h"
#include "ingest/rounds.h"

#include <stdbool.h>

typedef struct dg_entry {
    int32_t row, column;
    float value;
} dg_entry;

typedef struct dg_columns_plan {
    dg_rounds rounds;
    int64_t *count; /* (rounds, size) entries this rank sends */
    int64_t *total; /* (size,) entries each rank receives, over all rounds and ranks */
    int64_t *end;   /* (size, rounds) end of the columns of each rank and round */
    int64_t *own;   /* (columns of this rank,) entries of them in the rows of this rank */
    int32_t *sent;  /* (size, rows) entries of each row gone to each rank, after those before its
                       columns; NULL where that would be a lot beside the entries themselves */
} dg_columns_plan;

enum {
    BATCH = 1 << 18, /* entries over all ranks: fewer are not worth a round */
    ROUNDS = 6,      /* at most: every one looks at all rows; buffers are this part of the data */
    SENT_SHARE = 16  /* of the entries' bytes */
};

/* Entries are sorted by column, so those for one rank and round are one stretch of each row. */
static void count_entries(const dg_csr *m, int own, dg_columns_plan *p)
{
    const size_t rows = (size_t)(m->end - m->begin);
    const int size = p->rounds.size, rounds = p->rounds.n;
    const int64_t begin = dg_shards_rows(p->rounds.shards, own, size).begin;
    for (int64_t r = m->begin; r < m->end; r++) {
        const dg_row row = dg_csr_row(m, r);
        int64_t at = 0;
        for (int rank = 0; rank < size; rank++) {
            const int64_t first = at;
            if (p->sent != NULL)
                p->sent[(size_t)rank * rows + (size_t)(r - m->begin)] = (int32_t)at;
            for (int k = 0; k < rounds; k++) { /* ascending columns */
                const int64_t end = p->end[rank * rounds + k], before = at;
                if (rank == own)
                    for (; at < row.n && row.index[at] < end; at++) p->own[row.index[at] - begin]++;
                else
                    while (at < row.n && row.index[at] < end) at++;
                p->count[(size_t)k * (size_t)size + (size_t)rank] += at - before;
            }
            p->total[rank] += at - first;
        }
    }
}

static dg_status make_plan(const dg_csr *m, int own, dg_columns_plan *p, dg_err *err)
{
    const size_t size = (size_t)p->rounds.size, slots = size * (size_t)p->rounds.n;
    const size_t rows = (size_t)(m->end - m->begin), bytes = 8 * (size_t)dg_csr_count(m);
    const bool few = size * rows * sizeof *p->sent <= bytes / SENT_SHARE;
    p->count = dg_alloc(slots, sizeof *p->count);
    p->total = dg_alloc(size, sizeof *p->total);
    p->end = dg_alloc(slots, sizeof *p->end);
    const dg_range columns = dg_shards_rows(p->rounds.shards, own, p->rounds.size);
    p->own = dg_alloc((size_t)(columns.end - columns.begin), sizeof *p->own);
    p->sent = few ? dg_alloc(size * rows, sizeof *p->sent) : NULL;
    if (p->count == NULL || p->total == NULL || p->end == NULL || p->own == NULL ||
        (few && p->sent == NULL))
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory planning a transposition");
    for (int rank = 0; rank < p->rounds.size; rank++)
        for (int k = 0; k < p->rounds.n; k++)
            p->end[rank * p->rounds.n + k] = dg_rounds_rows(&p->rounds, k, rank).end;
    count_entries(m, own, p);
    return DG_OK;
}

static void free_plan(dg_columns_plan *p)
{
    dg_free(p->count);
    dg_free(p->total);
    dg_free(p->end);
    dg_free(p->own);
    dg_free(p->sent);
}

/* Where a row's entries for a rank's round begin. */
static int64_t first_entry(const int32_t *sent, int64_t r, dg_row row, dg_range range)
{
    return sent != NULL ? sent[r] : dg_row_before(row, range.begin);
}

/* The entries of one round for other ranks, grouped by owner, rows ascending. */
static dg_status pack(const dg_csr *m, const dg_columns_plan *p, int round, const int64_t *count,
                      int own, dg_entry **out, dg_err *err)
{
    const size_t rows = (size_t)(m->end - m->begin);
    int64_t n = 0, at = 0;
    for (int rank = 0; rank < p->rounds.size; rank++) n += count[rank];
    dg_entry *entry = *out = dg_alloc((size_t)n, sizeof *entry);
    if (entry == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending %lld ratings", (long long)n);
    for (int rank = 0; rank < p->rounds.size; rank++) {
        if (rank == own) continue;
        const dg_range range = dg_rounds_rows(&p->rounds, round, rank);
        int32_t *sent = p->sent == NULL ? NULL : p->sent + (size_t)rank * rows;
        for (int64_t r = m->begin; r < m->end; r++) {
            const dg_row row = dg_csr_row(m, r);
            int64_t k = first_entry(sent, r - m->begin, row, range);
            for (; k < row.n && row.index[k] < range.end; k++)
                entry[at++] = (dg_entry){(int32_t)r, row.index[k], row.value[k]};
            if (sent != NULL) sent[r - m->begin] = (int32_t)k;
        }
    }
    return DG_OK;
}

typedef struct dg_placing { /* the columns of one round, as they become rows */
    dg_csr *out;
    dg_range range;
    int64_t *next; /* (columns + 1,) first counts, then where the next entry of each goes */
} dg_placing;

/* Entries that stay here need no message, but go straight from their rows. Pointers are held in
 * variables: what is written could otherwise be them. */
static void place_own(const dg_csr *m, int32_t *sent, const dg_placing *p)
{
    int64_t *const next = p->next;
    int32_t *const index = p->out->index;
    float *const value = p->out->value;
    const int64_t begin = p->range.begin, end = p->range.end;
    for (int64_t r = m->begin; r < m->end; r++) {
        const dg_row row = dg_csr_row(m, r);
        int64_t k = first_entry(sent, r - m->begin, row, p->range);
        for (; k < row.n && row.index[k] < end; k++) {
            const int64_t at = next[row.index[k] - begin]++;
            index[at] = (int32_t)r;
            value[at] = row.value[k];
        }
        if (sent != NULL) sent[r - m->begin] = (int32_t)k;
    }
}

static void place_received(const dg_entry *entry, int64_t n, const dg_placing *p)
{
    int64_t *const next = p->next;
    int32_t *const index = p->out->index;
    float *const value = p->out->value;
    const int64_t begin = p->range.begin;
    for (int64_t k = 0; k < n; k++) {
        const int64_t at = next[entry[k].column - begin]++;
        index[at] = entry[k].row;
        value[at] = entry[k].value;
    }
}

/* Counts become the rows' ends, and where each row's next entry goes. */
static void open_rows(dg_placing *p)
{
    int64_t *ptr = p->out->ptr + (p->range.begin - p->out->begin);
    for (int64_t r = 0; r < p->range.end - p->range.begin; r++) {
        ptr[r + 1] = ptr[r] + p->next[r + 1];
        p->next[r] = ptr[r];
    }
}

/* Append the entries of all ranks to the rows of the round, those of lower ranks first: a stable
 * counting sort by column. */
static dg_status place_all(const dg_comm *c, const dg_csr *m, const dg_columns_plan *plan,
                           int round, const dg_entry *entry, const int64_t *recv_count, dg_csr *out,
                           dg_err *err)
{
    dg_placing p = {.out = out, .range = dg_rounds_rows(&plan->rounds, round, c->rank)};
    const int64_t rows = p.range.end - p.range.begin;
    int32_t *sent =
        plan->sent == NULL ? NULL : plan->sent + (size_t)c->rank * (size_t)(m->end - m->begin);
    int64_t n = 0, at = 0;
    for (int r = 0; r < c->size; r++) n += recv_count[r];
    p.next = dg_alloc((size_t)rows + 1, sizeof *p.next);
    if (p.next == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory transposing %lld rows", (long long)rows);
    for (int64_t k = 0; k < n; k++) p.next[entry[k].column - p.range.begin + 1]++;
    const int64_t first = p.range.begin - out->begin;
    for (int64_t r = 0; r < rows; r++) p.next[r + 1] += plan->own[first + r];
    open_rows(&p);
    for (int r = 0; r < c->size; r++) {
        if (r == c->rank) place_own(m, sent, &p);
        place_received(entry + at, recv_count[r], &p);
        at += recv_count[r];
    }
    dg_free(p.next);
    return DG_OK;
}

static dg_status run_round(const dg_comm *c, const dg_csr *m, const dg_columns_plan *p, int round,
                           dg_csr *out, dg_err *err)
{
    int64_t *count = p->count + (size_t)round * (size_t)c->size;
    dg_entry *sending = NULL;
    void *received = NULL;
    int64_t *recv_count = dg_alloc((size_t)c->size, sizeof *recv_count);
    count[c->rank] = 0;
    dg_status st = recv_count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory")
                                      : pack(m, p, round, count, c->rank, &sending, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK)
        st = dg_exchange(c, sending, sizeof *sending, count, &received, recv_count, err);
    dg_free(sending);
    if (st == DG_OK)
        st = dg_agree(c, place_all(c, m, p, round, received, recv_count, out, err), err);
    dg_free(received);
    dg_free(recv_count);
    return st;
}

static dg_status transpose(const dg_comm *c, const dg_csr *m, const dg_shards *columns,
                           dg_columns_plan *p, dg_csr *out, dg_err *err)
{
    dg_status st = dg_agree(c, make_plan(m, c->rank, p, err), err);
    if (st != DG_OK) return st;
    dg_sum_int64(c, p->total, c->size);
    const dg_range own = dg_shards_rows(columns, c->rank, c->size);
    st = dg_agree(c, dg_csr_create(own.begin, own.end, p->total[c->rank], out, err), err);
    for (int k = 0; k < p->rounds.n && st == DG_OK; k++) st = run_round(c, m, p, k, out, err);
    return st;
}

dg_status dg_transpose(const dg_comm *c, const dg_csr *by_row, const dg_shards *columns,
                       int64_t batch, dg_csr *out, dg_err *err)
{
    int64_t n = dg_csr_count(by_row);
    dg_sum_int64(c, &n, 1);
    dg_columns_plan plan = {
        .rounds = dg_rounds_plan(columns, c->size, n, batch > 0 ? batch : BATCH, ROUNDS)};
    *out = (dg_csr){0};
    const dg_status st = transpose(c, by_row, columns, &plan, out, err);
    free_plan(&plan);
    if (st != DG_OK) dg_csr_free(out);
    return st;
}
