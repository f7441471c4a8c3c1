#include "comm/exchange.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"

#include <stdio.h>
#include <string.h>

static dg_err err;

/* Records from `from` to `to` in a round; both sides can work it out. */
static int64_t count_of(int round, int from, int to)
{
    dg_rng r = dg_rng_at((uint64_t)round, DG_RNG_TEST, (uint64_t)(from * 64 + to));
    return dg_rng_below(&r, 3) == 0 ? 0 : dg_rng_below(&r, 200);
}

/* Byte b of record k from `from` to `to`. */
static char byte_of(int from, int to, int64_t k, size_t b)
{
    return (char)(from * 31 + to * 17 + (int)(k * 7) + (int)b);
}

static char *make_send(int round, size_t record, int64_t *count)
{
    int64_t n = 0;
    for (int to = 0; to < world.size; to++) n += count[to] = count_of(round, world.rank, to);
    char *send = dg_alloc((size_t)n, record), *at = send;
    for (int to = 0; to < world.size; to++)
        for (int64_t k = 0; k < count[to]; k++)
            for (size_t b = 0; b < record; b++) *at++ = byte_of(world.rank, to, k, b);
    return send;
}

static bool all_arrived(int round, size_t record, const char *recv, const int64_t *count)
{
    for (int from = 0; from < world.size; from++) {
        if (count[from] != count_of(round, from, world.rank)) return false;
        for (int64_t k = 0; k < count[from]; k++)
            for (size_t b = 0; b < record; b++)
                if (*recv++ != byte_of(from, world.rank, k, b)) return false;
    }
    return true;
}

START_TEST(every_record_arrives_in_rank_order)
{
    const size_t sizes[] = {1, 4, 12, 100, 5000};
    for (int round = 0; round < 40; round++) {
        const size_t record = sizes[round % 5];
        int64_t send_count[8], recv_count[8];
        void *recv = NULL;
        char *send = make_send(round, record, send_count);
        ck_assert_all(dg_exchange(&world, send, record, send_count, &recv, recv_count, &err) ==
                      DG_OK);
        ck_assert_all(recv != NULL && all_arrived(round, record, recv, recv_count));
        dg_free(recv);
        dg_free(send);
    }
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(nothing_to_send_is_fine)
{
    int64_t send_count[8] = {0}, recv_count[8];
    void *recv = NULL;
    ck_assert_all(dg_exchange(&world, NULL, 8, send_count, &recv, recv_count, &err) == DG_OK);
    bool none = true;
    for (int r = 0; r < world.size; r++) none &= recv_count[r] == 0;
    ck_assert_all(none);
    dg_free(recv);
}
END_TEST

/* 48 MB records, one to the next rank: no eager buffer hides a missing receive. */
START_TEST(records_may_be_large)
{
    const size_t record = (size_t)48 << 20;
    const int next = (world.rank + 1) % world.size,
              previous = (world.rank + world.size - 1) % world.size;
    int64_t send_count[8] = {0}, recv_count[8];
    void *recv = NULL;
    char *send = dg_alloc(1, record);
    ck_assert_all(send != NULL);
    memset(send, 'a' + world.rank, record);
    send_count[next] = 1;
    ck_assert_all(dg_exchange(&world, send, record, send_count, &recv, recv_count, &err) == DG_OK);
    const char *at = recv;
    ck_assert_all(at[0] == 'a' + previous && memcmp(at, at + 1, record - 1) == 0);
    dg_free(recv);
    dg_free(send);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all)
{
    for (int bad = 0; bad < world.size; bad++) {
        for (int nth = 1; nth <= 2; nth++) { /* requests, then the room to receive */
            int64_t send_count[8], recv_count[8];
            void *recv = NULL;
            char spec[32];
            char *send = make_send(nth, 16, send_count);
            const size_t before = dg_alloc_live();
            snprintf(spec, sizeof spec, "alloc:%d:%d", bad, nth);
            setenv("DAOGOU_FAULT", spec, 1);
            dg_fault_reload();
            const dg_status st = dg_exchange(&world, send, 16, send_count, &recv, recv_count, &err);
            unsetenv("DAOGOU_FAULT");
            dg_fault_reload();
            ck_assert_all(st == DG_ERR_NOMEM && err.rank == bad);
            ck_assert_all(recv == NULL && dg_alloc_live() == before);
            dg_free(send);
        }
    }
}
END_TEST

/* String k from `from` to `to`: 0 to 40 bytes, NULs among them. */
static size_t string_of(int from, int to, int64_t k, char *out)
{
    const size_t n = (size_t)(from * 5 + to * 3 + k) % 41;
    for (size_t b = 0; b < n; b++) out[b] = byte_of(from, to, k, b);
    return n;
}

static dg_status add_strings(int round, dg_strings *send, int64_t *count)
{
    dg_status st = DG_OK;
    for (int to = 0; to < world.size; to++) {
        count[to] = count_of(round, world.rank, to);
        for (int64_t k = 0; k < count[to] && st == DG_OK; k++) {
            char bytes[64];
            const size_t n = string_of(world.rank, to, k, bytes);
            st = dg_strings_add(send, bytes, n, &err);
        }
    }
    return st;
}

static bool all_strings_arrived(int round, const dg_strings *recv, const int64_t *count)
{
    int64_t at = 0;
    for (int from = 0; from < world.size; from++) {
        if (count[from] != count_of(round, from, world.rank)) return false;
        for (int64_t k = 0; k < count[from]; k++) {
            char expected[64];
            size_t n;
            const size_t length = string_of(from, world.rank, k, expected);
            const char *bytes = dg_strings_at(recv, at++, &n);
            if (n != length || memcmp(bytes, expected, n) != 0) return false;
        }
    }
    return at == recv->n;
}

START_TEST(every_string_arrives_in_rank_order)
{
    for (int round = 0; round < 20; round++) {
        int64_t send_count[8], recv_count[8];
        dg_strings send = {0}, recv;
        ck_assert_all(add_strings(round, &send, send_count) == DG_OK);
        ck_assert_all(dg_exchange_strings(&world, &send, send_count, &recv, recv_count, &err) ==
                      DG_OK);
        ck_assert_all(all_strings_arrived(round, &recv, recv_count));
        ck_assert_all(dg_strings_add(&recv, "more", 4, &err) == DG_OK); /* it is a list like any */
        dg_strings_free(&send);
        dg_strings_free(&recv);
    }
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(strings_fail_on_all_ranks_and_leave_nothing)
{
    const int bad = world.size - 1;
    dg_status st = DG_ERR_NOMEM;
    for (int nth = 1; st != DG_OK; nth++) {
        int64_t send_count[8], recv_count[8];
        dg_strings send = {0}, recv;
        char spec[32];
        ck_assert_all(add_strings(3, &send, send_count) == DG_OK);
        const size_t before = dg_alloc_live();
        snprintf(spec, sizeof spec, "alloc:%d:%d", bad, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_exchange_strings(&world, &send, send_count, &recv, recv_count, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && err.rank == bad));
        ck_assert_all(st == DG_OK || (recv.n == 0 && dg_alloc_live() == before));
        dg_strings_free(&send);
        dg_strings_free(&recv);
    }
}
END_TEST

MPI_MAIN("exchange", every_record_arrives_in_rank_order, nothing_to_send_is_fine,
         records_may_be_large, one_rank_out_of_memory_fails_all, every_string_arrives_in_rank_order,
         strings_fail_on_all_ranks_and_leave_nothing)
