#include "ingest/moments.h"

#include "base/memory.h"
#include "comm/exchange.h"

#include <stdlib.h>
#include <string.h>

typedef struct dg_inquiry { /* one run of dg_moments_ask */
    dg_directory directory;
    int64_t *local;           /* (n_local,) the owner's number of each user */
    int32_t *owner;           /* (n_local,) */
    int64_t *count, *arrived; /* (size,) events to and from each rank */
    int64_t *next;            /* (size + 1,) place of each owner's next event */
    dg_moment *sending;       /* (events,) grouped by owner */
} dg_inquiry;

static void free_inquiry(dg_inquiry *q)
{
    dg_directory_destroy(&q->directory);
    dg_free(q->local);
    dg_free(q->owner);
    dg_free(q->count);
    dg_free(q->arrived);
    dg_free(q->next);
    dg_free(q->sending);
}

/* Which rank each local user went to: `sent` lists them by owner. */
static void find_owners(const dg_comm *c, dg_inquiry *q)
{
    int64_t at = 0;
    for (int r = 0; r < c->size; r++)
        for (const int64_t end = at + q->directory.send_count[r]; at < end; at++)
            q->owner[q->directory.sent[at]] = r;
}

static dg_status open_inquiry(const dg_comm *c, const dg_events *events, dg_inquiry *q, dg_err *err)
{
    const size_t n = (size_t)q->directory.n_local;
    q->local = dg_alloc(n, sizeof *q->local);
    q->owner = dg_alloc(n, sizeof *q->owner);
    q->count = dg_alloc((size_t)c->size, sizeof *q->count);
    q->arrived = dg_alloc((size_t)c->size, sizeof *q->arrived);
    q->next = dg_alloc((size_t)c->size + 1, sizeof *q->next);
    q->sending = dg_alloc((size_t)events->n, sizeof *q->sending);
    if (q->local == NULL || q->owner == NULL || q->count == NULL || q->arrived == NULL ||
        q->next == NULL || q->sending == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory asking about the times of %lld ratings",
                       (long long)events->n);
    find_owners(c, q);
    for (int64_t k = 0; k < events->n; k++) q->count[q->owner[dg_events_at(events, k).user]]++;
    return DG_OK;
}

/* The owners' numbers of the users of this rank. COLLECTIVE. */
static dg_status learn_numbers(const dg_comm *c, dg_inquiry *q, dg_err *err)
{
    const int64_t n = q->directory.ids.text.n;
    int64_t *own = dg_alloc((size_t)n, sizeof *own);
    dg_status st =
        own == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory numbering %lld users", (long long)n)
                    : DG_OK;
    st = dg_agree(c, st, err);
    for (int64_t k = 0; k < n && st == DG_OK; k++) own[k] = k;
    if (st == DG_OK) st = dg_directory_answer(&q->directory, own, q->local, err);
    dg_free(own);
    return st;
}

/* First place of each owner's events. */
static void find_places(const dg_comm *c, dg_inquiry *q)
{
    q->next[0] = 0;
    for (int r = 0; r < c->size; r++) q->next[r + 1] = q->next[r] + q->count[r];
}

static void pack(const dg_comm *c, const dg_events *events, dg_inquiry *q)
{
    find_places(c, q);
    for (int64_t k = 0; k < events->n; k++) {
        const dg_rating r = dg_events_at(events, k);
        q->sending[q->next[q->owner[r.user]]++] = (dg_moment){q->local[r.user], r.time, 0};
    }
}

static int compare_moments(const void *a, const void *b)
{
    const dg_moment *x = a, *y = b;
    if (x->user != y->user) return x->user < y->user ? -1 : 1;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static dg_status judge_arrivals(dg_moment *moment, int64_t n, dg_moments_judge *judge,
                                void *context, int64_t **out, dg_err *err)
{
    *out = dg_alloc((size_t)n, sizeof **out);
    if (*out == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory judging the times of %lld ratings",
                       (long long)n);
    for (int64_t k = 0; k < n; k++) moment[k].place = k;
    qsort(moment, (size_t)n, sizeof *moment, compare_moments);
    judge(context, moment, n, *out);
    return DG_OK;
}

/* Answers come in the order events were sent, which is theirs but for the grouping by owner. */
static dg_status unpack(const dg_comm *c, const dg_events *events, const int64_t *answer,
                        dg_inquiry *q, int64_t **out, dg_err *err)
{
    *out = dg_alloc((size_t)events->n, sizeof **out);
    if (*out == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for answers about %lld ratings",
                       (long long)events->n);
    find_places(c, q);
    for (int64_t k = 0; k < events->n; k++)
        (*out)[k] = answer[q->next[q->owner[dg_events_at(events, k).user]]++];
    return DG_OK;
}

static dg_status ask(const dg_comm *c, const dg_events *events, dg_moments_judge *judge,
                     void *context, dg_inquiry *q, int64_t **out, dg_err *err)
{
    int64_t total = 0, *number = NULL;
    void *moment = NULL, *answer = NULL;
    dg_status st = dg_agree(c, open_inquiry(c, events, q, err), err);
    if (st == DG_OK) st = learn_numbers(c, q, err);
    if (st != DG_OK) return st;
    pack(c, events, q);
    st = dg_exchange(c, q->sending, sizeof *q->sending, q->count, &moment, q->arrived, err);
    for (int r = 0; r < c->size && st == DG_OK; r++) total += q->arrived[r];
    if (st == DG_OK)
        st = dg_agree(c, judge_arrivals(moment, total, judge, context, &number, err), err);
    dg_free(moment);
    if (st == DG_OK)
        st = dg_exchange(c, number, sizeof *number, q->arrived, &answer, q->count, err);
    dg_free(number);
    if (st == DG_OK) st = dg_agree(c, unpack(c, events, answer, q, out, err), err);
    dg_free(answer);
    return st;
}

dg_status dg_moments_ask(const dg_comm *c, const dg_ids *users, const dg_events *events,
                         dg_moments_judge *judge, void *context, int64_t **answer, dg_err *err)
{
    dg_inquiry q = {0};
    *answer = NULL;
    dg_status st = dg_directory_create(c, users, &q.directory, err);
    if (st == DG_OK) st = ask(c, events, judge, context, &q, answer, err);
    free_inquiry(&q);
    if (st != DG_OK) {
        dg_free(*answer);
        *answer = NULL;
    }
    return st;
}
