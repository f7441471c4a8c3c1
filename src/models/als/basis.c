#include "models/als/basis.h"

#include "base/memory.h"
#include "base/spent.h"
#include "dense/blas.h"
#include "models/als/gram.h"

#include <math.h>
#include <string.h>

enum { ROWS = 256 }; /* rows rotated at a time; fixed, since rounding follows it */

dg_status dg_als_basis_create(int k, dg_als_basis *out, dg_err *err)
{
    const size_t n = (size_t)k;
    *out = (dg_als_basis){.k = k};
    out->gram = dg_alloc(n * n, sizeof *out->gram);
    out->value = dg_alloc(n, sizeof *out->value);
    out->rotation = dg_alloc(n * n, sizeof *out->rotation);
    out->block = dg_alloc(ROWS * n, sizeof *out->block);
    out->average = dg_alloc(n, sizeof *out->average);
    if (out->gram && out->value && out->rotation && out->block && out->average) return DG_OK;
    dg_als_basis_free(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a basis of %d factors", k);
}

void dg_als_basis_free(dg_als_basis *b)
{
    dg_free(b->gram);
    dg_free(b->value);
    dg_free(b->rotation);
    dg_free(b->block);
    dg_free(b->average);
    *b = (dg_als_basis){0};
}

/* Rank 0 alone decomposes: eigenvectors may differ in sign from one machine to the next. */
static dg_status decompose(const dg_comm *c, dg_als_basis *b, dg_err *err)
{
    const size_t n = (size_t)b->k * (size_t)b->k;
    dg_status st = DG_OK;
    bool finite = true;
    for (size_t k = 0; k < n && finite; k++) finite = isfinite(b->gram[k]);
    if (!finite)
        st = DG_FAIL(err, DG_ERR_NUMERIC, "the Gram matrix of the factors is not finite");
    else if (c->rank == 0)
        st = dg_eigen(b->k, b->gram, b->value, err);
    st = dg_agree(c, st, err);
    if (st != DG_OK) return st;
    dg_bcast(c, b->gram, n * sizeof *b->gram, 0);
    dg_bcast(c, b->value, (size_t)b->k * sizeof *b->value, 0);
    for (size_t k = 0; k < n; k++) b->rotation[k] = (float)b->gram[k];
    return DG_OK;
}

static void rotate_own(const dg_comm *c, const dg_als_basis *b, const dg_shards *shards,
                       dg_matrix *m)
{
    const int64_t n_own = m->own.end - m->own.begin;
    const dg_run run = dg_shards_run(shards->n, c->rank, c->size);
    for (int s = run.begin; s < run.end; s++)
        for (int64_t r = shards->begin[s]; r < shards->begin[s + 1]; r += ROWS) {
            const int64_t left = shards->begin[s + 1] - r;
            const int n = (int)(left < ROWS ? left : ROWS);
            dg_rotate(n, b->k, dg_matrix_row(m, r), m->n_cols, b->rotation, b->block);
            for (int i = 0; i < n; i++)
                memcpy(dg_matrix_row(m, r + i), b->block + (size_t)i * (size_t)b->k,
                       (size_t)b->k * sizeof(float));
        }
    dg_spent_lap(DG_PHASE_ROTATE, n_own, 2 * n_own * b->k * b->k, 0);
}

dg_status dg_als_basis_enter(const dg_comm *c, dg_als_basis *b, const dg_shards *shards,
                             dg_als_table *table, const dg_csr *entries, bool weighted,
                             const dg_shards *other_shards, dg_matrix *other, dg_err *err)
{
    dg_matrix *features = table->factors;
    const int64_t k3 = (int64_t)b->k * b->k * b->k, n_own = features->own.end - features->own.begin;
    int64_t n_entries = dg_csr_count(entries);
    dg_status st = dg_als_gram(c, shards, features, b->k, weighted ? entries : NULL, b->gram, err);
    dg_spent_lap(DG_PHASE_SHARED, n_own, n_own * b->k * (b->k + 1), 0);
    if (st == DG_OK) st = decompose(c, b, err);
    dg_spent_lap(DG_PHASE_EIGEN, 0, c->rank == 0 ? 9 * k3 : 0, 0);
    if (st != DG_OK) return st;
    rotate_own(c, b, shards, features);
    dg_als_table_publish(c, table);
    dg_spent_lap(DG_PHASE_EXCHANGE, n_own, 0, 0);
    rotate_own(c, b, other_shards, other);
    double *squares = b->gram; /* its vectors are in `rotation` by now */
    st = dg_als_squares(c, shards, features, b->k, entries, squares, err);
    dg_spent_lap(DG_PHASE_SHARED, n_own, 2 * n_own * b->k, 0);
    dg_sum_int64(c, &n_entries, 1);
    for (int k = 0; k < b->k && st == DG_OK; k++)
        b->average[k] = n_entries > 0 ? (float)(squares[k] / (double)n_entries) : 0;
    return st;
}
