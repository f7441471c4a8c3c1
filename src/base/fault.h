/* fault.h - named places that fail on demand, so that tests can sweep every failure.
 *
 * DAOGOU_FAULT=site:rank:nth makes the nth visit (from 1) of `site` on `rank` fail, once.
 * A site whose name ends in ".kill" kills the process there with SIGKILL instead, one that ends in
 * ".hang" never comes back.
 * docs/operations.md lists all sites and what each one stands for; a test compares the two. */
#ifndef DG_BASE_FAULT_H
#define DG_BASE_FAULT_H
#include <stdbool.h>

/** Does this visit of `site` fail? Counts visits only of the armed site. LOCAL, thread-safe. */
bool dg_fault(const char *site);

/** Tell the module which rank this process is; 0 until told. LOCAL. */
void dg_fault_rank(int rank);

/** Re-read DAOGOU_FAULT and start counting anew (tests change it between cases). LOCAL. */
void dg_fault_reload(void);

#endif
