#include "serve/ruling.h"

#include "base/log.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

struct dg_ruling {
    char *path;
    dg_goods *goods;
    dg_rules *rules; /* what holds; guarded by `reading` */
    pthread_rwlock_t reading;
    bool refused; /* the file as it is was told to be of no use */
    bool stop, started;
    pthread_mutex_t lock; /* stop */
    pthread_cond_t wake;
    pthread_t thread;
};

/* A pin of a good that this model does not have rests; whoever wrote it should know. */
static void tell_idle(const dg_ruling *r)
{
    int n;
    const dg_rule *rule = dg_rules_at(r->rules, &n);
    for (int k = 0; k < n; k++)
        if (rule[k].idle)
            dg_log(DG_LOG_WARN, "rule-idle",
                   "daogou-serve: %s: rule %s rests: the model has no such good", r->path,
                   rule[k].name);
}

static void look(dg_ruling *r)
{
    dg_rules *fresh = NULL, *old;
    dg_err err;
    if (!dg_rules_changed(r->rules)) return;
    const dg_status st = dg_rules_open(r->path, r->goods, &fresh, &err);
    if (st != DG_OK) {
        if (!r->refused)
            dg_log(DG_LOG_WARN, "rules-refused", "daogou-serve: %s%s%s; the rules before it go on",
                   err.text, err.hint[0] == '\0' ? "" : "; ", err.hint);
        r->refused = true;
        return;
    }
    pthread_rwlock_wrlock(&r->reading);
    old = r->rules;
    r->rules = fresh;
    pthread_rwlock_unlock(&r->reading);
    r->refused = false;
    dg_rules_close(&old);
    dg_log(DG_LOG_INFO, "rules-read", "daogou-serve: %s: rules read again", r->path);
    tell_idle(r);
}

static void *watch(void *context)
{
    dg_ruling *r = context;
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        if (pthread_cond_timedwait(&r->wake, &r->lock, &until) == 0) continue;
        pthread_mutex_unlock(&r->lock);
        look(r);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void open_locks(dg_ruling *r)
{
    pthread_condattr_t monotonic;
    pthread_rwlockattr_t
        writers_first; /* or lists that overlap would keep new rules out for ever */
    pthread_rwlockattr_init(&writers_first);
    pthread_rwlockattr_setkind_np(&writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&r->reading, &writers_first);
    pthread_rwlockattr_destroy(&writers_first);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

dg_status dg_ruling_open(const char *path, dg_goods *goods, dg_ruling **out, dg_err *err)
{
    dg_ruling *r = *out = dg_alloc(1, sizeof *r);
    if (r == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    open_locks(r);
    r->goods = goods;
    r->path = dg_strdup(path);
    dg_status st = r->path == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path)
                                   : dg_rules_open(path, goods, &r->rules, err);
    if (st == DG_OK) {
        tell_idle(r);
        const int e = pthread_create(&r->thread, NULL, watch, r);
        r->started = e == 0;
        if (e != 0) st = DG_FAIL(err, DG_ERR_IO, "cannot start a thread: %s", strerror(e));
    }
    if (st != DG_OK) dg_ruling_close(out);
    return st;
}

const dg_rules *dg_ruling_take(dg_ruling *r)
{
    if (r == NULL) return NULL;
    pthread_rwlock_rdlock(&r->reading);
    return r->rules;
}

void dg_ruling_give(dg_ruling *r)
{
    if (r != NULL) pthread_rwlock_unlock(&r->reading);
}

void dg_ruling_close(dg_ruling **ruling)
{
    dg_ruling *r = *ruling;
    if (r == NULL) return;
    if (r->started) {
        pthread_mutex_lock(&r->lock);
        r->stop = true;
        pthread_cond_signal(&r->wake);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->thread, NULL);
    }
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    pthread_rwlock_destroy(&r->reading);
    dg_rules_close(&r->rules);
    dg_free(r->path);
    dg_free(r);
    *ruling = NULL;
}
