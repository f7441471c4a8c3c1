/* open.h - open a Daogou file on all ranks, the check of its bytes shared among them. */
#ifndef DG_STORE_OPEN_H
#define DG_STORE_OPEN_H
#include "artifact/container.h"
#include "comm/comm.h"

/** As dg_container_open; every rank ends with its own reader or all fail alike. COLLECTIVE.
 *  Cost  each rank reads 1/size of the file to check its digest. */
dg_status dg_store_open(const dg_comm *c, const char *path, const char *format, int version,
                        dg_container **out, dg_err *err);

#endif
