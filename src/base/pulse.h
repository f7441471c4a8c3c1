/* pulse.h - what this process is doing right now, for a thread that watches it (job/watch.h).
 *
 * The main thread says where it is in a word or two; the watcher sees whether that moves. Texts are
 * not copied: literals. */
#ifndef DG_BASE_PULSE_H
#define DG_BASE_PULSE_H
#include <stdint.h>

typedef struct dg_pulse {
    int64_t beats;       /* grows whenever the process gets anywhere */
    const char *stage;   /* "train"; never NULL */
    const char *doing;   /* the task within it, or NULL */
    const char *waiting; /* what it waits for other ranks in; NULL while it works itself */
    int64_t sweep;       /* sweeps done */
} dg_pulse;

/** All LOCAL, by the main thread; a few nanoseconds. */
void dg_pulse_stage(const char *stage);
void dg_pulse_sweep(int64_t done);
void dg_pulse_doing(const char *task);   /* NULL: between tasks */
void dg_pulse_waiting(const char *what); /* NULL: no longer */
void dg_pulse_beat(void);

/** As it is now. LOCAL, by any thread; the fields may be of two neighbouring moments. */
dg_pulse dg_pulse_read(void);

#endif
