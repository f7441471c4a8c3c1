#include "comm/rows.h"

#include "base/memory.h"
#include "comm/forest.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUANTA = 256,          /* finest cut of a rank's ratings; a batch is some of them */
    PANEL_BYTES = 8 << 20, /* most that is received in one go */
    LEAST_BYTES = 1 << 20, /* less where that makes the batches more: the first is waited for */
    BATCHES = 16
};

static const int32_t unneeded = INT32_MAX;

struct dg_rows {
    const dg_nodes *nodes;
    const dg_shards *shards;
    const dg_csr *ratings;
    int64_t long_from;
    dg_range own;         /* rows of the matrix this rank owns */
    int64_t n_entries;    /* of rating rows that read */
    int64_t *begin;       /* (size+1,) first row of each rank */
    int64_t *slot;        /* (size,) where each rank's rows begin in its own node's table */
    int64_t *need, *give; /* (nodes,) rows from and to each node; first rank of a node only */
    dg_shared marks;   /* int32 (rows of the matrix,): first quantum that needs a row, or unneeded;
                          then its place in the table. Until the plan is made */
    int64_t node_rows; /* rows the node owns, which come first in the table */
    int64_t received, sent;

    int n_cols, n_batches;
    int64_t *cut;   /* (n_batches+1,) first rating row of each batch */
    int64_t *panel; /* (n_batches+1,) first place of each panel */
    int32_t *index;
    dg_shared table;   /* a line that holds `arrived`, then (places, n_cols) floats */
    dg_forest *forest; /* a transfer a panel; first ranks of nodes, where there are several */
    int64_t round;     /* publications so far */
    int awaited;       /* panels of this round that are there */
};

static bool leads(const dg_rows *r) { return r->nodes->leaders.size > 0; }

static int32_t *marks_of(const dg_rows *r) { return r->marks.at; }

static bool reads(const dg_rows *r, dg_row row) { return row.n < r->long_from; }

/* Where rows lie: every rank's in its own node's table, ranks in order. */
static dg_status lay_out(dg_rows *r, dg_err *err)
{
    const dg_nodes *n = r->nodes;
    const size_t size = (size_t)n->all.size;
    r->begin = dg_alloc(size + 1, sizeof *r->begin);
    r->slot = dg_alloc(size, sizeof *r->slot);
    r->need = dg_alloc((size_t)n->n, sizeof *r->need);
    r->give = dg_alloc((size_t)n->n, sizeof *r->give);
    if (r->begin == NULL || r->slot == NULL || r->need == NULL || r->give == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory planning the exchange of rows");
    int64_t *filled = r->need; /* per node, for the while */
    for (int k = 0; k < n->all.size; k++) {
        r->begin[k + 1] = dg_shards_rows(r->shards, k, n->all.size).end;
        r->slot[k] = filled[n->of[k]];
        filled[n->of[k]] += r->begin[k + 1] - r->begin[k];
    }
    r->node_rows = filled[n->mine];
    memset(r->need, 0, (size_t)n->n * sizeof *r->need);
    return DG_OK;
}

/* A node's ranks clear and mark together. */
static void clear_marks(const dg_rows *r)
{
    const dg_comm *node = &r->nodes->node;
    const int64_t n = r->begin[r->nodes->all.size];
    const int64_t from = n * node->rank / node->size, to = n * (node->rank + 1) / node->size;
    int32_t *mark = marks_of(r);
    for (int64_t k = from; k < to; k++) mark[k] = unneeded;
    dg_shared_sync(&r->marks);
}

static void mark_least(int32_t *mark, int32_t quantum)
{
    int32_t now = __atomic_load_n(mark, __ATOMIC_RELAXED);
    while (now > quantum && !__atomic_compare_exchange_n(mark, &now, quantum, true,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

/* The quantum of ratings, out of QUANTA equal ones, that begins before `entries`. */
static int32_t quantum_of(const dg_rows *r, int64_t entries)
{
    return r->n_entries == 0 ? 0 : (int32_t)(entries * QUANTA / r->n_entries);
}

static void mark_needed(dg_rows *r)
{
    const dg_csr *m = r->ratings;
    int64_t before = 0;
    for (int64_t k = m->begin; k < m->end; k++)
        if (reads(r, dg_csr_row(m, k))) r->n_entries += dg_csr_row(m, k).n;
    for (int64_t k = m->begin; k < m->end; k++) {
        const dg_row row = dg_csr_row(m, k);
        if (!reads(r, row)) continue;
        const int32_t quantum = quantum_of(r, before);
        for (int64_t e = 0; e < row.n; e++) mark_least(marks_of(r) + row.index[e], quantum);
        before += row.n;
    }
    dg_shared_sync(&r->marks);
}

/* How many rows come from each node; nodes tell each other. */
static void count_needed(dg_rows *r)
{
    const dg_nodes *n = r->nodes;
    if (!leads(r)) return;
    for (int k = 0; k < n->all.size; k++)
        for (int64_t row = r->begin[k]; n->of[k] != n->mine && row < r->begin[k + 1]; row++)
            r->need[n->of[k]] += marks_of(r)[row] != unneeded;
    dg_mpi(MPI_Alltoall(r->need, 1, MPI_INT64_T, r->give, 1, MPI_INT64_T, n->leaders.comm),
           &n->leaders, "exchange of counts");
    for (int k = 0; k < n->n; k++) {
        r->received += r->need[k];
        r->sent += r->give[k];
    }
}

dg_status dg_rows_survey(const dg_nodes *nodes, const dg_shards *shards, const dg_csr *ratings,
                         int64_t long_from, dg_rows **out, dg_err *err)
{
    dg_rows *r = *out = dg_alloc(1, sizeof *r);
    dg_status st = DG_OK;
    if (r == NULL) {
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory planning the exchange of rows");
    } else {
        *r =
            (dg_rows){.nodes = nodes, .shards = shards, .ratings = ratings, .long_from = long_from};
        r->own = dg_shards_rows(shards, nodes->all.rank, nodes->all.size);
        st = lay_out(r, err);
    }
    st = dg_agree(&nodes->all, st, err);
    if (st != DG_OK) {
        dg_rows_destroy(out);
        return st;
    }
    dg_shared_open(nodes, (size_t)shards->begin[shards->n] * sizeof(int32_t), &r->marks);
    clear_marks(r);
    mark_needed(r);
    count_needed(r);
    return DG_OK;
}

int64_t dg_rows_received(const dg_rows *r) { return r->received; }

int64_t dg_rows_sent(const dg_rows *r) { return r->sent; }

/* DAOGOU_PANEL_BYTES=n makes panels smaller, so that small data has several. */
static int64_t panel_bytes(int64_t received)
{
    const char *text = getenv("DAOGOU_PANEL_BYTES");
    const int64_t n = text == NULL ? 0 : atoll(text), even = received / BATCHES;
    if (n > 0) return n;
    return even < LEAST_BYTES ? LEAST_BYTES : even < PANEL_BYTES ? even : PANEL_BYTES;
}

/* As many batches as the node that receives most needs. COLLECTIVE. */
static void choose_batches(dg_rows *r)
{
    const int64_t bytes = r->received * r->n_cols * (int64_t)sizeof(float);
    int64_t n = bytes / panel_bytes(bytes) + 1;
    dg_max_int64(&r->nodes->all, &n, 1);
    r->n_batches = n < QUANTA ? (int)n : QUANTA;
}

static int batch_of(const dg_rows *r, int32_t quantum) { return quantum * r->n_batches / QUANTA; }

/* Own rating rows by batch; those that read nothing go with their neighbours. */
static void cut_batches(dg_rows *r)
{
    const dg_csr *m = r->ratings;
    int64_t before = 0;
    int next = 1;
    r->cut[0] = m->begin;
    for (int64_t k = m->begin; k < m->end; k++) {
        const dg_row row = dg_csr_row(m, k);
        while (next <= batch_of(r, quantum_of(r, before)) && next < r->n_batches)
            r->cut[next++] = k;
        if (reads(r, row)) before += row.n;
    }
    while (next <= r->n_batches) r->cut[next++] = m->end;
}

/* Marks become places in the table: panel by panel, within a panel in the order of rows. The
 * transfers are described on the way, in `remote`. First rank of a node. */
static void place_rows(dg_rows *r, dg_place *remote)
{
    const dg_nodes *n = r->nodes;
    int32_t *mark = marks_of(r);
    int64_t *next = r->panel; /* (n_batches+1,) counts, then where the next row goes, then begins */
    for (int k = 0; k < n->all.size; k++)
        for (int64_t row = r->begin[k]; n->of[k] != n->mine && row < r->begin[k + 1]; row++)
            if (mark[row] != unneeded) next[batch_of(r, mark[row]) + 1]++;
    next[0] = r->node_rows;
    for (int b = 0; b < r->n_batches; b++) next[b + 1] += next[b];
    for (int k = 0; k < n->all.size; k++)
        for (int64_t row = r->begin[k]; row < r->begin[k + 1]; row++) {
            const int64_t there = r->slot[k] + row - r->begin[k];
            if (n->of[k] == n->mine) {
                mark[row] = (int32_t)there;
            } else if (mark[row] != unneeded) {
                const int64_t place = next[batch_of(r, mark[row])]++;
                remote[place - r->node_rows] = (dg_place){n->of[k], (int32_t)there};
                mark[row] = (int32_t)place;
            }
        }
    for (int b = r->n_batches; b > 0; b--) next[b] = next[b - 1];
    next[0] = r->node_rows;
}

/* This rank's index of places. */
static void number_entries(dg_rows *r)
{
    const dg_csr *m = r->ratings;
    for (int64_t k = m->begin; k < m->end; k++) {
        const dg_row row = dg_csr_row(m, k);
        if (!reads(r, row)) continue;
        int32_t *to = r->index + (row.index - m->index);
        for (int64_t e = 0; e < row.n; e++) to[e] = marks_of(r)[row.index[e]];
    }
}

static dg_status allocate_plan(dg_rows *r, dg_place **remote, dg_err *err)
{
    const size_t n = (size_t)r->n_batches;
    r->cut = dg_alloc(n + 1, sizeof *r->cut);
    r->panel = dg_alloc(n + 1, sizeof *r->panel);
    r->index = dg_alloc((size_t)dg_csr_count(r->ratings), sizeof *r->index);
    *remote = dg_alloc((size_t)r->received, sizeof **remote);
    if (r->cut != NULL && r->panel != NULL && r->index != NULL && *remote != NULL)
        return leads(r) && r->nodes->n > 1
                   ? dg_forest_create(&r->nodes->leaders, r->n_batches, r->n_cols, &r->forest, err)
                   : DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory planning the exchange of %lld rows",
                   (long long)r->received);
}

/* One transfer a panel: from nodes' own rows to the panel's places. */
static void plan_panels(dg_rows *r, dg_place *remote)
{
    for (int b = 0; b < r->n_batches; b++) {
        const int64_t first = r->panel[b], n = r->panel[b + 1] - first;
        dg_forest_plan(r->forest, b, (int32_t)r->node_rows, (int32_t)n,
                       remote + (first - r->node_rows));
    }
}

/* The table's places are zero, each rank clearing its own rows and the first the received ones. */
static void open_table(dg_rows *r)
{
    int64_t places = r->node_rows + r->received;
    const size_t row = (size_t)r->n_cols * sizeof(float);
    dg_mpi(MPI_Bcast(&places, 1, MPI_INT64_T, 0, r->nodes->node.comm), &r->nodes->node, "table");
    dg_shared_open(r->nodes, DG_ALIGN + (size_t)places * row, &r->table);
    memset(dg_rows_table(r) + dg_rows_own(r).begin * r->n_cols, 0,
           (size_t)(r->own.end - r->own.begin) * row);
    if (leads(r)) {
        memset(r->table.at, 0, DG_ALIGN);
        memset(dg_rows_table(r) + r->node_rows * r->n_cols, 0, (size_t)r->received * row);
    }
    dg_shared_sync(&r->table);
}

dg_status dg_rows_plan(dg_rows *r, int n_cols, dg_err *err)
{
    const dg_comm *c = &r->nodes->all;
    dg_place *remote = NULL;
    r->n_cols = n_cols;
    choose_batches(r);
    dg_status st = dg_agree(c, allocate_plan(r, &remote, err), err);
    if (st == DG_OK && r->nodes->n > 1) st = dg_forest_start(c, err);
    if (st == DG_OK) {
        cut_batches(r);
        if (leads(r)) place_rows(r, remote);
        dg_shared_sync(&r->marks);
        number_entries(r);
        if (r->forest != NULL) plan_panels(r, remote);
        dg_shared_sync(&r->marks); /* all have read them */
        dg_shared_close(&r->marks);
        open_table(r);
    }
    dg_free(remote);
    return st;
}

int32_t *dg_rows_index(const dg_rows *r) { return r->index; }

float *dg_rows_table(const dg_rows *r) { return (float *)((char *)r->table.at + DG_ALIGN); }

dg_range dg_rows_own(const dg_rows *r)
{
    const int64_t first = r->slot[r->nodes->all.rank];
    return (dg_range){first, first + r->own.end - r->own.begin};
}

int dg_rows_batches(const dg_rows *r) { return r->n_batches; }

dg_range dg_rows_batch(const dg_rows *r, int b) { return (dg_range){r->cut[b], r->cut[b + 1]}; }

/* Panels of all rounds that have arrived at the node: its first rank counts, the others read. */
static atomic_llong *arrived(const dg_rows *r) { return r->table.at; }

static void panel_begin(const dg_rows *r, int b)
{
    float *at = dg_rows_table(r);
    if (r->forest != NULL) dg_forest_begin(r->forest, b, at, at + r->panel[b] * r->n_cols);
}

static void panel_end(const dg_rows *r, int b)
{
    float *at = dg_rows_table(r);
    if (r->forest != NULL) dg_forest_end(r->forest, b, at, at + r->panel[b] * r->n_cols);
}

/* A half that failed may have left rows on their way. */
static void await_all(dg_rows *r)
{
    if (r->round > 0) dg_rows_await(r, r->n_batches - 1);
}

void dg_rows_begin(dg_rows *r)
{
    await_all(r);
    const int64_t row = r->n_cols * (int64_t)sizeof(float);
    dg_shared_sync(&r->table); /* all own rows are written, and nobody reads the last round's */
    r->round++;
    r->awaited = 0;
    panel_begin(r, 0);
    dg_comm__count(DG_TRAFFIC_ROWS, r->sent * row, r->received * row);
}

void dg_rows_await(dg_rows *r, int b)
{
    for (; r->awaited <= b; r->awaited++) {
        const long long there = (r->round - 1) * r->n_batches + r->awaited + 1;
        if (leads(r)) {
            panel_end(r, r->awaited);
            if (r->awaited + 1 < r->n_batches) panel_begin(r, r->awaited + 1);
            atomic_store_explicit(arrived(r), there, memory_order_release);
        } else {
            while (atomic_load_explicit(arrived(r), memory_order_acquire) < there) sched_yield();
        }
    }
}

void dg_rows_poke(const dg_rows *r)
{
    int flag;
    if (r->forest != NULL && r->awaited < r->n_batches)
        dg_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, r->nodes->leaders.comm, &flag,
                          MPI_STATUS_IGNORE),
               &r->nodes->leaders, "progress");
}

void dg_rows_destroy(dg_rows **rows)
{
    dg_rows *r = *rows;
    if (r == NULL) return;
    await_all(r);
    dg_forest_destroy(&r->forest);
    dg_shared_close(&r->marks);
    dg_shared_close(&r->table);
    void *const all[] = {r->begin, r->slot, r->need, r->give, r->cut, r->panel, r->index};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    dg_free(r);
    *rows = NULL;
}
