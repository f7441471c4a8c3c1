#include "serve/shadow.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "serve/answers.h"

#include <pthread.h>
#include <string.h>

enum { ROOM = 256 /* requests behind */, TOP = 20 /* places compared */ };

/* What the challenger is to answer, and what the champion did. */
typedef struct task {
    char user[DG_MAX_ID], id[DG_REQUEST_ID];
    size_t n_user;
    const dg_route *route;
    int k;
    bool exclude_seen;
    uint64_t good[TOP]; /* (n,) hashes of ids: rows of two models differ */
    int n;
} task;

struct dg_shadow {
    dg_arms *arms;
    dg_ledger *ledger;
    dg_histogram *seconds, *overlap;
    dg_counter *dropped;
    task *ring; /* (ROOM,) those from `first` on wait */
    int first, n;
    bool stop, started;
    pthread_mutex_t lock; /* ring, first, n, stop */
    pthread_cond_t wake;
    pthread_t thread;
};

static int hash_goods(const dg_artifact *a, const dg_list *list, uint64_t hash[TOP])
{
    const int n = list->n < TOP ? list->n : TOP;
    for (int k = 0; k < n; k++) {
        size_t length;
        const char *name = dg_names_at(&a->item_id, list->hit[k].index, &length);
        hash[k] = dg_id_hash(name, length);
    }
    return n;
}

typedef struct hearing {
    dg_shadow *shadow;
    const task *task;
    const dg_visit *visit;
} hearing;

static void hear(void *context, const dg_request *request, const dg_list *list)
{
    const hearing *h = context;
    uint64_t good[TOP];
    int shared = 0;
    const int n = hash_goods(dg_node_artifact(h->visit->shift->node), list, good);
    const int most = n > h->task->n ? n : h->task->n;
    for (int a = 0; a < n; a++)
        for (int b = 0; b < h->task->n; b++) shared += good[a] == h->task->good[b];
    if (most > 0) dg_observe(h->shadow->overlap, (double)shared / most);
    dg_ledger_shadowed(h->shadow->ledger, h->visit, request, list);
}

static void answer(dg_shadow *s, const task *t)
{
    dg_visit v = {
        .route = t->route, .shift = dg_arms_take_arm(s->arms, DG_ARM_CHALLENGER), .chance = 1};
    hearing h = {s, t, &v};
    dg_request request = {.route = t->route,
                          .n_id = t->n_user,
                          .k = t->k,
                          .exclude_seen = t->exclude_seen,
                          .hear = hear,
                          .hearer = &h};
    if (v.shift == NULL) return; /* no challenger at the moment */
    strcpy(v.id, t->id);
    memcpy(request.id, t->user, t->n_user);
    const double begin = dg_now();
    dg_free(dg_node_answer(v.shift->node, &request).owned);
    dg_observe(s->seconds, dg_now() - begin);
    dg_arms_leave(s->arms, v.shift);
}

static void *work(void *context)
{
    dg_shadow *s = context;
    task mine;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        if (s->n == 0) {
            pthread_cond_wait(&s->wake, &s->lock);
            continue;
        }
        mine = s->ring[s->first];
        s->first = (s->first + 1) % ROOM;
        s->n--;
        pthread_mutex_unlock(&s->lock);
        answer(s, &mine);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

dg_status dg_shadow_start(dg_arms *arms, dg_ledger *ledger, dg_metrics *m, dg_shadow **out,
                          dg_err *err)
{
    static const double shares[] = {0, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1};
    int n;
    const double *latency = dg_latency_bounds(&n);
    dg_shadow *s = *out = dg_alloc(1, sizeof *s);
    if (s == NULL || (s->ring = dg_alloc(ROOM, sizeof *s->ring)) == NULL) {
        dg_free(s);
        *out = NULL;
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a shadow");
    }
    s->arms = arms;
    s->ledger = ledger;
    s->seconds =
        dg_metrics_histogram(m, "daogou_shadow_seconds", "",
                             "Time of the challenger's answers in the shadow.", latency, n);
    s->overlap = dg_metrics_histogram(m, "daogou_shadow_overlap", "",
                                      "Share of the first 20 goods that both models would show.",
                                      shares, sizeof shares / sizeof *shares);
    s->dropped = dg_metrics_counter(m, "daogou_shadow_dropped_total", "",
                                    "Requests left out, as the shadow was behind.");
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    const int e = pthread_create(&s->thread, NULL, work, s);
    s->started = e == 0;
    if (e == 0) return DG_OK;
    dg_shadow_stop(out);
    return DG_FAIL(err, DG_ERR_IO, "cannot start a thread: %s", strerror(e));
}

void dg_shadow_stop(dg_shadow **shadow)
{
    dg_shadow *s = *shadow;
    if (s == NULL) return;
    if (s->started) {
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
    }
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    dg_free(s->ring);
    dg_free(s);
    *shadow = NULL;
}

static bool is_plain(const dg_request *r)
{
    size_t n;
    return dg_request_user(r, &n) != NULL && n > 0 && r->route->body == 0 &&
           r->route->answer == dg_answer_recommend &&
           (r->given & ~(unsigned)(DG_TAKES_K | DG_TAKES_EXCLUDE_SEEN)) == 0;
}

void dg_shadow_offer(dg_shadow *s, const dg_visit *v, const dg_request *request,
                     const dg_list *list)
{
    if (s == NULL || !is_plain(request)) return;
    pthread_mutex_lock(&s->lock);
    if (s->n == ROOM) {
        dg_count(s->dropped, 1);
    } else {
        task *t = &s->ring[(s->first + s->n++) % ROOM];
        memcpy(t->user, request->id, request->n_id);
        t->n_user = request->n_id;
        strcpy(t->id, v->id);
        t->route = request->route;
        t->k = request->k;
        t->exclude_seen = request->exclude_seen;
        t->n = hash_goods(dg_node_artifact(v->shift->node), list, t->good);
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->lock);
}
