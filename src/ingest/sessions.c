#include "ingest/sessions.h"

#include "base/memory.h"
#include "base/text.h"
#include "ingest/moments.h"

typedef struct dg_visits { /* at the owner of users */
    double gap;
    int64_t sessions;
} dg_visits;

/* The session of each event, from 1. */
static void number(void *context, const dg_moment *moment, int64_t n, int64_t *answer)
{
    dg_visits *v = context;
    for (int64_t k = 0, session = 0; k < n; k++) {
        const bool same = k > 0 && moment[k].user == moment[k - 1].user;
        const bool later = same && (double)moment[k].time - (double)moment[k - 1].time > v->gap;
        session = !same ? 1 : later ? session + 1 : session;
        v->sessions += !same || later;
        answer[moment[k].place] = session;
    }
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

static dg_status rename_users(const int64_t *session, dg_ids *users, dg_events *events, dg_err *err)
{
    dg_ids sessions = {0};
    dg_text text = {0};
    dg_status st = DG_OK;
    for (int64_t k = 0; k < events->n && st == DG_OK; k++) {
        int32_t *user = &events->chunk[k >> DG_CHUNK_BITS]->user[k & (DG_CHUNK - 1)];
        st = code_of(users, *user, session[k], &sessions, user, &text, err);
    }
    dg_text_free(&text);
    dg_ids_free(users);
    *users = sessions;
    return st;
}

dg_status dg_sessions_make(const dg_comm *c, double gap, dg_ids *users, dg_events *events,
                           int64_t *n, dg_err *err)
{
    dg_visits v = {.gap = gap};
    int64_t *session;
    dg_status st = dg_moments_ask(c, users, events, number, &v, &session, err);
    if (st == DG_OK) st = dg_agree(c, rename_users(session, users, events, err), err);
    dg_free(session);
    *n = v.sessions;
    dg_sum_int64(c, n, 1);
    return st;
}
