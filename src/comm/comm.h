/* comm.h - a communicator whose ranks agree: on errors, on arguments, on sums of integers.
 *
 * The rule: between two collectives no rank returns or jumps on a value that was not agreed.
 * MPI itself failing is the one thing nobody can agree on: it prints rank and call and aborts. */
#ifndef DG_COMM_COMM_H
#define DG_COMM_COMM_H
#include "base/pulse.h"
#include "base/status.h"

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dg_comm {
    MPI_Comm comm; /* private duplicate, returns errors */
    int rank, size;
} dg_comm;

/** Duplicate `outer`; pair with dg_comm_free. COLLECTIVE. */
void dg_comm_init(dg_comm *c, MPI_Comm outer);

/** The ranks of one color as a communicator of their own, in their order; pair with dg_comm_free.
 *  COLLECTIVE over `outer`. */
void dg_comm_split(const dg_comm *outer, int color, dg_comm *out);

/** COLLECTIVE. */
void dg_comm_free(dg_comm *c);

/** Ranks that share this rank's node, never a pretended one (node.h). COLLECTIVE. */
int dg_comm_node_size(const dg_comm *c);

/** Processors that those ranks may run on, all together: each may be bound to a few. COLLECTIVE. */
int dg_comm_node_processors(const dg_comm *c);

/** Every MPI call goes through it: whoever watches the process sees that it waits for others in
 *  `what`, a literal; and the whole job stops when the call did not succeed. */
#define dg_mpi(call, c, what) (dg_comm__wait(what), dg_comm__check((call), (c), (what)))

/** Seconds the main thread has spent in MPI so far: moving data, and waiting for others. LOCAL. */
double dg_comm_waited(void);

/** What dg_mpi does before the call. LOCAL. */
void dg_comm__wait(const char *what);

/** What dg_mpi does after the call. LOCAL. */
void dg_comm__check(int code, const dg_comm *c, const char *what);

/**
 * Make one rank's failure everybody's: the worst status wins, the lowest rank among equals, and
 * its text, hint and rank replace `err` everywhere. An error agreed on once keeps the rank it came
 * from when it is agreed on again. A rank that is to stop (dg_stop_now) fails with DG_ERR_AGAIN.
 * COLLECTIVE.
 * Cost  one small all-reduce; broadcasts of the record on failure only.
 */
dg_status dg_agree(const dg_comm *c, dg_status mine, dg_err *err);

/** DG_ERR_DIFFER unless `value` is the same on every rank. COLLECTIVE, one small all-reduce. */
dg_status dg_agree_same(const dg_comm *c, const char *what, int64_t value, dg_err *err);

/** Element-wise sum, in place; integers, hence exact in any order. COLLECTIVE. */
void dg_sum_int64(const dg_comm *c, int64_t *v, int n);

/** Element-wise sum of which this rank gets its part: of v, cut into consecutive parts of count[r]
 *  whole numbers of `width` (4 or 8) bytes for each rank r, the sum of part c->rank ends up at the
 *  start of v. Exact in any order. COLLECTIVE. */
void dg_sum_scatter(const dg_comm *c, void *v, size_t width, const int *count);

/** Element-wise maximum, in place. COLLECTIVE. */
void dg_max_int64(const dg_comm *c, int64_t *v, int n);

/** Sum of v over the ranks before this one (0 on rank 0). COLLECTIVE. */
int64_t dg_prefix_int64(const dg_comm *c, int64_t v);

/** n values from every rank into all (size, n), in rank order. COLLECTIVE. */
void dg_gather_int64(const dg_comm *c, const int64_t *mine, int n, int64_t *all);

/** Broadcast any number of bytes from `root`. COLLECTIVE. */
void dg_bcast(const dg_comm *c, void *bytes, size_t n, int root);

/* What travels between ranks, by what it is. The first two are the same for every run of the same
 * job on the same ranks and nodes; docs/performance.md has their formulas. */
typedef enum dg_traffic_kind {
    DG_TRAFFIC_ROWS, /* factor rows, between nodes */
    DG_TRAFFIC_SUMS, /* ordered sums (tree.h) and broadcasts */
    DG_TRAFFIC_REST, /* sums of integers, agreement, exchange of records */
    DG_TRAFFIC_KINDS
} dg_traffic_kind;

/* Payload bytes of this rank: each byte that one rank has and another must get counts once as sent
 * and once as received, whichever way the MPI library takes. Over all ranks sent = received. */
typedef struct dg_traffic {
    int64_t sent[DG_TRAFFIC_KINDS], received[DG_TRAFFIC_KINDS];
} dg_traffic;

/** Bytes of this rank so far. Everything that comm/ moves is counted, here alone. LOCAL. */
dg_traffic dg_comm_traffic(void);

/** a - b. LOCAL. */
dg_traffic dg_traffic_since(dg_traffic a, dg_traffic b);

/** Sum of all ranks' traffic, in place. COLLECTIVE. */
void dg_traffic_sum(const dg_comm *c, dg_traffic *t);

/** All kinds together. LOCAL. */
int64_t dg_traffic_sent(const dg_traffic *t);

/** Count what an operation of comm/ moved (for its own modules). LOCAL. */
void dg_comm__count(dg_traffic_kind kind, int64_t sent, int64_t received);

/** dg_bcast of a given kind (for comm's own modules). COLLECTIVE. */
void dg_comm__bcast(const dg_comm *c, void *bytes, size_t n, int root, dg_traffic_kind kind);

#endif
