#include "serve/later.h"

#include "base/memory.h"

#include <pthread.h>
#include <string.h>

struct dg_later {
    dg_later_work *work;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    void **ring; /* (most,) */
    size_t most, first, n;
    bool stopped;
    pthread_t *thread;
    int n_threads;
};

static void *work_on(void *of)
{
    dg_later *l = of;
    pthread_mutex_lock(&l->lock);
    while (l->n > 0 || !l->stopped) {
        if (l->n == 0) {
            pthread_cond_wait(&l->wake, &l->lock);
            continue;
        }
        void *next = l->ring[l->first];
        l->first = (l->first + 1) % l->most;
        l->n--;
        pthread_mutex_unlock(&l->lock);
        l->work(l->context, next);
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

dg_status dg_later_start(int threads, size_t most, dg_later_work *work, void *context,
                         dg_later **out, dg_err *err)
{
    dg_later *l = *out = dg_alloc(1, sizeof *l);
    if (l == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for threads that wait");
    *l = (dg_later){.work = work, .context = context, .most = most};
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, NULL);
    l->ring = dg_alloc(most, sizeof(void *));
    l->thread = dg_alloc((size_t)threads, sizeof *l->thread);
    dg_status st = l->ring == NULL || l->thread == NULL
                       ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for threads that wait")
                       : DG_OK;
    while (st == DG_OK && l->n_threads < threads) {
        const int e = pthread_create(&l->thread[l->n_threads], NULL, work_on, l);
        if (e != 0)
            st = DG_FAIL(err, DG_ERR_IO, "cannot start a thread: %s", strerror(e));
        else
            l->n_threads++;
    }
    if (st != DG_OK) dg_later_destroy(out);
    return st;
}

bool dg_later_put(dg_later *l, void *of)
{
    pthread_mutex_lock(&l->lock);
    const bool good = !l->stopped && l->n < l->most;
    if (good) {
        l->ring[(l->first + l->n++) % l->most] = of;
        pthread_cond_signal(&l->wake);
    }
    pthread_mutex_unlock(&l->lock);
    return good;
}

void dg_later_stop(dg_later *l)
{
    if (l == NULL) return;
    pthread_mutex_lock(&l->lock);
    l->stopped = true;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
    for (; l->n_threads > 0; l->n_threads--) pthread_join(l->thread[l->n_threads - 1], NULL);
}

void dg_later_destroy(dg_later **at)
{
    if (*at == NULL) return;
    dg_later_stop(*at);
    pthread_cond_destroy(&(*at)->wake);
    pthread_mutex_destroy(&(*at)->lock);
    dg_free((*at)->ring);
    dg_free((*at)->thread);
    dg_free(*at);
    *at = NULL;
}
