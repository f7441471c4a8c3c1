#include "models/weights/columns.h"

#include "base/memory.h"
#include "comm/tree.h"

enum { TERMS = sizeof(dg_column_terms) / sizeof(double) };

dg_status dg_columns_create(dg_range own, int64_t most, dg_columns *out, dg_err *err)
{
    const int64_t n = own.end - own.begin;
    *out = (dg_columns){.next = own.begin};
    const dg_status st = dg_csr_create(own.begin, own.end, n * most, &out->own, err);
    if (st != DG_OK) return st;
    out->term = dg_alloc((size_t)n, sizeof *out->term);
    if (out->term != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for columns of weights");
}

void dg_columns_free(dg_columns *c)
{
    dg_csr_free(&c->own);
    dg_free(c->term);
    *c = (dg_columns){0};
}

dg_status dg_columns_sum(const dg_comm *c, const dg_shards *items, const dg_column_terms *own,
                         dg_column_terms *out, dg_err *err)
{
    const dg_run run = dg_shards_run(items->n, c->rank, c->size);
    const int64_t first = items->begin[run.begin];
    double sum[TERMS];
    dg_tree *tree = NULL;
    const dg_status st = dg_agree(c, dg_tree_create(c, items->n, TERMS, &tree, err), err);
    for (int s = run.begin; s < run.end && st == DG_OK; s++) {
        double *leaf = dg_tree_leaf(tree);
        for (int64_t j = items->begin[s]; j < items->begin[s + 1]; j++) {
            const dg_column_terms *t = &own[j - first];
            leaf[0] += t->residual;
            leaf[1] += t->regularization;
            leaf[2] += t->squares;
            leaf[3] += t->dropped;
        }
        dg_tree_push(tree);
    }
    if (st == DG_OK) dg_tree_sum(tree, sum);
    dg_tree_destroy(&tree);
    if (st == DG_OK) *out = (dg_column_terms){sum[0], sum[1], sum[2], sum[3]};
    return st;
}
