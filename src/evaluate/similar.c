#include "evaluate/similar.h"

#include "base/memory.h"

#include <math.h>

dg_status dg_similar_create(const dg_comm *c, const dg_dataset *d, dg_similar *out, dg_err *err)
{
    *out = (dg_similar){.sum = dg_alloc((size_t)d->users.begin[d->users.n], sizeof *out->sum)};
    const dg_status st = dg_agree(
        c, out->sum == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for similar items") : DG_OK,
        err);
    return st == DG_OK ? dg_node_csr_create(c, &d->items, &d->train_by_item, &out->users, err) : st;
}

void dg_similar_free(dg_similar *s)
{
    dg_node_csr_destroy(&s->users);
    dg_free(s->sum);
    *s = (dg_similar){0};
}

/* An item's cosines with those before it, together; then it is among them. */
static double add_item(dg_similar *s, int32_t item)
{
    const dg_node_row users = dg_node_csr_row(&s->users, item);
    const double weight = 1 / sqrt(fmax((double)users.n, 1));
    double with = 0;
    for (int64_t e = 0; e < users.n; e++) {
        double *sum = &s->sum[users.entry[e].index];
        with += *sum;
        *sum += weight;
    }
    return weight * with;
}

void dg_similar_list(dg_similar *s, const dg_hit *list, int n_list, const int *k, int n_k,
                     double *out)
{
    double total = 0;
    int rank = 0;
    for (int j = 0; j < n_k; j++) {
        for (; rank < k[j] && rank < n_list; rank++) total += add_item(s, list[rank].index);
        out[j] = rank > 1 ? total / (0.5 * rank * (rank - 1)) : 0;
    }
    for (int r = 0; r < rank; r++) {
        const dg_node_row users = dg_node_csr_row(&s->users, list[r].index);
        for (int64_t e = 0; e < users.n; e++) s->sum[users.entry[e].index] = 0;
    }
}
