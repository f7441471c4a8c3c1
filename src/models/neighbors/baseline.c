#include "models/neighbors/baseline.h"

#include "base/memory.h"
#include "comm/tree.h"

/* Mean of all training ratings, summed in the shards' fixed order. */
static dg_status find_mean(const dg_comm *c, const dg_dataset *d, double *mean, dg_err *err)
{
    dg_tree *tree = NULL;
    double sum = 0;
    const dg_status st = dg_agree(c, dg_tree_create(c, d->users.n, 1, &tree, err), err);
    if (st != DG_OK) {
        dg_tree_destroy(&tree);
        return st;
    }
    const dg_run run = dg_shards_run(d->users.n, c->rank, c->size);
    for (int s = run.begin; s < run.end; s++) {
        double *leaf = dg_tree_leaf(tree);
        const int64_t first = d->train.ptr[d->users.begin[s] - d->train.begin];
        const int64_t end = d->train.ptr[d->users.begin[s + 1] - d->train.begin];
        for (int64_t k = first; k < end; k++) *leaf += (double)d->train.value[k];
        dg_tree_push(tree);
    }
    dg_tree_sum(tree, &sum);
    dg_tree_destroy(&tree);
    *mean = d->n_train > 0 ? sum / (double)d->n_train : 0;
    return DG_OK;
}

/* How far a row's ratings lie from `mean`, less the biases of their columns where given. */
static float deviation(dg_row row, double mean, const float *bias, double damping)
{
    double sum = 0;
    for (int64_t k = 0; k < row.n; k++)
        sum += (double)row.value[k] - mean - (bias == NULL ? 0 : (double)bias[row.index[k]]);
    return row.n > 0 ? (float)(sum / ((double)row.n + damping)) : 0;
}

static void fill_items(const dg_dataset *d, int center, double damping, dg_baseline *b)
{
    for (int64_t i = b->item.own.begin; i < b->item.own.end; i++) {
        const float away = deviation(dg_csr_row(&d->train_by_item, i), b->mean, NULL, damping);
        *dg_matrix_row(&b->item, i) = center == DG_CENTER_ITEM   ? (float)b->mean + away
                                      : center == DG_CENTER_BOTH ? away
                                                                 : 0;
    }
}

static void fill_users(const dg_dataset *d, int center, double damping, dg_baseline *b)
{
    if (center != DG_CENTER_USER && center != DG_CENTER_BOTH) return;
    const float *bias = center == DG_CENTER_BOTH ? b->item.at : NULL;
    for (int64_t u = b->own.begin; u < b->own.end; u++) {
        const dg_row shown = dg_csr_row(&d->fold_in, u);
        const dg_row row = shown.n > 0 ? shown : dg_csr_row(&d->train, u);
        b->user[u - b->own.begin] = (float)b->mean + deviation(row, b->mean, bias, damping);
    }
}

dg_status dg_baseline_create(const dg_comm *c, const dg_dataset *d, int center, double damping,
                             dg_baseline *out, dg_err *err)
{
    *out = (dg_baseline){.own = {d->train.begin, d->train.end}};
    out->user = dg_alloc((size_t)(out->own.end - out->own.begin), sizeof *out->user);
    dg_status st =
        out->user == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for means") : DG_OK;
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = dg_matrix_create(c, &d->items, 1, &out->item, err);
    if (st == DG_OK) st = find_mean(c, d, &out->mean, err);
    if (st == DG_OK) {
        fill_items(d, center, damping, out);
        dg_matrix_share(&out->item);
        fill_users(d, center, damping, out);
    } else {
        dg_baseline_free(out);
    }
    return st;
}

void dg_baseline_free(dg_baseline *b)
{
    dg_free(b->user);
    dg_matrix_destroy(&b->item);
    *b = (dg_baseline){0};
}
