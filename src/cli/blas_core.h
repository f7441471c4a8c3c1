/* blas_core.h - make OpenBLAS compute on the processor it runs on.
 *
 * The library picks its kernels when it is loaded, and an old one (Debian 12 has 0.3.21) takes
 * processors it does not know for a "Prescott" of 2004, 3 to 8 times slower. What it reads, it
 * reads at load time, so the only cure is to set the environment and start over, once. */
#ifndef DG_CLI_BLAS_CORE_H
#define DG_CLI_BLAS_CORE_H
#include <stdbool.h>

/**
 * Set what libraries read at their start, where the environment has not: OPENBLAS_NUM_THREADS=1
 * (rows are the parallelism here), OMPI_MCA_io=romio321 (OMPIO's collective writes can hang), and
 * where the BLAS core is older than the processor OPENBLAS_CORETYPE, for which the process
 * replaces itself with itself. First statement of main, before MPI. LOCAL.
 */
void dg_blas_core_choose(char **argv);

/** The core for this processor ("SkylakeX", "Haswell"), or NULL: any will do. LOCAL. */
const char *dg_blas_core_wanted(void);

/** Does `core` make less of the processor than `wanted`? Unknown names do not. LOCAL. */
bool dg_blas_core_is_older(const char *core, const char *wanted);

/** What the library had chosen before this process started over, or NULL. LOCAL. */
const char *dg_blas_core_replaced(void);

#endif
