#include "serve/live/eventstore.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

/* ---- tables ---- */

typedef struct slot {
    uint64_t hash;         /* of the user's id; 0: empty */
    dg_event_place latest; /* of their events, those on their way to the disk as well */
    dg_event_place shown;  /* the latest on disk */
} slot;

typedef struct users {
    slot *at; /* (room,) open addressing, at most half full; room is a power of 2 */
    size_t n, room;
} users;

typedef struct ids { /* of the latest events */
    dg_digest *turn; /* (DG_EVENT_IDS,) in the order they came; zero: none */
    uint64_t next;   /* how many came */
    uint32_t *table; /* (2 DG_EVENT_IDS,) places in turn, plus 1; 0: empty */
} ids;

enum { ID_ROOM = 2 * DG_EVENT_IDS };

static uint64_t user_hash(const char *user, size_t n)
{
    const uint64_t h = dg_hash64(user, n, 1);
    return h != 0 ? h : 1;
}

static slot *find_slot(const users *u, uint64_t hash)
{
    size_t k = hash & (u->room - 1);
    while (u->at[k].hash != 0 && u->at[k].hash != hash) k = (k + 1) & (u->room - 1);
    return &u->at[k];
}

static bool grow_users(users *u)
{
    const size_t room = u->room == 0 ? 1024 : 2 * u->room;
    users larger = {dg_alloc(room, sizeof(slot)), u->n, room};
    if (larger.at == NULL) return false;
    for (size_t k = 0; k < u->room; k++)
        if (u->at[k].hash != 0) *find_slot(&larger, u->at[k].hash) = u->at[k];
    dg_free(u->at);
    *u = larger;
    return true;
}

/* The slot of a user, made where there is none; NULL: out of memory. */
static slot *take_slot(users *u, uint64_t hash)
{
    if (2 * (u->n + 1) > u->room && !grow_users(u)) return NULL;
    slot *s = find_slot(u, hash);
    if (s->hash == 0) u->n++;
    s->hash = hash;
    return s;
}

static bool same(dg_digest a, dg_digest b) { return a.low == b.low && a.high == b.high; }

static bool has_id(const ids *t, dg_digest id)
{
    for (size_t k = id.low & (ID_ROOM - 1); t->table[k] != 0; k = (k + 1) & (ID_ROOM - 1))
        if (same(t->turn[t->table[k] - 1], id)) return true;
    return false;
}

/* Take an id out; those behind it move up, so that no search ends early. */
static void drop_id(ids *t, uint32_t place)
{
    size_t hole = t->turn[place].low & (ID_ROOM - 1);
    while (t->table[hole] != place + 1) hole = (hole + 1) & (ID_ROOM - 1);
    for (size_t k = (hole + 1) & (ID_ROOM - 1); t->table[k] != 0; k = (k + 1) & (ID_ROOM - 1)) {
        const size_t home = t->turn[t->table[k] - 1].low & (ID_ROOM - 1);
        if (((k - home) & (ID_ROOM - 1)) < ((k - hole) & (ID_ROOM - 1))) continue;
        t->table[hole] = t->table[k];
        hole = k;
    }
    t->table[hole] = 0;
    t->turn[place] = (dg_digest){0};
}

static void add_id(ids *t, dg_digest id)
{
    const uint32_t place = (uint32_t)(t->next++ % DG_EVENT_IDS);
    if (!same(t->turn[place], (dg_digest){0})) drop_id(t, place);
    t->turn[place] = id;
    size_t k = id.low & (ID_ROOM - 1);
    while (t->table[k] != 0) k = (k + 1) & (ID_ROOM - 1);
    t->table[k] = place + 1;
}

/* ---- the store ---- */

typedef struct step { /* of one event on its way */
    uint64_t user;
    dg_event_place place, before;
    bool has_id;
    dg_digest id;
} step;

/* Events that go to the disk together. */
typedef struct group {
    dg_text lines;
    step *step; /* (n,) */
    size_t n, room;
    int waiting; /* for it, or at work with it */
    bool done;
    dg_status status;
    dg_err err;
} group;

struct dg_eventstore {
    dg_eventlog *log;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    users users;
    ids ids;
    group *filling, *writing; /* NULL: none */
    dg_eventstore_figures figures;
    dg_event_place next; /* where the next line of `filling` goes; known while it is not NULL */
};

static dg_status no_memory(dg_err *err)
{
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for events");
}

/* ---- lines ---- */

static void add_text(dg_text *t, const char *key, dg_word_at word)
{
    if (word.n == 0) return;
    dg_text_add(t, ",\"%s\":", key);
    dg_json_string(t, word.at, word.n);
}

static void add_line(dg_text *t, const dg_event_new *e, dg_event_place before)
{
    const size_t begin = t->n;
    dg_text_add(t, "{\"user\":");
    dg_json_string(t, e->user.at, e->user.n);
    add_text(t, "item", e->item);
    add_text(t, "event", e->kind);
    if (!isnan(e->value)) dg_text_add(t, ",\"value\":%.9g", e->value);
    dg_text_add(t, ",\"time\":%" PRId64, e->time / 1000);
    if (!e->whole) dg_text_add(t, ".%03d", (int)(e->time % 1000));
    add_text(t, "id", e->id);
    add_text(t, "session", e->session);
    add_text(t, "recommendation", e->recommendation);
    if (before != 0) dg_text_add(t, ",\"before\":%" PRIu64, before);
    dg_event_line_end(t, begin);
}

static dg_word_at text_of(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);
    return (dg_word_at){json_string_value(value), json_string_length(value)};
}

static json_t *parse(const char *line, size_t n)
{
    json_t *out = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
    if (json_is_object(out) && text_of(out, "user").n > 0 && text_of(out, "item").n > 0) return out;
    json_decref(out);
    return NULL;
}

/* ---- opening ---- */

typedef struct opening {
    dg_eventstore *store;
    int64_t n;
} opening;

/* What stands behind a key up to the next quote, in a line without a backslash: there no quote is
 * part of a text, so that the key cannot be either. */
static dg_word_at plain_text(const char *line, size_t n, const char *key)
{
    const char *at = memmem(line, n, key, strlen(key));
    if (at == NULL) return (dg_word_at){0};
    at += strlen(key);
    const char *end = memchr(at, '"', n - (size_t)(at - line));
    return end == NULL ? (dg_word_at){0} : (dg_word_at){at, (size_t)(end - at)};
}

static bool note_event(dg_eventstore *s, dg_event_place place, dg_word_at user, dg_word_at id)
{
    slot *of = take_slot(&s->users, user_hash(user.at, user.n));
    if (of != NULL) of->latest = of->shown = place;
    if (id.n > 0) add_id(&s->ids, dg_digest_of(id.at, id.n));
    return of != NULL;
}

static dg_status count_line(void *context, dg_event_place place, const char *line, size_t n,
                            dg_err *err)
{
    opening *o = context;
    json_t *event = NULL;
    const bool plain = memchr(line, '\\', n) == NULL;
    if (!plain)
        event = parse(line, n); /* few are: reading them all so would take five times as long */
    const dg_word_at user = plain ? plain_text(line, n, "{\"user\":\"") : text_of(event, "user"),
                     id = plain ? plain_text(line, n, ",\"id\":\"") : text_of(event, "id");
    dg_status st = DG_OK;
    if (user.n == 0)
        st = DG_FAIL(err, DG_ERR_DATA, "events: the line at %" PRIu64 " is not an event", place);
    else if (!note_event(o->store, place, user, id))
        st = no_memory(err);
    json_decref(event);
    o->n++;
    return st;
}

dg_status dg_eventstore_open(const char *dir, dg_eventstore **out, int64_t *n_events,
                             int64_t *n_cut, dg_err *err)
{
    dg_eventstore *s = *out = dg_alloc(1, sizeof *s);
    if (s == NULL) return no_memory(err);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->finished, NULL);
    s->ids.turn = dg_alloc(DG_EVENT_IDS, sizeof *s->ids.turn);
    s->ids.table = dg_alloc(ID_ROOM, sizeof *s->ids.table);
    opening o = {s, 0};
    dg_status st = s->ids.turn == NULL || s->ids.table == NULL || !grow_users(&s->users)
                       ? no_memory(err)
                       : dg_eventlog_open(dir, count_line, &o, &s->log, n_cut, err);
    *n_events = o.n;
    if (st != DG_OK) dg_eventstore_close(out);
    return st;
}

void dg_eventstore_close(dg_eventstore **at)
{
    dg_eventstore *s = *at;
    if (s == NULL) return;
    dg_eventlog_close(&s->log);
    dg_free(s->users.at);
    dg_free(s->ids.turn);
    dg_free(s->ids.table);
    pthread_cond_destroy(&s->finished);
    pthread_mutex_destroy(&s->lock);
    dg_free(s);
    *at = NULL;
}

/* ---- taking ---- */

static bool is_full(dg_event_place next)
{
    return (next & (((uint64_t)1 << DG_EVENT_OFFSET_BITS) - 1)) >= DG_EVENT_SEGMENT;
}

/* The group that events go into now; with it `next` is known. The lock is held. */
static dg_status open_group(dg_eventstore *s, dg_err *err)
{
    dg_status st = DG_OK;
    while (s->filling == NULL && s->writing != NULL && is_full(s->next))
        pthread_cond_wait(&s->finished, &s->lock); /* then a segment can be begun */
    if (s->filling != NULL) return DG_OK;
    group *g = dg_alloc(1, sizeof *g);
    if (g == NULL) return no_memory(err);
    if (s->writing == NULL) st = dg_eventlog_next(s->log, &s->next, err);
    if (st != DG_OK) {
        dg_free(g);
        return st;
    }
    s->filling = g;
    return DG_OK;
}

static dg_status add_event(dg_eventstore *s, group *g, const dg_event_new *e, dg_taken *out,
                           dg_err *err)
{
    const dg_digest id = e->id.n > 0 ? dg_digest_of(e->id.at, e->id.n) : (dg_digest){0};
    if (e->id.n > 0 && has_id(&s->ids, id)) {
        out->duplicates++;
        return DG_OK;
    }
    step *grown = dg_grow(g->step, g->n, g->n + 1, &g->room, sizeof *grown);
    if (grown == NULL) return no_memory(err);
    g->step = grown;
    const uint64_t user = user_hash(e->user.at, e->user.n);
    slot *of = take_slot(&s->users, user);
    if (of == NULL) return no_memory(err);
    const size_t begin = g->lines.n;
    add_line(&g->lines, e, of->latest);
    if (g->lines.failed) return no_memory(err);
    g->step[g->n++] = (step){user, s->next, of->latest, e->id.n > 0, id};
    of->latest = s->next;
    s->next += g->lines.n - begin;
    if (e->id.n > 0) add_id(&s->ids, id);
    out->accepted++;
    return DG_OK;
}

/* As if the last `steps` of a group had never been. */
static void undo(dg_eventstore *s, group *g, size_t kept)
{
    while (g->n > kept) {
        const step *last = &g->step[--g->n];
        find_slot(&s->users, last->user)->latest = last->before;
        if (!last->has_id) continue;
        s->ids.next--;
        drop_id(&s->ids, (uint32_t)(s->ids.next % DG_EVENT_IDS));
    }
}

static void finish(dg_eventstore *s, group *g, dg_status st, const dg_err *err)
{
    g->status = st;
    if (st != DG_OK) g->err = *err;
    g->done = true;
    pthread_cond_broadcast(&s->finished);
}

/* Write the group that fills, with the lock held but while the disk is at work. What was begun
 * behind a group that fails has its places from it, so it fails too. */
static void write_group(dg_eventstore *s)
{
    dg_err err;
    group *g = s->writing = s->filling;
    s->filling = NULL;
    pthread_mutex_unlock(&s->lock);
    dg_status st = DG_OK; /* of nothing but duplicates of what is on disk by now */
    if (g->lines.n > 0) st = dg_eventlog_write(s->log, g->lines.at, g->lines.n, &err);
    pthread_mutex_lock(&s->lock);
    s->writing = NULL;
    for (size_t k = 0; k < g->n && st == DG_OK; k++)
        find_slot(&s->users, g->step[k].user)->shown = g->step[k].place;
    if (st != DG_OK) {
        if (s->filling != NULL) {
            undo(s, s->filling, 0);
            finish(s, s->filling, st, &err);
            s->filling = NULL;
        }
        undo(s, g, 0);
    }
    finish(s, g, st, &err);
}

/* Until the group is on disk, or is not: whoever waits first takes it there. */
static dg_status await(dg_eventstore *s, group *g, dg_err *err)
{
    while (!g->done) {
        if (s->writing == NULL && g == s->filling)
            write_group(s);
        else
            pthread_cond_wait(&s->finished, &s->lock);
    }
    const dg_status st = g->status;
    if (st != DG_OK) *err = g->err;
    if (--g->waiting == 0) {
        dg_text_free(&g->lines);
        dg_free(g->step);
        dg_free(g);
    }
    return st;
}

dg_status dg_eventstore_take(dg_eventstore *s, const dg_event_new *event, size_t n, dg_taken *out,
                             dg_err *err)
{
    *out = (dg_taken){0};
    pthread_mutex_lock(&s->lock);
    dg_status st = open_group(s, err);
    if (st != DG_OK) {
        s->figures.refused += n;
        pthread_mutex_unlock(&s->lock);
        return st;
    }
    group *g = s->filling;
    const size_t before = g->n, length = g->lines.n;
    for (size_t k = 0; k < n && st == DG_OK; k++) st = add_event(s, g, &event[k], out, err);
    g->waiting++;
    if (st != DG_OK) { /* nothing of it */
        undo(s, g, before);
        s->next -= g->lines.n - length;
        g->lines.n = length;
        g->lines.failed = false;
    }
    dg_err other;
    const dg_status written = await(s, g, st == DG_OK ? err : &other);
    if (st == DG_OK) st = written;
    s->figures.accepted += st == DG_OK ? (uint64_t)out->accepted : 0;
    s->figures.duplicates += st == DG_OK ? (uint64_t)out->duplicates : 0;
    s->figures.refused += st == DG_OK ? 0 : n;
    pthread_mutex_unlock(&s->lock);
    return st;
}

dg_eventstore_figures dg_eventstore_look(dg_eventstore *s)
{
    pthread_mutex_lock(&s->lock);
    dg_eventstore_figures out = s->figures;
    out.users = s->users.n;
    pthread_mutex_unlock(&s->lock);
    return out;
}

/* ---- reading back ---- */

dg_event_place dg_eventstore_latest(const dg_eventstore *s, const char *user, size_t n)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&s->lock;
    pthread_mutex_lock(lock);
    const dg_event_place place = find_slot(&s->users, user_hash(user, n))->shown;
    pthread_mutex_unlock(lock);
    return place;
}

/* The line at a place and, in *before, that of the user's event before it. NULL with *st. */
static json_t *event_at(const dg_eventstore *s, dg_event_place place, char *line,
                        dg_event_place *before, dg_status *st, dg_err *err)
{
    size_t n;
    *before = 0;
    *st = dg_eventlog_line(s->log, place, line, &n, err);
    if (*st == DG_ERR_NOINPUT)
        *st = DG_OK; /* an old segment that was taken away */
    else if (*st == DG_OK) {
        json_t *event = parse(line, n);
        const json_int_t to = json_integer_value(json_object_get(event, "before"));
        if (to > 0 && (dg_event_place)to < place) *before = (dg_event_place)to;
        if (event != NULL) return event;
        *st = DG_FAIL(err, DG_ERR_DATA, "events: the line at %" PRIu64 " is not an event", place);
    }
    return NULL;
}

static dg_status hand_over(const json_t *event, dg_event_met *read, void *context, dg_err *err)
{
    const dg_word_at item = text_of(event, "item"), kind = text_of(event, "event");
    const json_t *value = json_object_get(event, "value");
    const dg_event_seen seen = {
        .item = item.at,
        .n_item = item.n,
        .kind = kind.n > 0 ? kind.at : "",
        .value = value != NULL ? json_number_value(value) : NAN,
        .time = (int64_t)floor(json_number_value(json_object_get(event, "time")))};
    return read(context, &seen, err);
}

dg_status dg_eventstore_read(const dg_eventstore *s, const char *user, size_t n,
                             dg_event_place from, dg_event_place after, dg_event_met *read,
                             void *context, dg_err *err)
{
    json_t **found = dg_alloc(DG_EVENTS_OF_A_USER, sizeof *found);
    char *line = dg_alloc(DG_EVENT_LINE, 1);
    size_t n_found = 0;
    dg_status st = found == NULL || line == NULL ? no_memory(err) : DG_OK;
    for (dg_event_place at = from; st == DG_OK && at > after && n_found < DG_EVENTS_OF_A_USER;) {
        json_t *event = event_at(s, at, line, &at, &st, err);
        if (event == NULL) break;
        const dg_word_at whose = text_of(event, "user"); /* another's where hashes are the same */
        if (whose.n == n && memcmp(whose.at, user, n) == 0)
            found[n_found++] = event;
        else
            json_decref(event);
    }
    for (size_t k = n_found; k-- > 0;) {
        if (st == DG_OK) st = hand_over(found[k], read, context, err);
        json_decref(found[k]);
    }
    dg_free(line);
    dg_free(found);
    return st;
}
