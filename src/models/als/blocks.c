#include "models/als/blocks.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/spent.h"
#include "base/stop.h"
#include "comm/tree.h"
#include "dense/blas.h"
#include "models/als/block_rows.h"

#include <omp.h>
#include <string.h>

enum { USERS, ITEMS };
enum { ROWS = 256 }; /* rows in one product; fixed, since rounding follows it */

struct dg_als_blocks {
    const dg_comm *comm;
    int d, n_blocks, n_threads;
    bool has_gram;
    dg_als_block *block; /* (n_blocks,) */
    dg_als_block_half half[2];
    dg_als_workspace **workspace; /* (n_threads,) */
    dg_tree *tree[2];             /* sums of (widest block, d) over the shards of a side */
    double *rows;                 /* (ROWS, d) rows turned into doubles */
    double *sum, *spare;          /* (widest block, d) F_p'F */
    float *gram;                  /* the same times alpha0 */
    int64_t done;                 /* own rows times blocks, for the progress line */
};

/* ---- create ---- */

/* Even blocks: a last one of a column or two would cost a pass like any other. */
static dg_status cut(dg_als_blocks *b, const dg_als_options *o, dg_err *err)
{
    const int64_t n = o->n_factors, size = o->block_size < n ? o->block_size : n;
    b->n_blocks = (int)((n + size - 1) / size);
    b->block = dg_alloc((size_t)b->n_blocks, sizeof *b->block);
    if (b->block == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for blocks");
    for (int k = 0; k < b->n_blocks; k++) {
        const int begin = (int)(n * k / b->n_blocks);
        const bool biased = b->d > n && k == b->n_blocks - 1;
        const int end = (int)(n * (k + 1) / b->n_blocks) + biased;
        b->block[k] = (dg_als_block){begin, end - begin, dg_panel_width(end - begin), biased};
    }
    return DG_OK;
}

static const dg_als_block *widest(const dg_als_blocks *b)
{
    const dg_als_block *most = b->block;
    for (int k = 1; k < b->n_blocks; k++)
        if (b->block[k].n > most->n) most = &b->block[k];
    return most;
}

static dg_status allocate_half(const dg_als_blocks *b, dg_als_block_half *h, dg_err *err)
{
    const dg_csr *ratings = h->given.ratings;
    const size_t own = (size_t)(ratings->end - ratings->begin);
    h->widest = widest(b)->width;
    h->score = dg_alloc((size_t)dg_csr_count(ratings), sizeof *h->score);
    h->loss = dg_alloc(own, sizeof *h->loss);
    if (b->has_gram) h->product = dg_alloc(own * (size_t)h->widest, sizeof *h->product);
    if (h->score != NULL && h->loss != NULL && (!b->has_gram || h->product != NULL)) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the scores of %lld entries",
                   (long long)dg_csr_count(ratings));
}

static dg_status allocate_gram(dg_als_blocks *b, dg_err *err)
{
    const size_t d = (size_t)b->d, n = (size_t)widest(b)->n * d;
    dg_status st = DG_OK;
    b->rows = dg_alloc(ROWS * d, sizeof *b->rows);
    b->sum = dg_alloc(n, sizeof *b->sum);
    b->spare = dg_alloc(n, sizeof *b->spare);
    b->gram = dg_alloc(n, sizeof *b->gram);
    if (b->rows == NULL || b->sum == NULL || b->spare == NULL || b->gram == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for blocks of %d factors", b->d);
    for (int side = 0; side < 2 && st == DG_OK; side++)
        st = dg_tree_create(b->comm, b->half[side].given.shards->n, (int)n, &b->tree[side], err);
    return st;
}

static dg_status allocate(dg_als_blocks *b, dg_err *err)
{
    dg_status st = cut(b, b->half[USERS].given.side.options, err);
    for (int side = 0; side < 2 && st == DG_OK; side++) st = allocate_half(b, &b->half[side], err);
    if (st == DG_OK && b->has_gram) st = allocate_gram(b, err);
    if (st != DG_OK) return st;
    b->workspace = dg_alloc((size_t)b->n_threads, sizeof(dg_als_workspace *));
    if (b->workspace == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for row solves");
    for (int k = 0; k < b->n_threads && st == DG_OK; k++)
        st = dg_als_workspace_create(widest(b)->n, &b->workspace[k], err);
    return st;
}

dg_status dg_als_blocks_create(const dg_comm *c, const dg_als_blocks_half half[2],
                               dg_als_blocks **out, dg_err *err)
{
    dg_als_blocks *b = *out = dg_alloc(1, sizeof *b);
    dg_status st = b == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for blocks") : DG_OK;
    if (st == DG_OK) {
        *b = (dg_als_blocks){
            .comm = c, .d = half[USERS].rows->n_cols, .n_threads = omp_get_max_threads()};
        b->has_gram = half[USERS].side.options->law.loss != DG_ALS_RATINGS;
        for (int side = 0; side < 2; side++)
            b->half[side] = (dg_als_block_half){.given = half[side]};
        st = allocate(b, err);
    }
    st = dg_agree(c, st, err);
    for (int side = 0; side < 2; side++) {
        dg_als_block_half *h = b == NULL ? NULL : &b->half[side];
        if (st == DG_OK) st = dg_matrix_create(c, h->given.shards, h->widest, &h->change, err);
        if (st == DG_OK) st = dg_matrix_create(c, h->given.shards, h->widest, &h->feature, err);
    }
    if (st != DG_OK) dg_als_blocks_destroy(out);
    return st;
}

void dg_als_blocks_destroy(dg_als_blocks **blocks)
{
    dg_als_blocks *b = *blocks;
    if (b == NULL) return;
    for (int side = 0; side < 2; side++) {
        dg_matrix_destroy(&b->half[side].change);
        dg_matrix_destroy(&b->half[side].feature);
        dg_free(b->half[side].score);
        dg_free(b->half[side].product);
        dg_free(b->half[side].loss);
        dg_tree_destroy(&b->tree[side]);
    }
    for (int k = 0; b->workspace != NULL && k < b->n_threads; k++)
        dg_als_workspace_destroy(&b->workspace[k]);
    dg_free(b->workspace);
    dg_free(b->block);
    dg_free(b->rows);
    dg_free(b->sum);
    dg_free(b->spare);
    dg_free(b->gram);
    dg_free(b);
    *blocks = NULL;
}

/* ---- what all rows share ---- */

static void add_shard(const dg_als_blocks *b, const dg_als_block *block, const dg_matrix *m,
                      int64_t begin, int64_t end, double *sum)
{
    for (int64_t r = begin; r < end; r += ROWS) {
        const int n = (int)(end - r < ROWS ? end - r : ROWS);
        const float *from = dg_matrix_row(m, r);
        for (size_t k = 0; k < (size_t)n * (size_t)b->d; k++) b->rows[k] = from[k];
        dg_gram_columns_add_double(n, b->d, b->rows, block->begin, block->n, sum);
    }
}

/* b->sum = F_p'F of a side's rows, b->gram the same times alpha0. */
static void sum_gram(dg_als_blocks *b, int side, const dg_als_block *block)
{
    const dg_als_blocks_half *h = &b->half[side].given;
    const dg_run run = dg_shards_run(h->shards->n, b->comm->rank, b->comm->size);
    const int64_t own = h->rows->own.end - h->rows->own.begin;
    for (int s = run.begin; s < run.end; s++) {
        add_shard(b, block, h->rows, h->shards->begin[s], h->shards->begin[s + 1],
                  dg_tree_leaf(b->tree[side]));
        dg_tree_push(b->tree[side]);
    }
    dg_tree_sum(b->tree[side], b->sum);
    for (size_t k = 0; k < (size_t)block->n * (size_t)b->d; k++)
        b->gram[k] = (float)(h->side.options->law.unobserved_weight * b->sum[k]);
    dg_spent_lap(DG_PHASE_SHARED, own, 2 * own * block->n * b->d, 0);
}

/* alpha0 (F_p'F) x of all own rows, for the gradients. Pieces end with their shard. */
static void multiply(dg_als_blocks *b, int side, const dg_als_block *block)
{
    dg_als_block_half *h = &b->half[side];
    const dg_shards *shards = h->given.shards;
    const dg_matrix *m = h->given.rows;
    const dg_run run = dg_shards_run(shards->n, b->comm->rank, b->comm->size);
#pragma omp parallel for schedule(dynamic, 1) num_threads(b->n_threads)
    for (int s = run.begin; s < run.end; s++)
        for (int64_t r = shards->begin[s]; r < shards->begin[s + 1]; r += ROWS) {
            const int64_t left = shards->begin[s + 1] - r;
            dg_multiply((int)(left < ROWS ? left : ROWS), b->d, block->n, dg_matrix_row(m, r), b->d,
                        b->gram, h->product + (r - m->own.begin) * h->widest, h->widest);
        }
    const int64_t own = m->own.end - m->own.begin;
    dg_spent_lap(DG_PHASE_SHARED, own, 2 * own * block->n * b->d, 0);
}

/* ---- passes over a side's own rows ---- */

/* One row's part of a pass. */
typedef struct dg_pass {
    dg_als_blocks *blocks;
    dg_als_block_half *half, *other;
    const dg_als_block *follow; /* the block the other side has just changed, or NULL */
    const dg_als_block *solve;  /* or NULL: only follow */
    const dg_als_block *show;   /* features to show, or NULL */
    const dg_als_block *whole;  /* columns to show as if all of them were new, or NULL */
    bool starts, ends;          /* scores start anew; the row's loss is wanted */
} dg_pass;

static void pass_row(const dg_pass *p, int64_t row, dg_als_workspace *w)
{
    dg_als_block_half *h = p->half;
    if (p->starts) dg_als__scores_start(h, row);
    if (p->follow != NULL) dg_als__scores_follow(h, p->other, p->follow, row, w);
    if (p->solve != NULL)
        dg_als__block_solve(h, p->other, p->solve, h->product == NULL ? NULL : p->blocks->gram, row,
                            w);
    if (p->whole != NULL) dg_als__show_whole(h, p->whole, row);
    if (p->show != NULL) dg_als__show_features(h, p->show, row);
    if (p->ends) dg_als__block_loss(h, row);
}

/* Which thread takes a row changes nothing. Afterwards its panels are everybody's. COLLECTIVE. */
static void pass(const dg_pass *p)
{
    const dg_csr *own = p->half->given.ratings;
    dg_als_blocks *b = p->blocks;
    dg_spent_flush();
#pragma omp parallel num_threads(b->n_threads)
    {
        dg_als_workspace *w = b->workspace[omp_get_thread_num()];
        dg_spent_mark();
#pragma omp for schedule(dynamic, 16) nowait
        for (int64_t r = own->begin; r < own->end; r++) {
            if (dg_stop_now()) continue; /* given up where ranks agree next */
            pass_row(p, r, w);
            if ((r & 63) == 0 && omp_get_thread_num() == 0)
                dg_progress(b->done + r - own->begin, NULL);
        }
        dg_spent_flush();
    }
    b->done += own->end - own->begin;
    dg_spent_mark();
    if (p->solve != NULL || p->whole != NULL) dg_matrix_share(&p->half->change);
    if (p->show != NULL) dg_matrix_share(&p->half->feature);
    dg_spent_lap(DG_PHASE_EXCHANGE, own->end - own->begin, 0, 0);
}

/* Scores summed from the factors as they are, block by block: all of a block is shown as a change.
 * The items end with the features of the first block. */
static void refresh(dg_als_blocks *b)
{
    dg_als_block_half *users = &b->half[USERS], *items = &b->half[ITEMS];
    pass(&(dg_pass){.blocks = b, .half = items, .other = users, .whole = b->block, .starts = true});
    for (int k = 0; k < b->n_blocks; k++) {
        const dg_als_block *block = &b->block[k], *next = k + 1 < b->n_blocks ? block + 1 : NULL;
        pass(&(dg_pass){.blocks = b,
                        .half = users,
                        .other = items,
                        .starts = k == 0,
                        .follow = block,
                        .whole = block});
        pass(&(dg_pass){.blocks = b,
                        .half = items,
                        .other = users,
                        .follow = block,
                        .whole = next,
                        .show = next == NULL ? b->block : NULL});
    }
}

static dg_status solved(const dg_als_blocks *b, int side, dg_err *err)
{
    const int64_t bad = b->half[side].first_bad;
    dg_status st = DG_OK;
    if (bad != INT64_MAX)
        st = DG_FAIL(err, DG_ERR_NUMERIC,
                     "%s row %lld: its system is not positive definite or not finite",
                     side == USERS ? "users" : "items", (long long)bad);
    st = dg_agree(b->comm, st, err);
    dg_spent_lap(DG_PHASE_WAIT, 0, 0, 0);
    return st;
}

/* Users go on from the items' last change, which was in the block before; items from the users'. */
static dg_status solve_side(dg_als_blocks *b, int side, int k, dg_err *err)
{
    const dg_als_block *block = &b->block[k], *last = &b->block[b->n_blocks - 1];
    dg_als_block_half *h = &b->half[side], *other = &b->half[1 - side];
    if (b->has_gram) {
        sum_gram(b, 1 - side, block);
        multiply(b, side, block);
    }
    h->first_bad = INT64_MAX;
    pass(&(dg_pass){.blocks = b,
                    .half = h,
                    .other = other,
                    .follow = side == ITEMS ? block
                              : k > 0       ? block - 1
                                            : NULL,
                    .solve = block,
                    .show = side == USERS  ? block
                            : block < last ? block + 1
                                           : NULL,
                    .ends = block == last});
    return solved(b, side, err);
}

static void begin_sweep(dg_als_blocks *b)
{
    const dg_csr *users = b->half[USERS].given.ratings, *items = b->half[ITEMS].given.ratings;
    const int64_t n_items = items->end - items->begin, n = users->end - users->begin + n_items;
    b->done = 0;
    dg_progress_begin("blocks", "rows", n * 2 * b->n_blocks + n_items);
}

void dg_als__blocks_begin(dg_als_blocks *b, double mean)
{
    for (int side = 0; side < 2; side++) b->half[side].given.side.mean = mean;
    begin_sweep(b);
    refresh(b);
}

dg_status dg_als__blocks_step(dg_als_blocks *b, int k, dg_err *err)
{
    dg_status st = solve_side(b, USERS, k, err);
    if (st == DG_OK) st = solve_side(b, ITEMS, k, err);
    return st;
}

const float *dg_als__blocks_scores(const dg_als_blocks *b, int side) { return b->half[side].score; }

int dg_als__blocks_count(const dg_als_blocks *b) { return b->n_blocks; }

/* Sum over all pairs of score^2 = <W'W, H'H>, a block of columns at a time: either Gram matrix
 * whole would be more than all the panels. */
static double sum_squares(dg_als_blocks *b)
{
    double sum = 0;
    for (int k = 0; k < b->n_blocks && b->has_gram; k++) {
        const size_t n = (size_t)b->block[k].n * (size_t)b->d;
        sum_gram(b, USERS, &b->block[k]);
        memcpy(b->spare, b->sum, n * sizeof *b->spare);
        sum_gram(b, ITEMS, &b->block[k]);
        for (size_t i = 0; i < n; i++) sum += b->spare[i] * b->sum[i];
    }
    return sum;
}

dg_status dg_als_blocks_sweep(dg_als_blocks *b, double mean, dg_als_row_loss loss[2],
                              double *unseen, dg_err *err)
{
    dg_status st = DG_OK;
    dg_als__blocks_begin(b, mean);
    for (int k = 0; k < b->n_blocks && st == DG_OK; k++) st = dg_als__blocks_step(b, k, err);
    dg_progress_end();
    for (int side = 0; side < 2 && st == DG_OK; side++)
        st = dg_als_sum_loss(b->comm, b->half[side].given.shards, b->half[side].loss, &loss[side],
                             err);
    dg_spent_lap(DG_PHASE_LOSS, 0, 0, 0);
    if (st == DG_OK) *unseen = sum_squares(b);
    return st;
}
