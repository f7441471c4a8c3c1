/* journal.h - a file of lines that threads write while they answer, and never wait for.
 *
 * Lines go into memory; a thread of the journal's own writes them out. When the disk is slower
 * than the lines come, lines are dropped and counted: a full disk must not stop a shop. The last
 * half second of lines is lost when the process is killed. */
#ifndef DG_SERVE_MEASURE_JOURNAL_H
#define DG_SERVE_MEASURE_JOURNAL_H
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dg_journal dg_journal;

/** Append to `path` from now on, made if it is not there; "-" is stdout. LOCAL.
 *  Errors as dg_err_errno with the path; DG_ERR_NOMEM; DG_ERR_IO no thread. */
dg_status dg_journal_open(const char *path, dg_journal **out, dg_err *err);

/** Write what is left and close. LOCAL, NULL-safe. */
void dg_journal_close(dg_journal **j);

/** Append a line; the line end is added. LOCAL, thread-safe, NULL-safe; a copy into memory. */
void dg_journal_line(dg_journal *j, const char *line, size_t n);

/** Write what was appended so far, then go on in the file that has the name now: for whoever
 *  rotates files by renaming them. When it cannot be opened the old file is kept. LOCAL,
 *  thread-safe, NULL-safe; waits for the disk. Errors as dg_err_errno. */
dg_status dg_journal_reopen(dg_journal *j, dg_err *err);

/** Lines dropped, as memory was full or the disk refused them. LOCAL, NULL-safe. */
uint64_t dg_journal_dropped(dg_journal *j);

#endif
