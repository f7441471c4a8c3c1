/* node.h - which ranks share memory, and memory they share.
 *
 * Ranks of a node are those that can share memory. DAOGOU_NODE_SIZE=n pretends more nodes than
 * there are: every node falls apart into groups of n ranks, between which rows really travel. It is
 * for tests and measurements on one machine. */
#ifndef DG_COMM_NODE_H
#define DG_COMM_NODE_H
#include "comm/comm.h"

typedef struct dg_nodes {
    dg_comm all;     /* all ranks */
    dg_comm node;    /* ranks that share memory with this one */
    dg_comm leaders; /* the first rank of every node, by node; size 0 on the others */
    int n, mine;     /* nodes, and the one of this rank */
    int *of;         /* (all.size,) node of each rank; nodes are numbered by their first ranks */
} dg_nodes;

/* Memory of a node, seen by all its ranks. */
typedef struct dg_shared {
    void *at; /* 64-byte aligned, the same bytes on every rank of the node */
    MPI_Win win;
    const dg_nodes *nodes;
} dg_shared;

/** Find the nodes; pair with dg_nodes_close. COLLECTIVE. Errors DG_ERR_NOMEM, agreed. */
dg_status dg_nodes_open(const dg_comm *c, dg_nodes *out, dg_err *err);

/** COLLECTIVE, twice-safe. */
void dg_nodes_close(dg_nodes *n);

/** Memory for all ranks of the node, not zeroed; nodes are borrowed. COLLECTIVE in a node.
 *  MPI ends the job where there is none. */
void dg_shared_open(const dg_nodes *n, size_t bytes, dg_shared *out);

/** What every rank wrote before it called this, every rank sees after it. COLLECTIVE in a node. */
void dg_shared_sync(const dg_shared *s);

/** COLLECTIVE in a node, twice-safe. */
void dg_shared_close(dg_shared *s);

#endif
