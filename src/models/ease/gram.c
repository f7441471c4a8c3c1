#include "models/ease/gram.h"

#include "base/log.h"
#include "base/memory.h"

#include <omp.h>
#include <string.h>

enum { BATCH = 1 << 19 }; /* entries, or rows, shown to all ranks at a time, and one row more */

/* Rows of some users of one rank, as all ranks see them. */
typedef struct dg_batch {
    int64_t n_rows, n_entries;
    int64_t *length; /* (n_rows,) */
    int32_t *index;  /* (n_entries,) */
    float *value;    /* (n_entries,) */
} dg_batch;

/* One thread's view of a row: the entries that are rows here. */
typedef struct dg_marks {
    int32_t *row;  /* where here */
    int32_t *item; /* which of the matrix */
    float *value;
} dg_marks;

typedef struct dg_gram {
    dg_tiles tiles;
    bool binary;
    dg_batch batch;
    dg_marks *marks; /* (threads,) each as long as the longest row */
    int n_threads;
} dg_gram;

/* Take rows from `next` on; the user after the last one taken. */
static int64_t take(dg_batch *b, const dg_csr *users, int64_t next)
{
    b->n_rows = b->n_entries = 0;
    for (; next < users->end && b->n_entries < BATCH && b->n_rows < BATCH; next++) {
        const dg_row row = dg_csr_row(users, next);
        b->length[b->n_rows++] = row.n;
        memcpy(b->index + b->n_entries, row.index, (size_t)row.n * sizeof *row.index);
        memcpy(b->value + b->n_entries, row.value, (size_t)row.n * sizeof *row.value);
        b->n_entries += row.n;
    }
    return next;
}

static int64_t count_batches(const dg_csr *users)
{
    int64_t n = 0, entries = 0, rows = 0;
    for (int64_t u = users->begin; u < users->end; u++) {
        if (rows == 0) n++;
        entries += dg_csr_row(users, u).n;
        rows++;
        if (entries >= BATCH || rows >= BATCH) entries = rows = 0;
    }
    return n;
}

static void show(const dg_comm *c, dg_batch *b, int root)
{
    int64_t head[2] = {b->n_rows, b->n_entries};
    dg_bcast(c, head, sizeof head, root);
    b->n_rows = head[0];
    b->n_entries = head[1];
    dg_bcast(c, b->length, (size_t)b->n_rows * sizeof *b->length, root);
    dg_bcast(c, b->index, (size_t)b->n_entries * sizeof *b->index, root);
    dg_bcast(c, b->value, (size_t)b->n_entries * sizeof *b->value, root);
}

/* Add one user's pairs whose column is this thread's. Columns go round the threads. */
static void add_row(const dg_gram *g, const dg_marks *m, const int32_t *index, const float *value,
                    int64_t n, int thread)
{
    const dg_tiles *t = &g->tiles;
    int64_t rows = 0, below = 0;
    for (int64_t k = 0; k < n; k++) {
        const int32_t r = t->place_row[index[k]];
        if (r < 0) continue;
        m->row[rows] = r;
        m->item[rows] = index[k];
        m->value[rows++] = g->binary ? 1 : value[k];
    }
    for (int64_t k = 0; k < n; k++) {
        const int32_t c = t->place_column[index[k]];
        if (c < 0 || c % g->n_threads != thread) continue;
        double *column = t->at + (int64_t)c * t->stride;
        const double x = g->binary ? 1 : (double)value[k];
        while (below < rows && m->item[below] < index[k]) below++;
        for (int64_t r = below; r < rows; r++) column[m->row[r]] += x * (double)m->value[r];
    }
}

static void add_batch(const dg_gram *g)
{
#pragma omp parallel num_threads(g->n_threads)
    {
        const int thread = omp_get_thread_num();
        int64_t at = 0;
        for (int64_t r = 0; r < g->batch.n_rows; at += g->batch.length[r++])
            add_row(g, &g->marks[thread], g->batch.index + at, g->batch.value + at,
                    g->batch.length[r], thread);
    }
}

/* The greatest of all ranks. */
typedef struct dg_extent {
    int64_t rows, entries, longest;
} dg_extent;

static dg_extent measure(const dg_comm *c, const dg_csr *users)
{
    int64_t most[] = {users->end - users->begin, dg_csr_count(users), 0};
    for (int64_t u = users->begin; u < users->end; u++)
        if (dg_csr_row(users, u).n > most[2]) most[2] = dg_csr_row(users, u).n;
    dg_max_int64(c, most, 3);
    return (dg_extent){most[0], most[1], most[2]};
}

static dg_status allocate(dg_gram *g, dg_extent e, dg_err *err)
{
    const size_t rows = (size_t)(e.rows < BATCH ? e.rows : BATCH);
    const size_t most = (size_t)(e.entries < BATCH ? e.entries : BATCH + e.longest);
    const size_t longest = (size_t)e.longest;
    g->batch.length = dg_alloc(rows, sizeof *g->batch.length);
    g->batch.index = dg_alloc(most, sizeof *g->batch.index);
    g->batch.value = dg_alloc(most, sizeof *g->batch.value);
    g->marks = dg_alloc((size_t)g->n_threads, sizeof *g->marks);
    bool good = g->batch.length != NULL && g->batch.index != NULL && g->batch.value != NULL &&
                g->marks != NULL;
    for (int k = 0; good && k < g->n_threads; k++) {
        dg_marks *m = &g->marks[k];
        m->row = dg_alloc(longest, sizeof *m->row);
        m->item = dg_alloc(longest, sizeof *m->item);
        m->value = dg_alloc(longest, sizeof *m->value);
        good = m->row != NULL && m->item != NULL && m->value != NULL;
    }
    return good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the Gram matrix");
}

static void release(dg_gram *g)
{
    for (int k = 0; g->marks != NULL && k < g->n_threads; k++) {
        dg_free(g->marks[k].row);
        dg_free(g->marks[k].item);
        dg_free(g->marks[k].value);
    }
    dg_free(g->marks);
    dg_free(g->batch.length);
    dg_free(g->batch.index);
    dg_free(g->batch.value);
}

dg_status dg_ease_gram(const dg_comm *c, const dg_csr *users, bool binary, dg_symmetric *gram,
                       dg_err *err)
{
    dg_gram g = {.tiles = dg_symmetric_tiles(gram), .binary = binary};
    const int64_t mine = count_batches(users);
    const dg_extent extent = measure(c, users);
    g.n_threads = omp_get_max_threads();
    int64_t *batches = dg_alloc((size_t)c->size, sizeof *batches);
    dg_status st =
        batches == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory") : allocate(&g, extent, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) {
        int64_t done = 0, total = 0, next = users->begin;
        dg_gather_int64(c, &mine, 1, batches);
        for (int r = 0; r < c->size; r++) total += batches[r];
        dg_progress_begin("counting pairs of items", "batch", total);
        for (int r = 0; r < c->size; r++)
            for (int64_t k = 0; k < batches[r] && st == DG_OK; k++) {
                if (r == c->rank) next = take(&g.batch, users, next);
                show(c, &g.batch, r);
                add_batch(&g);
                dg_progress(++done, NULL);
                st = dg_agree(c, DG_OK, err); /* a stop asked for comes through here */
            }
        dg_progress_end();
    }
    dg_free(batches);
    release(&g);
    return st;
}
