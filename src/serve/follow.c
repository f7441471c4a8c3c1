#include "serve/follow.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct dg_follow {
    dg_server *server;
    dg_followed who;
    dg_champion_seen seen;
    bool lost; /* the registry could not be read, which was told */
    double seconds;
    bool stop, started;
    pthread_mutex_t lock; /* stop */
    pthread_cond_t wake;
    pthread_t thread;
};

dg_status dg_follow_open(const dg_followed *who, dg_champion_seen *seen, dg_node **node,
                         dg_err *err)
{
    enum { TRIES = 3 }; /* a version may be dropped between being named and being opened */
    char path[DG_PATH];
    dg_current now = {0};
    dg_status st = DG_ERR_NOINPUT;
    *node = NULL;
    for (int k = 0; k < TRIES && st == DG_ERR_NOINPUT; k++) {
        st = dg_registry_current(who->dir, who->model, &now, err);
        if (st != DG_OK) return st;
        if (now.champion[0] == '\0') {
            st = DG_FAIL(err, DG_ERR_NOINPUT, "%s/%s: no version has passed the gate yet", who->dir,
                         who->model);
            return dg_err_hint(err, st, "daogou rollback --to challenger serves one all the same");
        }
        dg_registry_path(who->dir, who->model, now.champion, "artifact.h5", path);
        st = dg_node_open_for(path, who->access, node, err);
    }
    seen->event = now.event;
    snprintf(seen->version, sizeof seen->version, "%s", now.champion);
    return st;
}

static void tell_lost(dg_follow *f, const dg_err *why)
{
    if (!f->lost)
        dg_log(DG_LOG_WARN, "registry-lost", "daogou-serve: %s; going on with %s", why->text,
               f->seen.version);
    f->lost = true;
}

static void look(dg_follow *f)
{
    dg_current now;
    dg_champion_seen seen;
    dg_node *node;
    dg_err err;
    if (dg_registry_current(f->who.dir, f->who.model, &now, &err) != DG_OK) {
        tell_lost(f, &err);
        return;
    }
    f->lost = false;
    if (now.event == f->seen.event) return;
    if (strcmp(now.champion, f->seen.version) == 0) { /* a challenger came */
        f->seen.event = now.event;
        return;
    }
    const double started = dg_now();
    dg_status st = dg_follow_open(&f->who, &seen, &node, &err);
    if (st == DG_OK) st = dg_server_swap(f->server, DG_ARM_CHAMPION, &node, &err);
    f->seen.event = now.event; /* not tried again before the registry changes */
    if (st != DG_OK) {
        dg_node_close(&node);
        dg_log(DG_LOG_WARN, "not-followed", "daogou-serve: cannot serve %s: %s; going on with %s",
               now.champion, err.text, f->seen.version);
        return;
    }
    dg_log(DG_LOG_INFO, "followed", "daogou-serve: %s in place of %s (ready in %.2f s)",
           seen.version, f->seen.version, dg_now() - started);
    f->seen = seen;
}

static void *follow(void *context)
{
    dg_follow *f = context;
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        const double wake = (double)until.tv_nsec / 1e9 + f->seconds;
        until.tv_sec += (time_t)wake;
        until.tv_nsec = (long)((wake - (double)(time_t)wake) * 1e9);
        if (pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0) continue;
        pthread_mutex_unlock(&f->lock);
        look(f);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

dg_status dg_follow_start(dg_server *server, const dg_followed *who, const dg_champion_seen *seen,
                          double seconds, dg_follow **out, dg_err *err)
{
    pthread_condattr_t monotonic;
    dg_follow *f = *out = dg_alloc(1, sizeof *f);
    if (f == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory to follow a registry");
    *f = (dg_follow){.server = server, .who = *who, .seen = *seen, .seconds = seconds};
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const int e = pthread_create(&f->thread, NULL, follow, f);
    f->started = e == 0;
    if (e == 0) return DG_OK;
    dg_follow_stop(out);
    return DG_FAIL(err, DG_ERR_IO, "cannot start a thread: %s", strerror(e));
}

void dg_follow_stop(dg_follow **follow_at)
{
    dg_follow *f = *follow_at;
    if (f == NULL) return;
    if (f->started) {
        pthread_mutex_lock(&f->lock);
        f->stop = true;
        pthread_cond_signal(&f->wake);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
    }
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    dg_free(f);
    *follow_at = NULL;
}
