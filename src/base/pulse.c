#include "base/pulse.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic(const char *) stage, doing, waiting;
static atomic_llong sweep, beats;

void dg_pulse_beat(void) { atomic_fetch_add_explicit(&beats, 1, memory_order_relaxed); }

static void say(_Atomic(const char *) *what, const char *text)
{
    atomic_store_explicit(what, text, memory_order_relaxed);
    dg_pulse_beat();
}

void dg_pulse_stage(const char *now)
{
    say(&doing, NULL);
    say(&stage, now);
}

void dg_pulse_doing(const char *task) { say(&doing, task); }

void dg_pulse_waiting(const char *what) { say(&waiting, what); }

void dg_pulse_sweep(int64_t done)
{
    atomic_store_explicit(&sweep, done, memory_order_relaxed);
    dg_pulse_beat();
}

dg_pulse dg_pulse_read(void)
{
    const char *now = atomic_load(&stage);
    return (dg_pulse){atomic_load(&beats), now == NULL ? "start" : now, atomic_load(&doing),
                      atomic_load(&waiting), atomic_load(&sweep)};
}
