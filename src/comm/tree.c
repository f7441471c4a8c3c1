#include "comm/tree.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { MAX_LEVELS = 12, MAX_NODES = 2 * MAX_LEVELS + 2 };
_Static_assert(1 << MAX_LEVELS == DG_SHARDS_MAX, "a tree is as deep as there may be shards");

typedef struct dg_node {
    int level, index; /* covers shards [index << level, (index + 1) << level) */
} dg_node;

/* Finished nodes in shard order, of which none are siblings. */
typedef struct dg_stack {
    int n;
    dg_node node[MAX_NODES];
    int width;
    double *value; /* (capacity, width) of the nodes; the next one is written on top */
} dg_stack;

struct dg_tree {
    const dg_comm *comm;
    int n_shards, width;
    int *count;     /* (size,) numbers of a delivery to each rank */
    int next;       /* the shard whose leaf is being filled */
    dg_stack own;   /* of this rank's run: at most 2 log2(S) nodes and the leaf */
    dg_stack total; /* of all ranks up to one: at most log2(S) nodes and the next one */
};

static double *top_of(const dg_stack *s) { return s->value + (size_t)s->n * (size_t)s->width; }

dg_status dg_tree_create(const dg_comm *c, int n_shards, int n, dg_tree **out, dg_err *err)
{
    assert((n_shards & (n_shards - 1)) == 0 && n_shards <= DG_SHARDS_MAX);
    size_t levels = 0;
    while (1 << levels < n_shards) levels++;
    dg_tree *t = *out = dg_alloc(1, sizeof *t);
    if (t == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an ordered sum");
    *t = (dg_tree){.comm = c, .n_shards = n_shards, .width = n};
    t->next = dg_shards_run(n_shards, c->rank, c->size).begin;
    t->own.width = n;
    t->own.value = dg_alloc((2 * levels + 1) * (size_t)n, sizeof(double));
    t->total.value = dg_alloc((levels + 2) * (size_t)n, sizeof(double));
    t->count = dg_alloc((size_t)c->size, sizeof *t->count);
    if (t->own.value != NULL && t->total.value != NULL && t->count != NULL) return DG_OK;
    dg_tree_destroy(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for an ordered sum of %d numbers", n);
}

double *dg_tree_leaf(dg_tree *t)
{
    return memset(top_of(&t->own), 0, (size_t)t->width * sizeof(double));
}

/* Merge finished siblings on top of the stack; left + right, in that order. */
static void fold(dg_stack *s)
{
    while (s->n >= 2) {
        dg_node *left = &s->node[s->n - 2], *right = &s->node[s->n - 1];
        if (left->level != right->level || left->index % 2 != 0 || right->index != left->index + 1)
            return;
        const double *from = top_of(s) - s->width;
        double *into = top_of(s) - 2 * s->width;
        for (int k = 0; k < s->width; k++) into[k] += from[k];
        *left = (dg_node){left->level + 1, left->index / 2};
        s->n--;
    }
}

void dg_tree_push(dg_tree *t)
{
    t->own.node[t->own.n++] = (dg_node){0, t->next++};
    fold(&t->own);
}

/* The nodes rank r is left with once its whole run is folded; the same on every rank. */
static int nodes_of_run(dg_run run, dg_node *node)
{
    int n = 0;
    for (int s = run.begin; s < run.end;) {
        int level = 0;
        while ((s & (1 << level)) == 0 && s + (2 << level) <= run.end) level++;
        node[n++] = (dg_node){level, s >> level};
        s += 1 << level;
    }
    return n;
}

/* The sum is whole: hand it out, and start anew. */
static void finish(dg_tree *t, double *out)
{
    assert(t->total.n == 1);
    memcpy(out, t->total.value, (size_t)t->total.width * sizeof *out);
    t->total.n = t->own.n = 0;
    t->next = dg_shards_run(t->n_shards, t->comm->rank, t->comm->size).begin;
}

void dg_tree_sum(dg_tree *t, double *out)
{
    const dg_comm *c = t->comm;
    const size_t bytes = (size_t)t->width * sizeof(double);
    dg_stack *total = &t->total;
    total->width = t->width;
    for (int r = 0; r < c->size; r++) {
        dg_node node[MAX_NODES];
        const int n = nodes_of_run(dg_shards_run(t->n_shards, r, c->size), node);
        for (int k = 0; k < n; k++) {
            double *value = top_of(total);
            if (r == c->rank) memcpy(value, t->own.value + (size_t)k * (size_t)t->width, bytes);
            dg_bcast(c, value, bytes, r);
            total->node[total->n++] = node[k];
            fold(total);
        }
    }
    finish(t, out);
}

/* Node k of rank r: everybody's part of it on top of their stacks. */
static void scatter(const dg_tree *t, int r, int k, const int *count, const int *begin)
{
    const dg_comm *c = t->comm;
    const dg_stack *total = &t->total;
    const double *from = t->own.value + (size_t)k * (size_t)t->width;
    const int64_t mine = (int64_t)count[c->rank] * (int64_t)sizeof(double);
    const int64_t all = (int64_t)t->width * (int64_t)sizeof(double);
    dg_mpi(MPI_Scatterv(from, count, begin, MPI_DOUBLE, top_of(total), count[c->rank], MPI_DOUBLE,
                        r, c->comm),
           c, "delivery of sums");
    if (r == c->rank)
        dg_comm__count(DG_TRAFFIC_SUMS, all - mine, 0);
    else
        dg_comm__count(DG_TRAFFIC_SUMS, 0, mine);
}

void dg_tree_deliver(dg_tree *t, const int *begin, double *out)
{
    const dg_comm *c = t->comm;
    dg_stack *total = &t->total;
    for (int r = 0; r < c->size; r++) t->count[r] = begin[r + 1] - begin[r];
    total->width = t->count[c->rank];
    for (int r = 0; r < c->size; r++) {
        dg_node node[MAX_NODES];
        const int n = nodes_of_run(dg_shards_run(t->n_shards, r, c->size), node);
        for (int k = 0; k < n; k++) {
            scatter(t, r, k, t->count, begin);
            total->node[total->n++] = node[k];
            fold(total);
        }
    }
    finish(t, out);
}

/* Nodes that a rank is left with, and sends. */
static int64_t count_nodes(int n_shards, int rank, int size)
{
    dg_node node[MAX_NODES];
    return nodes_of_run(dg_shards_run(n_shards, rank, size), node);
}

int64_t dg_tree_sum_bytes(int n_shards, int size, int64_t n)
{
    int64_t nodes = 0;
    for (int r = 0; r < size; r++) nodes += count_nodes(n_shards, r, size);
    return nodes * (size - 1) * n * (int64_t)sizeof(double);
}

int64_t dg_tree_deliver_bytes(int n_shards, int size, int owner, int64_t n)
{
    int64_t nodes = 0;
    for (int r = 0; r < size; r++) nodes += r == owner ? 0 : count_nodes(n_shards, r, size);
    return nodes * n * (int64_t)sizeof(double);
}

void dg_tree_destroy(dg_tree **t)
{
    if (*t == NULL) return;
    dg_free((*t)->own.value);
    dg_free((*t)->total.value);
    dg_free((*t)->count);
    dg_free(*t);
    *t = NULL;
}
