#include "serve/watch.h"

#include "base/clock.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct dg_watched {
    _Atomic double since; /* dg_now() at which the phase began */
    int fd;               /* -1 while the slot is free */
    dg_watched *next;     /* free slots */
};

struct dg_watch {
    dg_watched *slot; /* (n,) */
    size_t n;
    double limit;
    dg_watched *free;
    bool stop, started;
    pthread_mutex_t lock; /* all but slot.since */
    pthread_cond_t wake;
    pthread_t thread;
};

static void end_late(dg_watch *w)
{
    const double now = dg_now();
    for (size_t k = 0; k < w->n; k++) {
        dg_watched *at = &w->slot[k];
        if (at->fd < 0 || now - atomic_load(&at->since) <= w->limit) continue;
        shutdown(at->fd, SHUT_RDWR); /* its own thread sees the end and closes it */
        atomic_store(&at->since, now);
    }
}

static void *watch(void *context)
{
    dg_watch *w = context;
    const double pause = w->limit / 4 < 1 ? w->limit / 4 : 1;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        const double wake = (double)until.tv_nsec / 1e9 + pause;
        until.tv_sec += (time_t)wake;
        until.tv_nsec = (long)((wake - (double)(time_t)wake) * 1e9);
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
        end_late(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

dg_status dg_watch_create(size_t n, double limit_seconds, dg_watch **out, dg_err *err)
{
    pthread_condattr_t monotonic;
    *out = NULL;
    dg_watch *w = dg_alloc(1, sizeof *w);
    if (w == NULL || (w->slot = dg_alloc(n, sizeof *w->slot)) == NULL) {
        dg_free(w);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory to watch %zu connections", n);
    }
    w->n = n;
    w->limit = limit_seconds;
    for (size_t k = 0; k < n; k++) {
        w->slot[k].fd = -1;
        w->slot[k].next = w->free;
        w->free = &w->slot[k];
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const int e = pthread_create(&w->thread, NULL, watch, w);
    w->started = e == 0;
    if (e != 0) {
        dg_watch_destroy(&w);
        return DG_FAIL(err, DG_ERR_IO, "cannot start a thread: %s", strerror(e));
    }
    *out = w;
    return DG_OK;
}

void dg_watch_destroy(dg_watch **w)
{
    if (*w == NULL) return;
    if ((*w)->started) {
        pthread_mutex_lock(&(*w)->lock);
        (*w)->stop = true;
        pthread_cond_signal(&(*w)->wake);
        pthread_mutex_unlock(&(*w)->lock);
        pthread_join((*w)->thread, NULL);
    }
    pthread_cond_destroy(&(*w)->wake);
    pthread_mutex_destroy(&(*w)->lock);
    dg_free((*w)->slot);
    dg_free(*w);
    *w = NULL;
}

dg_watched *dg_watch_enter(dg_watch *w, int fd)
{
    pthread_mutex_lock(&w->lock);
    dg_watched *at = w->free;
    if (at != NULL) {
        w->free = at->next;
        at->fd = fd;
        atomic_store(&at->since, dg_now());
    }
    pthread_mutex_unlock(&w->lock);
    return at;
}

void dg_watch_touch(dg_watched *at)
{
    if (at != NULL) atomic_store(&at->since, dg_now());
}

void dg_watch_leave(dg_watch *w, dg_watched *at)
{
    if (at == NULL) return;
    pthread_mutex_lock(&w->lock);
    at->fd = -1;
    at->next = w->free;
    w->free = at;
    pthread_mutex_unlock(&w->lock);
}
