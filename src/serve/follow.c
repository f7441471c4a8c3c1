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
    double seconds;
    pthread_mutex_t looking; /* seen, lost: held for a whole look */
    dg_followed_seen seen;
    bool lost; /* the registry could not be read, which was told */
    bool stop, started;
    pthread_mutex_t lock; /* stop */
    pthread_cond_t wake;
    pthread_t thread;
};

/* Open a version, ready to answer in an arm. Without a challenger nobody need know of arms. */
static dg_status open_version(const dg_followed *who, dg_arm arm, const char *version,
                              dg_node **node, dg_err *err)
{
    char path[DG_PATH];
    *node = NULL;
    dg_registry_path(who->dir, who->model, version, "artifact.h5", path);
    dg_status st = dg_node_open_for(path, who->access, node, err);
    if (st == DG_OK)
        st = dg_node_mark(*node, version, who->challenger ? dg_arm_name(arm) : NULL, err);
    if (st == DG_OK && who->events != NULL)
        st = dg_node_take_events(*node, who->events, who->event_bytes, err);
    if (st == DG_OK) st = dg_node_rule(*node, who->rules, err);
    if (st == DG_OK) dg_node_warm(*node);
    if (st != DG_OK) dg_node_close(node);
    return st;
}

dg_status dg_follow_open(const dg_followed *who, dg_followed_seen *seen, dg_node **node,
                         dg_err *err)
{
    enum { TRIES = 3 }; /* a version may be dropped between being named and being opened */
    dg_current now = {0};
    dg_status st = DG_ERR_NOINPUT;
    *node = NULL;
    *seen = (dg_followed_seen){0};
    for (int k = 0; k < TRIES && st == DG_ERR_NOINPUT; k++) {
        st = dg_registry_current(who->dir, who->model, &now, err);
        if (st != DG_OK) return st;
        if (now.champion[0] == '\0') {
            st = DG_FAIL(err, DG_ERR_NOINPUT, "%s/%s: no version has passed the gate yet", who->dir,
                         who->model);
            return dg_err_hint(err, st, "daogou rollback --to challenger serves one all the same");
        }
        st = open_version(who, DG_ARM_CHAMPION, now.champion, node, err);
    }
    snprintf(seen->version[DG_ARM_CHAMPION], DG_VERSION_SIZE, "%s", now.champion);
    if (!who->challenger) seen->event = now.event; /* else the first look is for that one */
    return st;
}

static const char *or_none(const char *version) { return version[0] != '\0' ? version : "none"; }

static void tell_refused(dg_follow *f, dg_arm arm, const char *version, const dg_err *why)
{
    dg_err other;
    const char *now = or_none(f->seen.version[arm]);
    dg_server_refused(f->server, arm);
    dg_log(DG_LOG_WARN, "not-followed", "daogou-serve: cannot serve %s: %s; going on with %s",
           version, why->text, now);
    dg_audit_note(
        f->who.audit, "refused",
        json_pack("{s:s, s:s, s:s}", "arm", dg_arm_name(arm), "version", version, "why", why->text),
        &other);
}

static void tell_swapped(dg_follow *f, dg_arm arm, const char *version, double seconds)
{
    dg_err err;
    const char *before = or_none(f->seen.version[arm]);
    dg_log(DG_LOG_INFO, "followed", "daogou-serve: %s in place of %s (ready in %.2f s)%s",
           or_none(version), before, seconds, arm == DG_ARM_CHALLENGER ? " as challenger" : "");
    if (dg_audit_note(f->who.audit, "swap",
                      json_pack("{s:s, s:s, s:s}", "arm", dg_arm_name(arm), "from", before, "to",
                                or_none(version)),
                      &err) != DG_OK)
        dg_log(DG_LOG_WARN, "not-audited", "daogou-serve: %s", err.text);
}

/* Bring an arm to the version the registry names for it. */
static void follow_arm(dg_follow *f, dg_arm arm, const char *version)
{
    dg_node *node = NULL;
    dg_err err;
    char *now = f->seen.version[arm];
    const double started = dg_now();
    if (strcmp(version, now) == 0 || (version[0] == '\0' && arm == DG_ARM_CHAMPION)) return;
    dg_status st = version[0] != '\0' ? open_version(&f->who, arm, version, &node, &err) : DG_OK;
    if (st == DG_OK) st = dg_server_swap(f->server, arm, &node, &err);
    if (st != DG_OK) {
        dg_node_close(&node);
        tell_refused(f, arm, version, &err);
        return;
    }
    tell_swapped(f, arm, version, dg_now() - started);
    snprintf(now, DG_VERSION_SIZE, "%s", version);
}

static void look(dg_follow *f)
{
    dg_current now;
    dg_err err;
    if (dg_registry_current(f->who.dir, f->who.model, &now, &err) != DG_OK) {
        if (!f->lost)
            dg_log(DG_LOG_WARN, "registry-lost", "daogou-serve: %s; going on with %s", err.text,
                   f->seen.version[DG_ARM_CHAMPION]);
        f->lost = true;
        return;
    }
    f->lost = false;
    if (now.event == f->seen.event) return;
    f->seen.event = now.event; /* what fails is not tried again before the registry changes */
    follow_arm(f, DG_ARM_CHAMPION, now.champion);
    if (f->who.challenger) follow_arm(f, DG_ARM_CHALLENGER, now.challenger);
}

void dg_follow_look(dg_follow *f)
{
    pthread_mutex_lock(&f->looking);
    look(f);
    pthread_mutex_unlock(&f->looking);
}

static void *follow(void *context)
{
    dg_follow *f = context;
    if (f->who.challenger) dg_follow_look(f);
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        const double wake = (double)until.tv_nsec / 1e9 + f->seconds;
        until.tv_sec += (time_t)wake;
        until.tv_nsec = (long)((wake - (double)(time_t)wake) * 1e9);
        if (pthread_cond_timedwait(&f->wake, &f->lock, &until) == 0) continue;
        pthread_mutex_unlock(&f->lock);
        dg_follow_look(f);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

dg_status dg_follow_start(dg_server *server, const dg_followed *who, const dg_followed_seen *seen,
                          double seconds, dg_follow **out, dg_err *err)
{
    pthread_condattr_t monotonic;
    dg_follow *f = *out = dg_alloc(1, sizeof *f);
    if (f == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory to follow a registry");
    *f = (dg_follow){.server = server, .who = *who, .seen = *seen, .seconds = seconds};
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_init(&f->looking, NULL);
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
    pthread_mutex_destroy(&f->looking);
    dg_free(f);
    *follow_at = NULL;
}
