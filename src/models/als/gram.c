#include "models/als/gram.h"

#include "base/memory.h"
#include "comm/tree.h"
#include "dense/blas.h"

#include <math.h>

enum { ROWS = 256 }; /* rows turned into doubles at a time; fixed, since rounding follows it */

/* What is summed, over rows [begin, end) of one shard. */
typedef struct dg_rows_sum {
    const dg_matrix *m;
    const dg_csr *entries; /* weights of rows, or NULL */
    int k;
    double *panel; /* (ROWS, k) */
} dg_rows_sum;

typedef void dg_add_rows(const dg_rows_sum *s, int64_t begin, int64_t end, double *sum);

/* Rows scaled by the roots of their weights, so that their products carry the weights. */
static void add_gram(const dg_rows_sum *s, int64_t begin, int64_t end, double *sum)
{
    const int n = (int)(end - begin);
    for (int i = 0; i < n; i++) {
        const float *row = dg_matrix_row(s->m, begin + i);
        const double root =
            s->entries == NULL ? 1 : sqrt((double)dg_csr_row(s->entries, begin + i).n);
        for (int j = 0; j < s->k; j++)
            s->panel[(size_t)i * (size_t)s->k + (size_t)j] = root * row[j];
    }
    dg_syrk_add_double(n, s->k, s->panel, sum);
}

static void add_squares(const dg_rows_sum *s, int64_t begin, int64_t end, double *sum)
{
    for (int64_t r = begin; r < end; r++) {
        const float *row = dg_matrix_row(s->m, r);
        const double weight = (double)dg_csr_row(s->entries, r).n;
        for (int j = 0; j < s->k; j++) sum[j] += weight * row[j] * row[j];
    }
}

static dg_status sum_rows(const dg_comm *c, const dg_shards *shards, dg_rows_sum *s,
                          dg_add_rows *add, int n, double *out, dg_err *err)
{
    dg_tree *tree = NULL;
    s->panel = dg_alloc((size_t)ROWS * (size_t)s->k, sizeof *s->panel);
    dg_status st = s->panel == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a Gram matrix")
                                    : dg_tree_create(c, shards->n, n, &tree, err);
    st = dg_agree(c, st, err);
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    for (int k = run.begin; k < run.end && st == DG_OK; k++) {
        double *leaf = dg_tree_leaf(tree);
        for (int64_t r = shards->begin[k]; r < shards->begin[k + 1]; r += ROWS)
            add(s, r, r + ROWS < shards->begin[k + 1] ? r + ROWS : shards->begin[k + 1], leaf);
        dg_tree_push(tree);
    }
    if (st == DG_OK) dg_tree_sum(tree, out);
    dg_tree_destroy(&tree);
    dg_free(s->panel);
    return st;
}

dg_status dg_als_gram(const dg_comm *c, const dg_shards *shards, const dg_matrix *m, int k,
                      const dg_csr *entries, double *out, dg_err *err)
{
    const size_t n = (size_t)k;
    dg_rows_sum s = {.m = m, .entries = entries, .k = k};
    const dg_status st = sum_rows(c, shards, &s, add_gram, k * k, out, err);
    for (size_t i = 0; i < n && st == DG_OK; i++) /* the lower triangle was summed: mirror it */
        for (size_t j = 0; j < i; j++) out[j * n + i] = out[i * n + j];
    return st;
}

dg_status dg_als_squares(const dg_comm *c, const dg_shards *shards, const dg_matrix *m, int k,
                         const dg_csr *entries, double *out, dg_err *err)
{
    dg_rows_sum s = {.m = m, .entries = entries, .k = k};
    return sum_rows(c, shards, &s, add_squares, k, out, err);
}
