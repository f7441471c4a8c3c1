/* room.h - can the folder of checkpoints take them? Asked before the first sweep, not after hours.
 */
#ifndef DG_JOB_ROOM_H
#define DG_JOB_ROOM_H
#include "base/file.h"
#include "job/checkpoint.h"

/** Make the folder, write a small file into it and lock that as a reader of checkpoints will, and
 *  compare what `keep` checkpoints, one more while it is written, and `n_other` files of the same
 *  size take with what the file system has left; what is in the folder already counts as room.
 *  COLLECTIVE. Errors, agreed, one sentence naming the folder with a remedy: DG_ERR_CANTCREATE. */
dg_status dg_room_check(const dg_comm *c, const char *folder, int64_t n_bytes, int64_t keep,
                        int64_t n_other, dg_err *err);

/** A folder of this work folder's own below `local`, for checkpoints: made where it is missing, its
 *  path into `out` on every rank. All ranks have to see the same one. COLLECTIVE. Errors, agreed:
 *  DG_ERR_CANTCREATE, also of a rank that does not see it. */
dg_status dg_room_local(const dg_comm *c, const char *local, const char *work, char out[DG_PATH],
                        dg_err *err);

#endif
