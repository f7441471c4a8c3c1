#include "ingest/days.h"

#include "base/memory.h"
#include "ingest/moments.h"

typedef struct dg_busy { /* at the owner of users */
    int64_t most;
    dg_days found;
} dg_busy;

static int64_t day_of(int64_t time)
{
    enum { DAY = 86400 };
    return time / DAY - (time % DAY < 0); /* also before 1970 */
}

/* 1 for each event that stays. */
static void judge(void *context, const dg_moment *moment, int64_t n, int64_t *answer)
{
    dg_busy *b = context;
    int64_t counted = -1; /* the last user with such a day */
    for (int64_t begin = 0, end; begin < n; begin = end) {
        const int64_t day = day_of(moment[begin].time), user = moment[begin].user;
        for (end = begin; end < n && moment[end].user == user && day_of(moment[end].time) == day;)
            end++;
        const bool stays = end - begin <= b->most;
        for (int64_t k = begin; k < end; k++) answer[moment[k].place] = stays;
        if (stays) continue;
        b->found.n++;
        b->found.events += end - begin;
        b->found.users += user != counted;
        counted = user;
    }
}

dg_status dg_days_limit(const dg_comm *c, int64_t most, const dg_ids *users, dg_events *events,
                        dg_days *out, dg_err *err)
{
    dg_busy b = {.most = most};
    int64_t *stays;
    const dg_status st = dg_moments_ask(c, users, events, judge, &b, &stays, err);
    *out = (dg_days){0};
    if (st == DG_OK) {
        int64_t found[] = {b.found.n, b.found.users, b.found.events};
        dg_sum_int64(c, found, 3);
        *out = (dg_days){found[0], found[1], found[2]};
        if (out->n > 0) dg_events_pick(events, stays);
    }
    dg_free(stays);
    return st;
}
