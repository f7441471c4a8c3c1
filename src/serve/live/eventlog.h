/* eventlog.h - what happened, on disk before anybody is told that it was taken.
 *
 * Segments DIR/events-00000001.jsonl, … of one JSON object a line; each line ends in a checksum of
 * what stands before it (docs/formats.md). Lines that come at the same time are written and made
 * durable together (group commit). A line that was cut short by a crash is cut off at the next
 * start; nobody was told that it was taken. */
#ifndef DG_SERVE_LIVE_EVENTLOG_H
#define DG_SERVE_LIVE_EVENTLOG_H
#include "base/text.h"

typedef struct dg_eventlog dg_eventlog;

/* Where a line begins: segment << DG_EVENT_OFFSET_BITS | offset. Later lines have larger ones; 0 is
 * none. */
typedef uint64_t dg_event_place;

enum {
    DG_EVENT_OFFSET_BITS = 40,
    DG_EVENT_LINE = 32 * 1024,           /* most bytes of a line */
    DG_EVENT_SEGMENT = 64 * 1024 * 1024, /* a segment ends with the first line beyond */
    DG_EVENT_CHECK = 29                  /* bytes that end a line: ,"check":"…"} and line feed */
};

/** Told of a good line without its end. LOCAL. Errors end the reading. */
typedef dg_status dg_event_reader(void *context, dg_event_place place, const char *line, size_t n,
                                  dg_err *err);

/** Is a line whole, its line feed included? LOCAL. */
bool dg_event_line_good(const char *line, size_t n);

/** End a line that lacks its last brace: checksum, brace, line feed. LOCAL.
 *  @param[in] begin of the line in the text */
void dg_event_line_end(dg_text *t, size_t begin);

/**
 * Open the log in a folder, made if it is not there, and read all of it. LOCAL.
 *
 * What is not whole at the end of a segment is cut off; where that was more than one unfinished
 * line, a copy stays beside it as events-….cut. One process at a time.
 *
 * @param[out] n_cut  bytes that were cut off
 * Errors  DG_ERR_DATA a damaged line before the last segment's end, with its place;
 * DG_ERR_UNAVAILABLE another process has it; DG_ERR_CANTCREATE; as dg_err_errno; those of `read`.
 */
dg_status dg_eventlog_open(const char *dir, dg_event_reader *read, void *context, dg_eventlog **out,
                           int64_t *n_cut, dg_err *err);

/** LOCAL, NULL-safe. Nothing may be on its way. */
void dg_eventlog_close(dg_eventlog **log);

/** Where the next line will begin. A segment is begun here where the last is full: call before each
 *  write. LOCAL, by one thread at a time. Errors as dg_err_errno. */
dg_status dg_eventlog_next(dg_eventlog *log, dg_event_place *out, dg_err *err);

/**
 * Write whole lines and make them durable, all or none: what a failure leaves is taken away again.
 * LOCAL, by one thread at a time; lines may be read meanwhile.
 * Errors  as dg_err_errno: a full disk passes, a disk that cannot make things durable ends the
 *         segment; DG_ERR_UNAVAILABLE what it left could not be taken away: from then on always.
 */
dg_status dg_eventlog_write(dg_eventlog *log, const char *lines, size_t n, dg_err *err);

/** The line at a place, into `line` (DG_EVENT_LINE), its length without the line feed in *n. LOCAL,
 *  thread-safe. Errors DG_ERR_DATA no whole line is there; DG_ERR_NOINPUT its segment is gone. */
dg_status dg_eventlog_line(const dg_eventlog *log, dg_event_place place, char *line, size_t *n,
                           dg_err *err);

#endif
