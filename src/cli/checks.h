/* checks.h - what `daogou doctor` looks at, one function each. */
#ifndef DG_CLI_CHECKS_H
#define DG_CLI_CHECKS_H

typedef enum dg_verdict { DG_FINE, DG_WARN, DG_BAD } dg_verdict;

typedef struct dg_check {
    dg_verdict verdict;
    char found[320];  /* what is so, one line */
    char advice[256]; /* what to change; empty where nothing needs changing */
} dg_check;

typedef struct dg_checkup {
    const char *folder; /* where files may be written for a moment */
    const char *self;   /* this program */
} dg_checkup;

/** One check. LOCAL; `out` starts as DG_FINE with empty texts. */
typedef void dg_check_function(const dg_checkup *with, dg_check *out);

dg_check_function dg_check_mpi;     /* version, and whether a process alone can start it */
dg_check_function dg_check_blas;    /* core against the processor, rate of a matrix product */
dg_check_function dg_check_threads; /* processors, and who would start more threads than those */
dg_check_function dg_check_hdf5;    /* a parallel write on two ranks, read back */
dg_check_function dg_check_folder;  /* writable, room */
dg_check_function dg_check_locks;   /* do file locks work in the folder */
dg_check_function dg_check_shm;     /* shared memory, where the factors of a node live */
dg_check_function dg_check_limits;  /* open files, stack, memory */
dg_check_function dg_check_slurm;   /* is there a scheduler */

#endif
