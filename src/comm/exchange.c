#include "comm/exchange.h"

#include "base/memory.h"

#include <stdbool.h>
#include <string.h>

enum { TAG = 71 };

static const size_t message_max = (size_t)1 << 30; /* MPI counts are int */

static int64_t total_of(const dg_comm *c, const int64_t *count)
{
    int64_t n = 0;
    for (int r = 0; r < c->size; r++) n += count[r];
    return n;
}

/* One pair of ranks: as many messages as the size needs, appended to `request`. */
static int post(const dg_comm *c, bool sending, void *at, size_t n, int peer, MPI_Request *request)
{
    int used = 0;
    for (size_t done = 0; done < n; done += message_max, used++) {
        const int part = (int)(n - done < message_max ? n - done : message_max);
        char *p = (char *)at + done;
        dg_mpi(sending ? MPI_Isend(p, part, MPI_BYTE, peer, TAG, c->comm, request + used)
                       : MPI_Irecv(p, part, MPI_BYTE, peer, TAG, c->comm, request + used),
               c, "exchange");
    }
    return used;
}

static size_t messages_of(const dg_comm *c, const int64_t *count, size_t record)
{
    size_t n = 0;
    for (int r = 0; r < c->size; r++) n += (size_t)count[r] * record / message_max + 1;
    return n;
}

/* Cannot fail on one rank alone: all memory is there. */
static void swap_records(const dg_comm *c, const char *send, size_t record,
                         const int64_t *send_count, char *recv, const int64_t *recv_count,
                         MPI_Request *request)
{
    const char *own = NULL;
    char *own_place = NULL;
    int used = 0;
    for (int r = 0; r < c->size; r++) {
        const size_t n = (size_t)recv_count[r] * record;
        if (r == c->rank) {
            own_place = recv;
        } else {
            used += post(c, false, recv, n, r, request + used);
            dg_comm__count(DG_TRAFFIC_REST, 0, (int64_t)n);
        }
        recv += n;
    }
    for (int r = 0; r < c->size; r++) {
        const size_t n = (size_t)send_count[r] * record;
        if (r == c->rank) {
            own = send;
        } else {
            used += post(c, true, (char *)(uintptr_t)send, n, r, request + used);
            dg_comm__count(DG_TRAFFIC_REST, (int64_t)n, 0);
        }
        send += n;
    }
    const size_t own_bytes = (size_t)recv_count[c->rank] * record;
    if (own_bytes > 0) memcpy(own_place, own, own_bytes);
    dg_mpi(MPI_Waitall(used, request, MPI_STATUSES_IGNORE), c, "exchange");
}

dg_status dg_room_reserve(dg_room *r, size_t n, size_t record, dg_err *err)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, record, &bytes) || bytes > SIZE_MAX / 2)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %zu records of %zu bytes", n, record);
    if (r->at != NULL && bytes <= r->bytes) return DG_OK;
    if (r->at != NULL) bytes += bytes / 8; /* it is asked again and again */
    dg_free(r->at);
    r->at = dg_alloc(bytes, 1);
    r->bytes = r->at == NULL ? 0 : bytes;
    if (r->at != NULL) return DG_OK;
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %zu records of %zu bytes", n, record);
}

dg_status dg_exchange_into(const dg_comm *c, const void *send, size_t record,
                           const int64_t *send_count, dg_room *recv, int64_t *recv_count,
                           dg_err *err)
{
    dg_mpi(MPI_Alltoall(send_count, 1, MPI_INT64_T, recv_count, 1, MPI_INT64_T, c->comm), c,
           "exchange of counts");
    const int64_t n = total_of(c, recv_count);
    MPI_Request *request = dg_alloc(
        messages_of(c, send_count, record) + messages_of(c, recv_count, record), sizeof *request);
    dg_status st = dg_room_reserve(recv, (size_t)n, record, err);
    if (st == DG_OK && request == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory receiving %lld records of %zu bytes",
                     (long long)n, record);
    st = dg_agree(c, st, err);
    if (st == DG_OK) swap_records(c, send, record, send_count, recv->at, recv_count, request);
    dg_free(request);
    return st;
}

dg_status dg_exchange(const dg_comm *c, const void *send, size_t record, const int64_t *send_count,
                      void **recv, int64_t *recv_count, dg_err *err)
{
    dg_room room = {0};
    const dg_status st = dg_exchange_into(c, send, record, send_count, &room, recv_count, err);
    if (st != DG_OK) {
        dg_free(room.at);
        room.at = NULL;
    }
    *recv = room.at;
    return st;
}

typedef struct dg_string_sizes {
    int64_t *length;                   /* (send->n,) bytes of each string */
    int64_t *byte_count, *byte_arrive; /* (size,) bytes to and from each rank */
} dg_string_sizes;

static dg_status measure(const dg_comm *c, const dg_strings *send, const int64_t *send_count,
                         dg_string_sizes *s, dg_err *err)
{
    s->length = dg_alloc((size_t)send->n, sizeof *s->length);
    s->byte_count = dg_alloc((size_t)c->size, sizeof *s->byte_count);
    s->byte_arrive = dg_alloc((size_t)c->size, sizeof *s->byte_arrive);
    if (s->length == NULL || s->byte_count == NULL || s->byte_arrive == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sending %lld strings", (long long)send->n);
    int64_t k = 0;
    for (int r = 0; r < c->size; r++)
        for (const int64_t end = k + send_count[r]; k < end; k++) {
            s->length[k] = send->offset[k + 1] - send->offset[k];
            s->byte_count[r] += s->length[k];
        }
    return DG_OK;
}

static dg_status open_received(const int64_t *length, int64_t n, dg_strings *recv, dg_err *err)
{
    recv->n = n;
    recv->offset_capacity = (size_t)n + 1;
    recv->offset = dg_alloc(recv->offset_capacity, sizeof *recv->offset);
    if (recv->offset == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory receiving %lld strings", (long long)n);
    for (int64_t k = 0; k < n; k++) recv->offset[k + 1] = recv->offset[k] + length[k];
    recv->bytes_capacity = (size_t)recv->offset[n];
    return DG_OK;
}

dg_status dg_exchange_strings(const dg_comm *c, const dg_strings *send, const int64_t *send_count,
                              dg_strings *recv, int64_t *recv_count, dg_err *err)
{
    dg_string_sizes sizes = {0};
    void *length = NULL, *bytes = NULL;
    *recv = (dg_strings){0};
    dg_status st = dg_agree(c, measure(c, send, send_count, &sizes, err), err);
    if (st == DG_OK)
        st = dg_exchange(c, sizes.length, sizeof(int64_t), send_count, &length, recv_count, err);
    if (st == DG_OK)
        st = dg_agree(c, open_received(length, total_of(c, recv_count), recv, err), err);
    if (st == DG_OK)
        st = dg_exchange(c, send->bytes, 1, sizes.byte_count, &bytes, sizes.byte_arrive, err);
    recv->bytes = bytes;
    if (st != DG_OK) dg_strings_free(recv);
    dg_free(length);
    dg_free(sizes.length);
    dg_free(sizes.byte_count);
    dg_free(sizes.byte_arrive);
    return st;
}
