#include "ingest/days.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "mpi_main.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVENTS = 700, USERS = 13, DAYS = 9, MOST = 6 };

static dg_err err;

typedef struct met {
    int user;
    int64_t time;
} met;

/* The same log on every rank, which holds a run of it; days before and after 1970, users who are
 * on one rank only, the first and last second of days. */
static void make_log(met *log)
{
    dg_rng r = dg_rng_at(5, DG_RNG_TEST, 0);
    for (int k = 0; k < EVENTS; k++) {
        const int64_t day = (int64_t)dg_rng_below(&r, DAYS) - 4;
        const int64_t second[] = {0, 86399, (int64_t)dg_rng_below(&r, 86400)};
        log[k] = (met){(int)dg_rng_below(&r, USERS) * (k % 5 != 0) + (k / 350) * 20,
                       day * 86400 + second[k % 3]};
    }
}

static double day_of(const met *m) { return floor((double)m->time / 86400); }

static int64_t on_that_day(const met *log, int k)
{
    int64_t n = 0;
    for (int j = 0; j < EVENTS; j++)
        n += log[j].user == log[k].user && day_of(&log[j]) == day_of(&log[k]);
    return n;
}

static void fill(const met *log, int begin, int end, dg_ids *users, dg_events *events)
{
    *users = (dg_ids){0};
    *events = (dg_events){.timed = true};
    for (int k = begin; k < end; k++) {
        char id[16];
        dg_rating r = {.item = k, .value = 1, .time = log[k].time};
        const int n = snprintf(id, sizeof id, "u%d", log[k].user);
        if (dg_ids_code(users, id, (size_t)n, &r.user, &err) != DG_OK) abort();
        if (dg_events_add(events, r, &err) != DG_OK) abort();
    }
}

static int cut(int rank) { return EVENTS * rank / world.size; }

/* What is left by its meaning, event by event. */
static void check(const met *log, int64_t most)
{
    dg_ids users;
    dg_events events;
    dg_days found;
    int64_t at = 0, wrong = 0, dropped = 0, days = 0, busy_users = 0;
    fill(log, cut(world.rank), cut(world.rank + 1), &users, &events);
    ck_assert_all(dg_days_limit(&world, most, &users, &events, &found, &err) == DG_OK);
    for (int k = cut(world.rank); k < cut(world.rank + 1); k++)
        if (on_that_day(log, k) <= most)
            wrong += at >= events.n || dg_events_at(&events, at++).item != k;
    ck_assert_all(wrong == 0 && at == events.n);
    for (int k = 0; k < EVENTS; k++) {
        bool first_of_day = true, first_of_user = true;
        if (on_that_day(log, k) <= most) continue;
        for (int j = 0; j < k; j++) {
            if (log[j].user != log[k].user || on_that_day(log, j) <= most) continue;
            first_of_user = false;
            first_of_day = first_of_day && day_of(&log[j]) != day_of(&log[k]);
        }
        dropped++;
        days += first_of_day;
        busy_users += first_of_user;
    }
    ck_assert_all(found.events == dropped && found.n == days && found.users == busy_users);
    dg_ids_free(&users);
    dg_events_free(&events);
    ck_assert_all(dg_alloc_live() == 0);
}

START_TEST(a_day_with_too_many_events_goes_and_others_stay)
{
    met log[EVENTS];
    make_log(log);
    check(log, 1);
    check(log, MOST);
    check(log, MOST + 1);
    check(log, EVENTS); /* nobody has so many */
}
END_TEST

START_TEST(as_many_as_allowed_stay)
{
    met log[EVENTS];
    for (int k = 0; k < EVENTS; k++) log[k] = (met){0, -1}; /* the last second of 1969 */
    check(log, EVENTS);
    check(log, EVENTS - 1);
}
END_TEST

START_TEST(one_rank_out_of_memory_fails_all)
{
    met log[EVENTS];
    dg_status st = DG_ERR_NOMEM;
    int failures = 0;
    make_log(log);
    for (int nth = 1; st != DG_OK; nth++) {
        dg_ids users;
        dg_events events;
        dg_days found;
        char spec[32];
        fill(log, cut(world.rank), cut(world.rank + 1), &users, &events);
        snprintf(spec, sizeof spec, "alloc:%d:%d", world.size - 1, nth);
        setenv("DAOGOU_FAULT", spec, 1);
        dg_fault_reload();
        st = dg_days_limit(&world, MOST, &users, &events, &found, &err);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        int64_t failed = st != DG_OK;
        dg_sum_int64(&world, &failed, 1);
        ck_assert_all(failed == 0 || failed == world.size);
        ck_assert_all(st == DG_OK || (st == DG_ERR_NOMEM && found.n == 0 &&
                                      events.n == cut(world.rank + 1) - cut(world.rank)));
        failures += st != DG_OK;
        dg_ids_free(&users);
        dg_events_free(&events);
        ck_assert_all(dg_alloc_live() == 0);
    }
    ck_assert_all(failures > 5);
}
END_TEST

MPI_MAIN("days", a_day_with_too_many_events_goes_and_others_stay, as_many_as_allowed_stay,
         one_rank_out_of_memory_fails_all)
