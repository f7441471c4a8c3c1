#include "comm/comm.h"

#include "base/clock.h"
#include "base/stop.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

static dg_traffic traffic;

void dg_comm__count(dg_traffic_kind kind, int64_t sent, int64_t received)
{
    traffic.sent[kind] += sent;
    traffic.received[kind] += received;
}

dg_traffic dg_comm_traffic(void) { return traffic; }

dg_traffic dg_traffic_since(dg_traffic a, dg_traffic b)
{
    for (int k = 0; k < DG_TRAFFIC_KINDS; k++) {
        a.sent[k] -= b.sent[k];
        a.received[k] -= b.received[k];
    }
    return a;
}

void dg_traffic_sum(const dg_comm *c, dg_traffic *t)
{
    dg_sum_int64(c, t->sent, DG_TRAFFIC_KINDS);
    dg_sum_int64(c, t->received, DG_TRAFFIC_KINDS);
}

int64_t dg_traffic_sent(const dg_traffic *t)
{
    int64_t n = 0;
    for (int k = 0; k < DG_TRAFFIC_KINDS; k++) n += t->sent[k];
    return n;
}

/* Every rank brings n bytes to an all-reduce and takes n from it. */
static void count_reduction(const dg_comm *c, int64_t n)
{
    if (c->size > 1) dg_comm__count(DG_TRAFFIC_REST, n, n);
}

static struct {
    double since, all;
} waited;

void dg_comm__wait(const char *what)
{
    dg_pulse_waiting(what);
    waited.since = dg_now();
}

double dg_comm_waited(void) { return waited.all; }

void dg_comm__check(int code, const dg_comm *c, const char *what)
{
    waited.all += dg_now() - waited.since;
    dg_pulse_waiting(NULL);
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING];
    int n = 0;
    MPI_Error_string(code, text, &n);
    fprintf(stderr, "daogou: MPI failed in %s: %.*s (rank %d)\n", what, n, text, c->rank);
    MPI_Abort(c->comm, dg_status_exit(DG_ERR_INTERNAL));
    _exit(dg_status_exit(DG_ERR_INTERNAL)); /* MPI_Abort may hang or return */
}

void dg_comm_init(dg_comm *c, MPI_Comm outer)
{
    *c = (dg_comm){.comm = outer};
    dg_mpi(MPI_Comm_dup(outer, &c->comm), c, "communicator duplicate");
    MPI_Comm_set_errhandler(c->comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(c->comm, &c->rank);
    MPI_Comm_size(c->comm, &c->size);
}

void dg_comm_split(const dg_comm *outer, int color, dg_comm *out)
{
    MPI_Comm part;
    dg_mpi(MPI_Comm_split(outer->comm, color, outer->rank, &part), outer, "communicator split");
    dg_comm_init(out, part);
    MPI_Comm_free(&part);
}

static MPI_Comm split_by_node(const dg_comm *c)
{
    MPI_Comm node;
    dg_mpi(MPI_Comm_split_type(c->comm, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &node), c,
           "split by node");
    return node;
}

int dg_comm_node_size(const dg_comm *c)
{
    MPI_Comm node = split_by_node(c);
    int n = 1;
    MPI_Comm_size(node, &n);
    MPI_Comm_free(&node);
    return n;
}

int dg_comm_node_processors(const dg_comm *c)
{
    MPI_Comm node = split_by_node(c);
    cpu_set_t own;
    CPU_ZERO(&own);
    if (sched_getaffinity(0, sizeof own, &own) != 0) CPU_SET(0, &own);
    dg_mpi(MPI_Allreduce(MPI_IN_PLACE, &own, (int)sizeof own, MPI_BYTE, MPI_BOR, node), c,
           "count of processors");
    MPI_Comm_free(&node);
    return CPU_COUNT(&own);
}

void dg_comm_free(dg_comm *c) { MPI_Comm_free(&c->comm); }

/* Any place where all may fail together is a place to stop, once work may be left (base/stop.h). */
static dg_status or_stopped(dg_status mine, dg_err *err)
{
    if (mine != DG_OK || !dg_stop_now()) return mine;
    mine = DG_FAIL(err, DG_ERR_AGAIN, "stopped by %s", dg_stop_name(dg_stop_asked()));
    return dg_err_hint(err, mine, "run the same command again: what was finished is kept");
}

dg_status dg_agree(const dg_comm *c, dg_status mine, dg_err *err)
{
    mine = or_stopped(mine, err);
    struct {
        int code, rank;
    } own = {(int)mine, c->rank}, worst;
    dg_mpi(MPI_Allreduce(&own, &worst, 1, MPI_2INT, MPI_MAXLOC, c->comm), c, "error agreement");
    count_reduction(c, sizeof own);
    if (worst.code == DG_OK) return DG_OK;
    int origin = err->rank >= 0 ? err->rank : c->rank; /* agreed on before, by all or by some */
    dg_mpi(MPI_Bcast(&origin, 1, MPI_INT, worst.rank, c->comm), c, "error origin");
    dg_mpi(MPI_Bcast(err->text, sizeof err->text, MPI_CHAR, worst.rank, c->comm), c, "error text");
    dg_mpi(MPI_Bcast(err->hint, sizeof err->hint, MPI_CHAR, worst.rank, c->comm), c, "error hint");
    err->rank = origin;
    return (dg_status)worst.code;
}

dg_status dg_agree_same(const dg_comm *c, const char *what, int64_t value, dg_err *err)
{
    int64_t span[2] = {value, ~value}; /* ~v, not -v: INT64_MIN has no negative */
    dg_max_int64(c, span, 2);
    if (span[0] == ~span[1]) return DG_OK;
    return DG_FAIL(err, DG_ERR_DIFFER, "%s is %lld on one rank, %lld on another", what,
                   (long long)~span[1], (long long)span[0]);
}

void dg_sum_int64(const dg_comm *c, int64_t *v, int n)
{
    dg_mpi(MPI_Allreduce(MPI_IN_PLACE, v, n, MPI_INT64_T, MPI_SUM, c->comm), c, "sum");
    count_reduction(c, (int64_t)sizeof *v * n);
}

void dg_sum_scatter(const dg_comm *c, void *v, size_t width, const int *count)
{
    const MPI_Datatype type = width == 8 ? MPI_INT64_T : MPI_INT32_T;
    dg_mpi(MPI_Reduce_scatter(MPI_IN_PLACE, v, count, type, MPI_SUM, c->comm), c, "scattered sum");
    int64_t others = 0;
    for (int r = 0; r < c->size; r++) others += r != c->rank ? count[r] : 0;
    dg_comm__count(DG_TRAFFIC_REST, (int64_t)width * others,
                   (int64_t)width * count[c->rank] * (c->size - 1));
}

void dg_max_int64(const dg_comm *c, int64_t *v, int n)
{
    dg_mpi(MPI_Allreduce(MPI_IN_PLACE, v, n, MPI_INT64_T, MPI_MAX, c->comm), c, "maximum");
    count_reduction(c, (int64_t)sizeof *v * n);
}

int64_t dg_prefix_int64(const dg_comm *c, int64_t v)
{
    int64_t before = 0;
    dg_mpi(MPI_Exscan(&v, &before, 1, MPI_INT64_T, MPI_SUM, c->comm), c, "prefix sum");
    count_reduction(c, sizeof v);
    return c->rank == 0 ? 0 : before;
}

void dg_gather_int64(const dg_comm *c, const int64_t *mine, int n, int64_t *all)
{
    dg_mpi(MPI_Allgather(mine, n, MPI_INT64_T, all, n, MPI_INT64_T, c->comm), c, "gather");
    const int64_t bytes = (int64_t)sizeof *mine * n * (c->size - 1);
    dg_comm__count(DG_TRAFFIC_REST, bytes, bytes);
}

void dg_comm__bcast(const dg_comm *c, void *bytes, size_t n, int root, dg_traffic_kind kind)
{
    const size_t step = (size_t)1 << 30; /* MPI counts are int */
    for (size_t at = 0; at < n; at += step) {
        const size_t part = n - at < step ? n - at : step;
        dg_mpi(MPI_Bcast((char *)bytes + at, (int)part, MPI_BYTE, root, c->comm), c, "broadcast");
    }
    if (c->rank == root)
        dg_comm__count(kind, (int64_t)n * (c->size - 1), 0);
    else
        dg_comm__count(kind, 0, (int64_t)n);
}

void dg_bcast(const dg_comm *c, void *bytes, size_t n, int root)
{
    dg_comm__bcast(c, bytes, n, root, DG_TRAFFIC_SUMS);
}
