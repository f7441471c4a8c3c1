/* eventstore.h - the events of all users: taken once, kept in the log, found again by user.
 *
 * In memory there are 24 bytes for each user with events in the log, and the ids of the latest
 * events. The events themselves are in the log, each with the place of its user's event before it,
 * so that a user's are read back without looking at others'. All functions may be called by many
 * threads. */
#ifndef DG_SERVE_LIVE_EVENTSTORE_H
#define DG_SERVE_LIVE_EVENTSTORE_H
#include "serve/live/eventlog.h"

typedef struct dg_eventstore dg_eventstore;

enum {
    DG_EVENT_IDS = 1 << 18,     /* events whose ids are remembered */
    DG_EVENTS_OF_A_USER = 1000, /* that are read back, the latest */
    DG_EVENT_TEXT = 128,        /* bytes of a kind, an id, a session, a recommendation */
};

typedef struct dg_word_at { /* UTF-8, borrowed; n == 0: not given */
    const char *at;
    size_t n;
} dg_word_at;

typedef struct dg_event_new {
    dg_word_at user, item;                        /* 1 to 1024 bytes */
    dg_word_at kind, id, session, recommendation; /* up to DG_EVENT_TEXT bytes */
    double value;                                 /* NAN: not given */
    int64_t time;                                 /* milliseconds since 1970, from 0 */
    bool whole;                                   /* only its seconds are known */
} dg_event_new;

/* An event read back; texts are borrowed for the call. */
typedef struct dg_event_seen {
    const char *item;
    size_t n_item;
    const char *kind; /* "" for none */
    double value;     /* NAN for none */
    int64_t time;     /* seconds since 1970 */
} dg_event_seen;

typedef struct dg_taken {
    int64_t accepted, duplicates;
} dg_taken;

/** Open the folder's log and read all of it. LOCAL. Errors as dg_eventlog_open; DG_ERR_NOMEM.
 *  @param[out] n_events, n_cut  events found; bytes of an unfinished end cut off */
dg_status dg_eventstore_open(const char *dir, dg_eventstore **out, int64_t *n_events,
                             int64_t *n_cut, dg_err *err);

/** LOCAL, NULL-safe. No call may be in flight. */
void dg_eventstore_close(dg_eventstore **s);

/**
 * Take events: when this is back they are on disk, each once. LOCAL; waits for the disk, together
 * with whoever else does.
 *
 * An event whose id was taken already, among the latest DG_EVENT_IDS events with ids, is not taken
 * again.
 * Errors  as dg_eventlog_write: none of them was taken; DG_ERR_NOMEM, likewise.
 */
dg_status dg_eventstore_take(dg_eventstore *s, const dg_event_new *event, size_t n, dg_taken *out,
                             dg_err *err);

typedef struct dg_eventstore_figures {
    uint64_t accepted, duplicates, refused; /* events, since the start */
    size_t users;                           /* with events in the log */
} dg_eventstore_figures;

/** LOCAL. */
dg_eventstore_figures dg_eventstore_look(dg_eventstore *s);

/** Place of a user's latest event; 0 for none. LOCAL. */
dg_event_place dg_eventstore_latest(const dg_eventstore *s, const char *user, size_t n);

/**
 * A user's events after a place, oldest first, DG_EVENTS_OF_A_USER at most. LOCAL.
 *
 * @param[in] from, after  places: after < … <= from; of dg_eventstore_latest, and 0 for all
 * Errors  those of `read`; DG_ERR_DATA, DG_ERR_IO what is in the log cannot be read; DG_ERR_NOMEM.
 */
typedef dg_status dg_event_met(void *context, const dg_event_seen *event, dg_err *err);
dg_status dg_eventstore_read(const dg_eventstore *s, const char *user, size_t n,
                             dg_event_place from, dg_event_place after, dg_event_met *read,
                             void *context, dg_err *err);

#endif
