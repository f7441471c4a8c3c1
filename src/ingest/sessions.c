#include "ingest/sessions.h"

#include "base/memory.h"
#include "base/text.h"
#include "comm/exchange.h"

#include <stdlib.h>
#include <string.h>

typedef struct dg_moment { /* an event on its way to the owner of its user */
    int64_t user;          /* as the owner numbers it */
    int64_t time;
    int64_t place; /* at the owner: among the arrivals, hence in the order of the input */
} dg_moment;

typedef struct dg_visits { /* one run of dg_sessions_make */
    dg_directory directory;
    int64_t *local;           /* (n_local,) the owner's number of each user */
    int32_t *owner;           /* (n_local,) */
    int64_t *count, *arrived; /* (size,) events to and from each rank */
    dg_moment *sending;       /* (events,) grouped by owner */
    int64_t *session;         /* (arrivals,) number of each, from 1 */
} dg_visits;

static void free_visits(dg_visits *v)
{
    dg_directory_destroy(&v->directory);
    dg_free(v->local);
    dg_free(v->owner);
    dg_free(v->count);
    dg_free(v->arrived);
    dg_free(v->sending);
    dg_free(v->session);
}

/* Which rank each local user went to: `sent` lists them by owner. */
static void find_owners(const dg_comm *c, dg_visits *v)
{
    int64_t at = 0;
    for (int r = 0; r < c->size; r++)
        for (const int64_t end = at + v->directory.send_count[r]; at < end; at++)
            v->owner[v->directory.sent[at]] = r;
}

static dg_status open_visits(const dg_comm *c, const dg_events *events, dg_visits *v, dg_err *err)
{
    const size_t n = (size_t)v->directory.n_local;
    v->local = dg_alloc(n, sizeof *v->local);
    v->owner = dg_alloc(n, sizeof *v->owner);
    v->count = dg_alloc((size_t)c->size, sizeof *v->count);
    v->arrived = dg_alloc((size_t)c->size, sizeof *v->arrived);
    v->sending = dg_alloc((size_t)events->n, sizeof *v->sending);
    if (v->local == NULL || v->owner == NULL || v->count == NULL || v->arrived == NULL ||
        v->sending == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for sessions of %lld ratings",
                       (long long)events->n);
    find_owners(c, v);
    return DG_OK;
}

/* First place of each owner's events. */
static dg_status find_places(const dg_comm *c, const dg_events *events, dg_visits *v,
                             int64_t **next, dg_err *err)
{
    *next = dg_alloc((size_t)c->size + 1, sizeof **next);
    if (*next == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for sessions");
    memset(v->count, 0, (size_t)c->size * sizeof *v->count);
    for (int64_t k = 0; k < events->n; k++) v->count[v->owner[dg_events_at(events, k).user]]++;
    for (int r = 0; r < c->size; r++) (*next)[r + 1] = (*next)[r] + v->count[r];
    return DG_OK;
}

static dg_status pack(const dg_comm *c, const dg_events *events, dg_visits *v, dg_err *err)
{
    int64_t *next;
    const dg_status st = find_places(c, events, v, &next, err);
    for (int64_t k = 0; k < events->n && st == DG_OK; k++) {
        const dg_rating r = dg_events_at(events, k);
        v->sending[next[v->owner[r.user]]++] = (dg_moment){v->local[r.user], r.time, 0};
    }
    dg_free(next);
    return st;
}

static int compare_moments(const void *a, const void *b)
{
    const dg_moment *x = a, *y = b;
    if (x->user != y->user) return x->user < y->user ? -1 : 1;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* The owner's part: the session of every arrival. */
static dg_status number(dg_moment *moment, int64_t n, double gap, dg_visits *v, int64_t *sessions,
                        dg_err *err)
{
    v->session = dg_alloc((size_t)n, sizeof *v->session);
    if (v->session == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for sessions of %lld ratings",
                       (long long)n);
    for (int64_t k = 0; k < n; k++) moment[k].place = k;
    qsort(moment, (size_t)n, sizeof *moment, compare_moments);
    for (int64_t k = 0, session = 0; k < n; k++) {
        const bool same = k > 0 && moment[k].user == moment[k - 1].user;
        const bool later = same && (double)moment[k].time - (double)moment[k - 1].time > gap;
        session = !same ? 1 : later ? session + 1 : session;
        *sessions += !same || later;
        v->session[moment[k].place] = session;
    }
    return DG_OK;
}

/* "u#3" for the third session of u. */
static dg_status code_of(const dg_ids *users, int32_t user, int64_t session, dg_ids *out,
                         int32_t *code, dg_text *text, dg_err *err)
{
    size_t n;
    const char *id = dg_strings_at(&users->text, user, &n);
    text->n = 0;
    dg_text_bytes(text, id, n);
    dg_text_add(text, "#%lld", (long long)session);
    if (text->failed) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a session");
    return dg_ids_code(out, text->at, text->n, code, err);
}

/* Answers come in the order events were sent, which is theirs but for the grouping by owner. */
static dg_status rename_users(const dg_comm *c, const int64_t *answer, dg_visits *v, dg_ids *users,
                              dg_events *events, dg_err *err)
{
    int64_t *next;
    dg_ids sessions = {0};
    dg_text text = {0};
    dg_status st = find_places(c, events, v, &next, err);
    for (int64_t k = 0; k < events->n && st == DG_OK; k++) {
        int32_t *user = &events->chunk[k >> DG_CHUNK_BITS]->user[k & (DG_CHUNK - 1)];
        st = code_of(users, *user, answer[next[v->owner[*user]]++], &sessions, user, &text, err);
    }
    dg_free(next);
    dg_text_free(&text);
    dg_ids_free(users);
    *users = sessions;
    return st;
}

static dg_status make(const dg_comm *c, double gap, dg_visits *v, dg_ids *users, dg_events *events,
                      int64_t *n, dg_err *err)
{
    dg_status st = dg_agree(c, open_visits(c, events, v, err), err);
    int64_t *own = NULL, total = 0;
    void *moment = NULL, *answer = NULL;
    if (st == DG_OK) {
        own = dg_alloc((size_t)v->directory.ids.text.n, sizeof *own);
        st = own == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for sessions") : DG_OK;
        st = dg_agree(c, st, err);
    }
    for (int64_t k = 0; k < v->directory.ids.text.n && st == DG_OK; k++) own[k] = k;
    if (st == DG_OK) st = dg_directory_answer(&v->directory, own, v->local, err);
    if (st == DG_OK) st = dg_agree(c, pack(c, events, v, err), err);
    if (st == DG_OK)
        st = dg_exchange(c, v->sending, sizeof *v->sending, v->count, &moment, v->arrived, err);
    for (int r = 0; r < c->size && st == DG_OK; r++) total += v->arrived[r];
    if (st == DG_OK) st = dg_agree(c, number(moment, total, gap, v, n, err), err);
    dg_free(moment);
    if (st == DG_OK)
        st = dg_exchange(c, v->session, sizeof *v->session, v->arrived, &answer, v->count, err);
    if (st == DG_OK) st = dg_agree(c, rename_users(c, answer, v, users, events, err), err);
    dg_free(answer);
    dg_free(own);
    dg_sum_int64(c, n, 1);
    return st;
}

dg_status dg_sessions_make(const dg_comm *c, double gap, dg_ids *users, dg_events *events,
                           int64_t *n, dg_err *err)
{
    dg_visits v = {0};
    *n = 0;
    dg_status st = dg_directory_create(c, users, &v.directory, err);
    if (st == DG_OK) st = make(c, gap, &v, users, events, n, err);
    free_visits(&v);
    return st;
}
