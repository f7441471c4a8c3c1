/* spent.h - where the time of training goes: seconds, rows, flops and bytes of each phase.
 *
 * Counted where the work is done, read by `daogou bench`; nothing else looks at it, so no result
 * can depend on it. Off until dg_spent_start; a lap then costs one look at the clock. Every thread
 * counts for itself and adds up at the end of its share; counts are integers, exact in any order.
 *
 * A thread's time is cut into laps: dg_spent_mark starts the first, dg_spent_lap ends one and
 * starts the next. So phases exclude each other and what they leave of the wall time was idle. */
#ifndef DG_BASE_SPENT_H
#define DG_BASE_SPENT_H
#include <stdint.h>

typedef enum dg_phase {
    DG_PHASE_SHARED,   /* what all systems share: the Gram of all rows, sums over rows */
    DG_PHASE_EIGEN,    /* its eigenbasis */
    DG_PHASE_ROTATE,   /* rows turned into it */
    DG_PHASE_GATHER,   /* rows fetched from the other side's table */
    DG_PHASE_GRAM,     /* a row's own matrix */
    DG_PHASE_FACTOR,   /* that matrix factored and solved; its rows took this route */
    DG_PHASE_DUAL,     /* rows solved in the space of their entries */
    DG_PHASE_CG,       /* rows solved by conjugate gradients */
    DG_PHASE_BLOCKS,   /* rows solved block by block of columns */
    DG_PHASE_LOSS,     /* the loss of solved rows */
    DG_PHASE_EXCHANGE, /* rows sent, received, made visible */
    DG_PHASE_WAIT,     /* waiting for the slowest rank */
    DG_N_PHASES
} dg_phase;

typedef struct dg_spent {
    int64_t nanoseconds; /* summed over threads */
    int64_t rows;        /* factor rows worked on; gathered ones count each time */
    int64_t flops;       /* useful ones, as docs/performance.md counts them */
    int64_t bytes;       /* moved where that is the phase's point: gathered, sent */
} dg_spent;

/** Begin to count, everything 0 again. LOCAL, by one thread while no other counts. */
void dg_spent_start(void);

/** Stop counting; what was counted stays. LOCAL, as dg_spent_start. */
void dg_spent_stop(void);

/** This thread's next lap begins now. LOCAL. */
void dg_spent_mark(void);

/** The time since this thread's last mark or lap went into `phase`. LOCAL, some 30 ns. */
void dg_spent_lap(dg_phase phase, int64_t rows, int64_t flops, int64_t bytes);

/** Add this thread's counts to everybody's. LOCAL; each thread, at the end of its share. */
void dg_spent_flush(void);

/** What was flushed since dg_spent_start, by all threads. LOCAL, while no thread counts. */
void dg_spent_read(dg_spent out[DG_N_PHASES]);

/** "gather", "cg", …: as tables and JSON name the phase. LOCAL. */
const char *dg_phase_name(dg_phase phase);

#endif
