#include "ingest/sessions.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 900, USERS = 23, GAP = 30 };

static dg_err err;

typedef struct met {
    int user;
    int64_t time;
} met;

/* The same log on every rank; a rank holds a run of it. */
static void make_log(met *log)
{
    dg_rng r = dg_rng_at(4, DG_RNG_TEST, 0);
    for (int k = 0; k < EVENTS; k++)
        log[k] = (met){(int)dg_rng_below(&r, USERS), (int64_t)dg_rng_below(&r, 3000) - 500};
}

/* Session of event k by its meaning: the breaks before it in its user's time. */
static int session_of(const met *log, int k)
{
    int breaks = 1;
    for (int j = 0; j < EVENTS; j++) {
        if (log[j].user != log[k].user || log[j].time > log[k].time) continue;
        int64_t before = INT64_MIN;
        for (int i = 0; i < EVENTS; i++)
            if (log[i].user == log[k].user && log[i].time < log[j].time && log[i].time > before)
                before = log[i].time;
        bool first = true; /* of several at one second, count one */
        for (int i = 0; i < j; i++)
            first = first && !(log[i].user == log[j].user && log[i].time == log[j].time);
        breaks += first && before != INT64_MIN && log[j].time - before > GAP;
    }
    return breaks;
}

static void fill(const met *log, int begin, int end, dg_ids *users, dg_events *events)
{
    for (int k = begin; k < end; k++) {
        char id[16];
        dg_rating r = {.item = k, .value = 1, .time = log[k].time};
        const int n = snprintf(id, sizeof id, "u%d", log[k].user);
        if (dg_ids_code(users, id, (size_t)n, &r.user, &err) != DG_OK) abort();
        if (dg_events_add(events, r, &err) != DG_OK) abort();
    }
}

START_TEST(a_long_break_begins_a_session_wherever_events_lie)
{
    met log[EVENTS];
    dg_ids users = {0};
    dg_events events = {.timed = true};
    int64_t n, wrong = 0;
    const int begin = EVENTS * world.rank / world.size,
              end = EVENTS * (world.rank + 1) / world.size;
    make_log(log);
    fill(log, begin, end, &users, &events);
    ck_assert_all(dg_sessions_make(&world, GAP, &users, &events, &n, &err) == DG_OK);
    ck_assert_all(events.n == end - begin);
    for (int64_t k = 0; k < events.n; k++) {
        const dg_rating r = dg_events_at(&events, k);
        char expected[32];
        size_t length;
        const char *id = dg_strings_at(&users.text, r.user, &length);
        snprintf(expected, sizeof expected, "u%d#%d", log[begin + k].user,
                 session_of(log, begin + (int)k));
        wrong +=
            length != strlen(expected) || memcmp(id, expected, length) != 0 || r.item != begin + k;
    }
    ck_assert_all(wrong == 0);
    int64_t expected = 0; /* sessions: the last number of every user */
    for (int u = 0; u < USERS; u++) {
        int most = 0;
        for (int k = 0; k < EVENTS; k++)
            if (log[k].user == u && session_of(log, k) > most) most = session_of(log, k);
        expected += most;
    }
    ck_assert_all(n == expected);
    dg_ids_free(&users);
    dg_events_free(&events);
    ck_assert_all(dg_alloc_live() == 0);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all)
{
    met log[EVENTS];
    make_log(log);
    for (int nth = 1; nth <= 40; nth += 3) {
        dg_ids users = {0};
        dg_events events = {.timed = true};
        int64_t n;
        char spec[32];
        fill(log, EVENTS * world.rank / world.size, EVENTS * (world.rank + 1) / world.size, &users,
             &events);
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        const dg_status st = dg_sessions_make(&world, GAP, &users, &events, &n, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_all(st == DG_ERR_NOMEM || st == DG_OK);
        int64_t failed = st != DG_OK;
        dg_sum_int64(&world, &failed, 1);
        ck_assert_all(failed == 0 || failed == world.size);
        dg_ids_free(&users);
        dg_events_free(&events);
        ck_assert_all(dg_alloc_live() == 0);
    }
}
END_TEST

MPI_MAIN("sessions", a_long_break_begins_a_session_wherever_events_lie,
         one_rank_out_of_memory_fails_all)
