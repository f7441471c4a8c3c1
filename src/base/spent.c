#include "base/spent.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

static bool counting;
static dg_spent total[DG_N_PHASES];
static _Thread_local dg_spent own[DG_N_PHASES];
static _Thread_local int64_t since;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void dg_spent_start(void)
{
    memset(total, 0, sizeof total);
    memset(own, 0, sizeof own);
    since = now();
    counting = true;
}

void dg_spent_stop(void) { counting = false; }

void dg_spent_mark(void)
{
    if (counting) since = now();
}

void dg_spent_lap(dg_phase phase, int64_t rows, int64_t flops, int64_t bytes)
{
    if (!counting) return;
    const int64_t at = now();
    own[phase].nanoseconds += at - since;
    own[phase].rows += rows;
    own[phase].flops += flops;
    own[phase].bytes += bytes;
    since = at;
}

void dg_spent_flush(void)
{
    if (!counting) return;
    for (int k = 0; k < DG_N_PHASES; k++) {
        __atomic_fetch_add(&total[k].nanoseconds, own[k].nanoseconds, __ATOMIC_RELAXED);
        __atomic_fetch_add(&total[k].rows, own[k].rows, __ATOMIC_RELAXED);
        __atomic_fetch_add(&total[k].flops, own[k].flops, __ATOMIC_RELAXED);
        __atomic_fetch_add(&total[k].bytes, own[k].bytes, __ATOMIC_RELAXED);
    }
    memset(own, 0, sizeof own);
}

void dg_spent_read(dg_spent out[DG_N_PHASES]) { memcpy(out, total, sizeof total); }

const char *dg_phase_name(dg_phase phase)
{
    static const char *const names[DG_N_PHASES] = {"shared", "eigen",  "rotate",   "gather",
                                                   "gram",   "factor", "dual",     "cg",
                                                   "blocks", "loss",   "exchange", "wait"};
    return names[phase];
}
