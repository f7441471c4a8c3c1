#include "models/als/long.h"

#include "als/law.h"
#include "base/memory.h"
#include "base/spent.h"
#include "models/als/long_rows.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { BLOCK_NUMBERS = 1 << 17 }; /* summed in one go: 1 MB a node of the tree */

static int rows_of_block(int stat) { return stat < BLOCK_NUMBERS ? BLOCK_NUMBERS / stat : 1; }

double dg_als__long_reg(const dg_als_lockstep *b, int k)
{
    const dg_als_side *s = b->side;
    return dg_als_row_reg(&s->options->law, s->reg, b->l->row[b->pick[k]].counted,
                          s->features->n_rows);
}

/* The part of long row k in shard run.begin + s. */
static dg_row part_of(const dg_als_long *l, int64_t k, int s)
{
    const int64_t *at = l->cut + k * (l->run.end - l->run.begin + 1) + s;
    return (dg_row){.index = l->index + at[0], .value = l->value + at[0], .n = at[1] - at[0]};
}

/* Parts of shards [first, first + n) of all rows of the block, by all threads. */
static void make_parts(const dg_als_lockstep *b, dg_als_part *part, int first, int n)
{
    const size_t width = (size_t)b->n * (size_t)b->stat;
    memset(b->parts, 0, (size_t)n * width * sizeof *b->parts);
#pragma omp parallel num_threads(b->n_threads)
    {
        dg_spent_mark();
#pragma omp for collapse(2) schedule(dynamic)
        for (int s = 0; s < n; s++)
            for (int k = 0; k < b->n; k++)
                part(b, k, part_of(b->l, b->pick[k], first + s), b->w[omp_get_thread_num()],
                     b->parts + (size_t)s * width + (size_t)k * (size_t)b->stat);
        dg_spent_flush();
    }
}

/* Who gets which sums when each rank gets its own rows'. */
static void split_sums(dg_als_lockstep *b)
{
    const dg_als_long *l = b->l;
    int k = 0;
    for (int r = 0; r < l->comm.size; r++) {
        const bool alone = l->comm.size == 1;
        const int64_t end = alone ? INT64_MAX : dg_shards_rows(l->half.solved, r, l->comm.size).end;
        b->begin[r] = k * b->stat;
        if (r == l->comm.rank) b->own.begin = k;
        while (k < b->n && l->row[b->pick[k]].row < end) k++;
        if (r == l->comm.rank) b->own.end = k;
    }
    b->begin[l->comm.size] = k * b->stat;
}

dg_status dg_als__sum_parts(dg_als_lockstep *b, dg_als_part *part, bool everywhere, dg_err *err)
{
    const dg_als_long *l = b->l;
    const int width = b->n * b->stat, n_shards = l->run.end - l->run.begin;
    dg_tree *tree = NULL;
    dg_status st = dg_tree_create(&l->comm, l->half.other->n, width, &tree, err);
    st = dg_agree(&l->comm, st, err);
    if (st != DG_OK) {
        dg_tree_destroy(&tree);
        return st;
    }
    for (int first = 0; first < n_shards; first += b->n_threads) {
        const int n = n_shards - first < b->n_threads ? n_shards - first : b->n_threads;
        make_parts(b, part, first, n);
        for (int s = 0; s < n; s++) {
            memcpy(dg_tree_leaf(tree), b->parts + (size_t)s * (size_t)width,
                   (size_t)width * sizeof *b->parts);
            dg_tree_push(tree);
        }
        dg_matrix_poke(b->side->features);
    }
    dg_spent_mark();
    split_sums(b);
    if (everywhere)
        dg_tree_sum(tree, b->sums);
    else
        dg_tree_deliver(tree, b->begin, b->sums + b->begin[l->comm.rank]);
    dg_spent_lap(DG_PHASE_EXCHANGE, 0, 0, 0);
    dg_tree_destroy(&tree);
    return DG_OK;
}

void dg_als__share_x(dg_als_lockstep *b, const dg_matrix *solution)
{
    const dg_als_long *l = b->l;
    const size_t d = (size_t)l->half.d, width = (size_t)b->width;
    split_sums(b);
    memset(b->x, 0, (size_t)b->n * width * sizeof(float));
    for (int64_t k = b->own.begin; k < b->own.end; k++)
        memcpy(b->x + (size_t)k * width, dg_matrix_row(solution, l->row[b->pick[k]].row),
               d * sizeof(float));
    for (int r = 0; r < l->comm.size; r++) {
        const size_t first = (size_t)(b->begin[r] / b->stat);
        const size_t end = (size_t)(b->begin[r + 1] / b->stat);
        dg_bcast(&l->comm, b->x + first * width, (end - first) * width * sizeof(float), r);
    }
}

static void gram_part(const dg_als_lockstep *b, int k, dg_row part, dg_als_workspace *w,
                      double *out)
{
    const size_t d = (size_t)w->d, width = (size_t)w->width;
    (void)k;
    memset(w->matrix, 0, width * width * sizeof(float));
    memset(w->b, 0, width * sizeof(float));
    for (int64_t first = 0; first < part.n; first += w->capacity) {
        const int n = dg_als__part(w, part, first);
        dg_als__gather(b->side, part, first, 0, n, w);
        dg_als__accumulate(n, w);
    }
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j <= i; j++) *out++ = w->matrix[i * width + j];
    for (size_t i = 0; i < d; i++) *out++ = w->b[i];
}

/* An own row from its sums; false where it cannot be solved. */
static bool solve_summed(const dg_als_lockstep *b, int k, dg_als_workspace *w, float *x)
{
    const double *sum = b->sums + (size_t)k * (size_t)b->stat;
    const size_t d = (size_t)w->d, width = (size_t)w->width;
    dg_als__start_matrix(b->side, dg_als__long_reg(b, k), w);
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j <= i; j++) {
            float *at = w->matrix + i * width + j;
            *at = (float)(*at + *sum++);
        }
    memset(w->b, 0, width * sizeof(float));
    for (size_t i = 0; i < d; i++) w->b[i] = (float)*sum++;
    bool good = dg_als__factor(w);
    for (size_t j = 0; good && j < d; j++) good = isfinite(w->x[j]);
    if (good) memcpy(x, w->x, d * sizeof *x);
    return good;
}

static void note_bad(int64_t row, int64_t *first_bad)
{
#pragma omp critical
    *first_bad = row < *first_bad ? row : *first_bad;
}

static dg_status solve_by_gram(dg_als_lockstep *b, dg_matrix *solution, int64_t *first_bad,
                               dg_err *err)
{
    b->stat = dg_als__gram_numbers(b->l->half.d);
    const dg_status st = dg_als__sum_parts(b, gram_part, false, err);
    if (st != DG_OK) return st;
#pragma omp parallel for schedule(dynamic) num_threads(b->n_threads)
    for (int64_t k = b->own.begin; k < b->own.end; k++) {
        const int64_t row = b->l->row[b->pick[k]].row;
        if (!solve_summed(b, (int)k, b->w[omp_get_thread_num()], dg_matrix_row(solution, row)))
            note_bad(row, first_bad);
    }
    return DG_OK;
}

static void loss_part(const dg_als_lockstep *b, int k, dg_row part, dg_als_workspace *w,
                      double *out)
{
    dg_als_row_loss loss = {0};
    memcpy(w->x, b->x + (size_t)k * (size_t)b->width, (size_t)b->width * sizeof(float));
    for (int64_t first = 0; first < part.n; first += w->capacity) {
        const int n = dg_als__part(w, part, first);
        dg_als__gather(b->side, part, first, 0, n, w);
        dg_als__observe(b->side, n, w, &loss);
    }
    out[0] = loss.observed;
    out[1] = loss.counted_unseen;
}

/* Losses of the own rows of the block, all of which are solved. What CG saw need not be summed. */
static dg_status measure(dg_als_lockstep *b, bool cg, const dg_matrix *solution,
                         dg_als_row_loss *loss, dg_err *err)
{
    const bool seen = cg && dg_als__cg_observes(b->side), sums = b->side->observes && !seen;
    dg_status st = DG_OK;
    b->stat = 2;
    split_sums(b);
    if (sums) {
        dg_als__share_x(b, solution);
        st = dg_als__sum_parts(b, loss_part, false, err);
    }
    for (int64_t k = b->own.begin; k < b->own.end && st == DG_OK; k++) {
        const int64_t row = b->l->row[b->pick[k]].row;
        const float *x = dg_matrix_row(solution, row);
        const double *sum = b->sums + 2 * k, reg = dg_als__long_reg(b, (int)k);
        dg_als_row_loss *to = loss + (row - b->l->half.ratings->begin);
        *to = (dg_als_row_loss){0};
        if (sums) *to = (dg_als_row_loss){sum[0], sum[1], 0};
        if (seen) to->observed = b->seen[k];
        for (int j = 0; j < b->l->half.d; j++) to->regularization += reg * x[j] * x[j];
    }
    return st;
}

/* What CG gave to the own rows; the rest is left in `pick` for the exact way. */
static int take_over(dg_als_lockstep *b, dg_matrix *solution, int *again)
{
    int n = 0;
    split_sums(b);
    for (int k = 0; k < b->n; k++) {
        if (b->failed[k])
            again[n++] = b->pick[k];
        else if (k >= b->own.begin && k < b->own.end)
            memcpy(dg_matrix_row(solution, b->l->row[b->pick[k]].row),
                   b->x + (size_t)k * (size_t)b->width, (size_t)b->l->half.d * sizeof(float));
    }
    return n;
}

static void free_block(dg_als_lockstep *b)
{
    void *const all[] = {b->begin, b->x,      b->residual, b->direction, b->precond,
                         b->start, b->first,  b->seen,     b->busy,      b->failed,
                         b->rz,    b->enough, b->parts,    b->sums};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) dg_free(all[k]);
    for (int t = 0; b->w != NULL && t < b->n_threads; t++) dg_als_workspace_destroy(&b->w[t]);
    dg_free(b->w);
}

/* Buffers for blocks of n rows, of `stat` numbers each. */
static dg_status open_block(const dg_als_long *l, const dg_als_side *s, int n, int stat,
                            dg_als_lockstep *b, dg_err *err)
{
    *b = (dg_als_lockstep){.l = l, .side = s, .n_threads = omp_get_max_threads()};
    b->width = dg_panel_width(l->half.d);
    const size_t rows = (size_t)n, floats = rows * (size_t)b->width;
    const size_t numbers = rows * (size_t)stat;
    bool good = (b->w = dg_alloc((size_t)b->n_threads, sizeof *b->w)) != NULL;
    good = (b->begin = dg_alloc((size_t)l->comm.size + 1, sizeof *b->begin)) != NULL && good;
    good = (b->x = dg_alloc(floats, sizeof(float))) != NULL && good;
    good = (b->residual = dg_alloc(floats, sizeof(float))) != NULL && good;
    good = (b->direction = dg_alloc(floats, sizeof(float))) != NULL && good;
    good = (b->precond = dg_alloc(floats, sizeof(float))) != NULL && good;
    good = (b->start = dg_alloc(floats, sizeof(float))) != NULL && good;
    good = (b->first = dg_alloc(floats, sizeof(float))) != NULL && good;
    good = (b->seen = dg_alloc(rows, sizeof *b->seen)) != NULL && good;
    good = (b->busy = dg_alloc(rows, sizeof *b->busy)) != NULL && good;
    good = (b->failed = dg_alloc(rows, sizeof *b->failed)) != NULL && good;
    good = (b->rz = dg_alloc(rows, sizeof(float))) != NULL && good;
    good = (b->enough = dg_alloc(rows, sizeof(float))) != NULL && good;
    good = (b->parts = dg_alloc((size_t)b->n_threads * numbers, sizeof(double))) != NULL && good;
    good = (b->sums = dg_alloc(numbers, sizeof(double))) != NULL && good;
    dg_status st = good ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "out of memory for long rows");
    for (int t = 0; t < b->n_threads && st == DG_OK; t++)
        st = dg_als_workspace_create(l->half.d, &b->w[t], err);
    return st;
}

/* Rows `pick`, all by one route; those that CG leaves go into `again`, (n,). */
static dg_status solve_picked(const dg_als_long *l, const dg_als_side *s, const int *pick, int n,
                              bool cg, dg_matrix *solution, dg_als_row_loss *loss, int *again,
                              int *n_again, int64_t *first_bad, dg_err *err)
{
    dg_als_lockstep b;
    const int stat = cg ? dg_als__cg_numbers(l->half.d) : dg_als__gram_numbers(l->half.d),
              most = rows_of_block(stat);
    dg_status st = open_block(l, s, n < most ? n : most, stat, &b, err);
    st = dg_agree(&l->comm, st, err);
    for (int first = 0; first < n && st == DG_OK; first += most) {
        b.pick = pick + first;
        b.n = n - first < most ? n - first : most;
        memset(b.failed, 0, (size_t)b.n * sizeof *b.failed);
        if (cg) {
            st = dg_als__long_cg(&b, solution, err);
            if (st == DG_OK) *n_again += take_over(&b, solution, again + *n_again);
        } else {
            st = solve_by_gram(&b, solution, first_bad, err);
        }
        if (st == DG_OK && loss != NULL) st = measure(&b, cg, solution, loss, err);
    }
    free_block(&b);
    return st;
}

dg_status dg_als_long_solve(const dg_als_long *l, const dg_als_side *s, dg_matrix *solution,
                            dg_als_row_loss *loss, int64_t *first_bad, dg_err *err)
{
    int n_gram = 0, n_cg = 0;
    if (l->n == 0) return DG_OK;
    int *gram = dg_alloc((size_t)l->n, sizeof *gram), *cg = dg_alloc((size_t)l->n, sizeof *cg);
    int *again = dg_alloc((size_t)l->n, sizeof *again), n_again = 0;
    dg_status st = gram == NULL || cg == NULL || again == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for long rows")
                       : DG_OK;
    st = dg_agree(&l->comm, st, err);
    for (int64_t k = 0; k < l->n && st == DG_OK; k++)
        if (dg_als__long_by_cg(l, k))
            cg[n_cg++] = (int)k;
        else
            gram[n_gram++] = (int)k;
    if (st == DG_OK && n_cg > 0)
        st = solve_picked(l, s, cg, n_cg, true, solution, loss, again, &n_again, first_bad, err);
    if (st == DG_OK && n_gram > 0)
        st = solve_picked(l, s, gram, n_gram, false, solution, loss, NULL, NULL, first_bad, err);
    if (st == DG_OK && n_again > 0)
        st = solve_picked(l, s, again, n_again, false, solution, loss, NULL, NULL, first_bad, err);
    dg_free(gram);
    dg_free(cg);
    dg_free(again);
    return st;
}
