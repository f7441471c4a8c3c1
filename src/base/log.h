/* log.h - what a run tells people (stderr) and machines (log.jsonl), and its progress line.
 *
 * Rank 0 alone speaks to people; every level at or above the threshold also goes to the JSON file
 * as one object a line: {"t": seconds, "level": …, "event": …, "rank": …, "phase": …, "text": …,
 * fields…}; phase is the stage at work (pulse.h). Any thread may speak. */
#ifndef DG_BASE_LOG_H
#define DG_BASE_LOG_H
#include "base/status.h"

#include <jansson.h>
#include <stdint.h>

typedef enum dg_log_level { DG_LOG_DEBUG, DG_LOG_INFO, DG_LOG_WARN, DG_LOG_QUIET } dg_log_level;

/** Only rank 0 speaks; `threshold` is the lowest level shown. Call once, at start. LOCAL. */
void dg_log_setup(int rank, dg_log_level threshold);

/** What people see from now on, the file being as before; yields what they saw until now. For runs
 *  inside a run, of which one line each is enough. LOCAL. */
dg_log_level dg_log_hush(dg_log_level threshold);

/** Append JSON lines to `path` from now on (rank 0; nothing happens elsewhere). LOCAL. */
dg_status dg_log_open(const char *path, dg_err *err);

/** Flush and close the JSON file. LOCAL. */
void dg_log_close(void);

/** One line for people, and one object for machines named `event`. LOCAL. */
void dg_log(dg_log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** As dg_log, with fields for machines; steals the reference to `fields`. LOCAL. */
void dg_log_fields(dg_log_level level, const char *event, json_t *fields, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** As dg_log_fields, but to be heard from any rank: for what rank 0 is in no state to say. Only
 * rank 0's goes to the JSON file. LOCAL. */
void dg_log_any_rank(dg_log_level level, const char *event, json_t *fields, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A task with a known amount of work: one line rewritten in place with percentage, rate and time
 * left on a terminal; otherwise a plain line at most every ten seconds. Begin and end pair up;
 * `what` is a literal. By the main thread. */
/** Start the progress of `what`; `total` in `unit`s, 0 when not known. LOCAL. */
void dg_progress_begin(const char *what, const char *unit, int64_t total);

/** `done` units so far; cheap, call as often as convenient. `note` may be NULL. LOCAL. */
void dg_progress(int64_t done, const char *note);

/** Clear the line. LOCAL. */
void dg_progress_end(void);

#endif
