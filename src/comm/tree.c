#include "comm/tree.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { MAX_NODES = 2 * 13 + 2 }; /* a run of up to 4096 leaves leaves at most 2 log2(S) nodes */

typedef struct dg_node {
    int level, index; /* covers shards [index << level, (index + 1) << level) */
} dg_node;

struct dg_tree {
    const dg_comm *comm;
    int n_shards, n;
    int next; /* the shard whose leaf is being filled */
    int n_nodes;
    dg_node node[MAX_NODES];
    double *value; /* (MAX_NODES, n) stack of finished nodes, the leaf on top */
};

static double *value_at(const dg_tree *t, int k) { return t->value + (size_t)k * (size_t)t->n; }

dg_status dg_tree_create(const dg_comm *c, int n_shards, int n, dg_tree **out, dg_err *err)
{
    assert((n_shards & (n_shards - 1)) == 0);
    dg_tree *t = *out = dg_alloc(1, sizeof *t);
    if (t == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "reduction tree");
    *t = (dg_tree){.comm = c, .n_shards = n_shards, .n = n};
    t->next = dg_shards_run(n_shards, c->rank, c->size).begin;
    t->value = dg_alloc((size_t)MAX_NODES * (size_t)n, sizeof *t->value);
    if (t->value == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "reduction tree of %d numbers", n);
    return DG_OK;
}

double *dg_tree_leaf(dg_tree *t)
{
    assert(t->n_nodes < MAX_NODES);
    return memset(value_at(t, t->n_nodes), 0, (size_t)t->n * sizeof(double));
}

/* Merge finished siblings on top of the stack; left + right, in that order. */
static void fold(dg_tree *t)
{
    while (t->n_nodes >= 2) {
        dg_node *left = &t->node[t->n_nodes - 2], *right = &t->node[t->n_nodes - 1];
        if (left->level != right->level || left->index % 2 != 0 || right->index != left->index + 1)
            return;
        double *into = value_at(t, t->n_nodes - 2);
        const double *from = value_at(t, t->n_nodes - 1);
        for (int k = 0; k < t->n; k++) into[k] += from[k];
        *left = (dg_node){left->level + 1, left->index / 2};
        t->n_nodes--;
    }
}

void dg_tree_push(dg_tree *t)
{
    t->node[t->n_nodes++] = (dg_node){0, t->next++};
    fold(t);
}

/* The nodes rank r is left with once its whole run is folded; the same on every rank. */
static int nodes_of_run(dg_run run, dg_node *node)
{
    int n = 0;
    for (int s = run.begin; s < run.end;) {
        int level = 0;
        while ((s & (1 << level)) == 0 && s + (2 << level) <= run.end && level < 12) level++;
        node[n++] = (dg_node){level, s >> level};
        s += 1 << level;
    }
    return n;
}

void dg_tree_sum(dg_tree *t, double *out)
{
    const dg_comm *c = t->comm;
    dg_tree total = {.comm = c, .n = t->n, .value = NULL};
    double *received = NULL;
    total.value = dg_alloc((size_t)(MAX_NODES + 1) * (size_t)t->n, sizeof(double));
    received = dg_alloc((size_t)MAX_NODES * (size_t)t->n, sizeof(double));
    /* Both are small and every rank is here: running out now is like MPI failing. */
    dg_mpi(total.value && received ? MPI_SUCCESS : MPI_ERR_NO_MEM, c, "ordered sum");
    for (int r = 0; r < c->size; r++) {
        dg_node node[MAX_NODES];
        const int n = nodes_of_run(dg_shards_run(t->n_shards, r, c->size), node);
        double *values = r == c->rank ? t->value : received;
        dg_bcast(c, values, (size_t)n * (size_t)t->n * sizeof(double), r);
        for (int k = 0; k < n; k++) {
            memcpy(value_at(&total, total.n_nodes), values + (size_t)k * (size_t)t->n,
                   (size_t)t->n * sizeof(double));
            total.node[total.n_nodes++] = node[k];
            fold(&total);
        }
    }
    assert(total.n_nodes == 1);
    memcpy(out, total.value, (size_t)t->n * sizeof(double));
    dg_free(total.value);
    dg_free(received);
    t->n_nodes = 0;
    t->next = dg_shards_run(t->n_shards, c->rank, c->size).begin;
}

void dg_tree_destroy(dg_tree **t)
{
    if (*t == NULL) return;
    dg_free((*t)->value);
    dg_free(*t);
    *t = NULL;
}
