#include "comm/matrix.h"

#include "base/memory.h"

#include <stdint.h>
#include <string.h>

struct dg_matrix_window {
    dg_comm comm;    /* all ranks */
    dg_comm node;    /* ranks that share memory with this one */
    dg_comm leaders; /* rank 0 of every node; size 0 elsewhere */
    MPI_Win win;
    int64_t *begin; /* (size+1,) first row of each rank */
    int *node_of;   /* (size,) leader index of each rank's node */
};

static void open_node(struct dg_matrix_window *w, const dg_comm *c)
{
    MPI_Comm node, leaders;
    dg_comm_init(&w->comm, c->comm);
    dg_mpi(MPI_Comm_split_type(c->comm, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &node), c,
           "split by node");
    dg_comm_init(&w->node, node);
    MPI_Comm_free(&node);
    const int colour = w->node.rank == 0 ? 0 : MPI_UNDEFINED;
    dg_mpi(MPI_Comm_split(c->comm, colour, c->rank, &leaders), c, "split by leader");
    if (leaders == MPI_COMM_NULL) return;
    dg_comm_init(&w->leaders, leaders);
    MPI_Comm_free(&leaders);
}

/* Tell every rank which leader holds which rank's rows. */
static void map_nodes(struct dg_matrix_window *w)
{
    int mine = w->leaders.size > 0 ? w->leaders.rank : 0;
    dg_mpi(MPI_Bcast(&mine, 1, MPI_INT, 0, w->node.comm), &w->node, "node index");
    dg_mpi(MPI_Allgather(&mine, 1, MPI_INT, w->node_of, 1, MPI_INT, w->comm.comm), &w->comm,
           "node map");
}

/* The window's memory as this rank sees it: the segment of the node's first rank, aligned. */
static float *map_window(struct dg_matrix_window *w, size_t bytes)
{
    void *base = NULL;
    MPI_Aint size;
    int unit;
    const MPI_Aint mine = w->node.rank == 0 ? (MPI_Aint)(bytes + DG_ALIGN) : 0;
    dg_mpi(MPI_Win_allocate_shared(mine, 1, MPI_INFO_NULL, w->node.comm, &base, &w->win), &w->node,
           "shared window");
    dg_mpi(MPI_Win_shared_query(w->win, 0, &size, &unit, &base), &w->node, "shared window");
    dg_mpi(MPI_Win_lock_all(MPI_MODE_NOCHECK, w->win), &w->node, "shared window");
    return (float *)(((uintptr_t)base + DG_ALIGN - 1) / DG_ALIGN * DG_ALIGN);
}

static void zero_own(dg_matrix *m)
{
    if (m->own.end > m->own.begin)
        memset(dg_matrix_row(m, m->own.begin), 0,
               (size_t)(m->own.end - m->own.begin) * (size_t)m->n_cols * sizeof *m->at);
}

dg_status dg_matrix_create(const dg_comm *c, const dg_shards *shards, int n_cols, dg_matrix *out,
                           dg_err *err)
{
    *out = (dg_matrix){.n_rows = shards->begin[shards->n], .n_cols = n_cols};
    out->own = dg_shards_rows(shards, c->rank, c->size);
    struct dg_matrix_window *w = out->window = dg_alloc(1, sizeof *w);
    if (w != NULL) {
        w->begin = dg_alloc((size_t)c->size + 1, sizeof *w->begin);
        w->node_of = dg_alloc((size_t)c->size, sizeof *w->node_of);
    }
    dg_status st = w != NULL && w->begin != NULL && w->node_of != NULL
                       ? DG_OK
                       : DG_FAIL(err, DG_ERR_NOMEM, "factor matrix header");
    st = dg_agree(c, st, err);
    if (st != DG_OK) {
        dg_matrix_destroy(out);
        return st;
    }
    for (int r = 0; r < c->size; r++) w->begin[r + 1] = dg_shards_rows(shards, r, c->size).end;
    open_node(w, c);
    map_nodes(w);
    out->at = map_window(w, (size_t)out->n_rows * (size_t)n_cols * sizeof *out->at);
    zero_own(out);
    dg_matrix_publish(out);
    return DG_OK;
}

/* Leaders pass on the rows of every rank of their node, whole runs at a time. */
static void exchange_nodes(dg_matrix *m)
{
    const struct dg_matrix_window *w = m->window;
    for (int r = 0; r < w->comm.size; r++)
        dg_bcast(&w->leaders, dg_matrix_row(m, w->begin[r]),
                 (size_t)(w->begin[r + 1] - w->begin[r]) * (size_t)m->n_cols * sizeof *m->at,
                 w->node_of[r]);
}

void dg_matrix_publish(dg_matrix *m)
{
    struct dg_matrix_window *w = m->window;
    MPI_Win_sync(w->win);
    dg_mpi(MPI_Barrier(w->node.comm), &w->node, "publish");
    if (w->leaders.size > 1) exchange_nodes(m);
    dg_mpi(MPI_Barrier(w->node.comm), &w->node, "publish");
    MPI_Win_sync(w->win);
}

void dg_matrix_destroy(dg_matrix *m)
{
    struct dg_matrix_window *w = m->window;
    if (w == NULL) return;
    if (m->at != NULL) {
        MPI_Win_unlock_all(w->win);
        MPI_Win_free(&w->win);
        if (w->leaders.size > 0) dg_comm_free(&w->leaders);
        dg_comm_free(&w->node);
        dg_comm_free(&w->comm);
    }
    dg_free(w->begin);
    dg_free(w->node_of);
    dg_free(w);
    *m = (dg_matrix){0};
}
