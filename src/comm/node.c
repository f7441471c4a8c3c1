#include "comm/node.h"

#include "base/memory.h"

#include <stdlib.h>

/* Ranks to a pretended node; 0: nodes are what they are. */
static int pretended_size(void)
{
    const char *text = getenv("DAOGOU_NODE_SIZE");
    const int n = text == NULL ? 0 : atoi(text);
    return n > 0 ? n : 0;
}

static void open_node(dg_nodes *n)
{
    MPI_Comm shared, node;
    int rank = 0;
    const int size = pretended_size();
    dg_mpi(
        MPI_Comm_split_type(n->all.comm, MPI_COMM_TYPE_SHARED, n->all.rank, MPI_INFO_NULL, &shared),
        &n->all, "split by node");
    MPI_Comm_rank(shared, &rank);
    dg_mpi(MPI_Comm_split(shared, size > 0 ? rank / size : 0, rank, &node), &n->all,
           "split by node");
    dg_comm_init(&n->node, node);
    MPI_Comm_free(&node);
    MPI_Comm_free(&shared);
}

static void open_leaders(dg_nodes *n)
{
    MPI_Comm leaders;
    const int colour = n->node.rank == 0 ? 0 : MPI_UNDEFINED;
    dg_mpi(MPI_Comm_split(n->all.comm, colour, n->all.rank, &leaders), &n->all, "split by leader");
    if (leaders == MPI_COMM_NULL) return;
    dg_comm_init(&n->leaders, leaders);
    MPI_Comm_free(&leaders);
}

static void map_nodes(dg_nodes *n)
{
    n->mine = n->leaders.size > 0 ? n->leaders.rank : 0;
    dg_mpi(MPI_Bcast(&n->mine, 1, MPI_INT, 0, n->node.comm), &n->node, "node index");
    dg_mpi(MPI_Allgather(&n->mine, 1, MPI_INT, n->of, 1, MPI_INT, n->all.comm), &n->all,
           "node map");
    for (int r = 0; r < n->all.size; r++) n->n = n->of[r] >= n->n ? n->of[r] + 1 : n->n;
}

dg_status dg_nodes_open(const dg_comm *c, dg_nodes *out, dg_err *err)
{
    *out = (dg_nodes){.of = dg_alloc((size_t)c->size, sizeof *out->of)};
    dg_status st =
        out->of == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d ranks", c->size) : DG_OK;
    st = dg_agree(c, st, err);
    if (st != DG_OK) {
        dg_free(out->of);
        *out = (dg_nodes){0};
        return st;
    }
    dg_comm_init(&out->all, c->comm);
    open_node(out);
    open_leaders(out);
    map_nodes(out);
    return DG_OK;
}

void dg_nodes_close(dg_nodes *n)
{
    if (n->of == NULL) return;
    if (n->leaders.size > 0) dg_comm_free(&n->leaders);
    dg_comm_free(&n->node);
    dg_comm_free(&n->all);
    dg_free(n->of);
    *n = (dg_nodes){0};
}

void dg_shared_open(const dg_nodes *n, size_t bytes, dg_shared *out)
{
    void *base = NULL;
    MPI_Aint size;
    int unit;
    const MPI_Aint mine = n->node.rank == 0 ? (MPI_Aint)(bytes + DG_ALIGN) : 0;
    *out = (dg_shared){.nodes = n};
    dg_mpi(MPI_Win_allocate_shared(mine, 1, MPI_INFO_NULL, n->node.comm, &base, &out->win),
           &n->node, "shared window");
    dg_mpi(MPI_Win_shared_query(out->win, 0, &size, &unit, &base), &n->node, "shared window");
    dg_mpi(MPI_Win_lock_all(MPI_MODE_NOCHECK, out->win), &n->node, "shared window");
    out->at = (void *)(((uintptr_t)base + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN);
}

void dg_shared_sync(const dg_shared *s)
{
    MPI_Win_sync(s->win);
    dg_mpi(MPI_Barrier(s->nodes->node.comm), &s->nodes->node, "shared memory");
    MPI_Win_sync(s->win);
}

void dg_shared_close(dg_shared *s)
{
    if (s->at == NULL) return;
    MPI_Win_unlock_all(s->win);
    MPI_Win_free(&s->win);
    *s = (dg_shared){0};
}
