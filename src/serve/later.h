/* later.h - work that waits for a disk, done by threads of its own: the threads that answer would
 * keep all their other clients waiting. */
#ifndef DG_SERVE_LATER_H
#define DG_SERVE_LATER_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dg_later dg_later;

/** Done to each thing that was put. LOCAL, by any of the threads. */
typedef void dg_later_work(void *context, void *of);

/** @param[in] most  things that wait at once
 *  LOCAL. Errors DG_ERR_NOMEM; DG_ERR_IO no thread. */
dg_status dg_later_start(int threads, size_t most, dg_later_work *work, void *context,
                         dg_later **out, dg_err *err);

/** False where too many wait, or it was stopped. LOCAL, thread-safe. */
bool dg_later_put(dg_later *l, void *of);

/** Do what was put, and take no more. LOCAL, NULL-safe; blocks. */
void dg_later_stop(dg_later *l);

/** LOCAL, NULL-safe. Stops it first. */
void dg_later_destroy(dg_later **l);

#endif
