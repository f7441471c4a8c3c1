#include "job/spool.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/strings.h"
#include "job/checkpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct dg_spool {
    char *local, *lasting;
    int64_t keep;
    double takes;
    pthread_t thread; /* which has all of this, but for `busy`, until it is joined */
    bool busy;
    int64_t sweep;
    dg_status status;
    dg_err err;
};

dg_status dg_spool_create(const char *local, const char *lasting, int64_t keep, dg_spool **out,
                          dg_err *err)
{
    dg_spool *s = *out = dg_alloc(1, sizeof *s);
    if (s == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for copying checkpoints");
    *s = (dg_spool){.local = dg_strdup(local), .lasting = dg_strdup(lasting), .keep = keep};
    if (s->local != NULL && s->lasting != NULL) return DG_OK;
    dg_spool_destroy(out);
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for copying checkpoints");
}

static dg_status copy(const dg_spool *s, dg_err *err)
{
    char from[DG_PATH], to[DG_PATH], temporary[DG_PATH + 8];
    dg_checkpoint_path(s->local, s->sweep, from, sizeof from);
    dg_checkpoint_path(s->lasting, s->sweep, to, sizeof to);
    snprintf(temporary, sizeof temporary, "%s.tmp", to);
    unlink(temporary); /* of a copy that failed */
    dg_status st = dg_file_copy(from, temporary, err);
    if (st == DG_OK && rename(temporary, to) != 0) {
        st = dg_err_errno(err, to, "cannot rename into place");
        unlink(temporary);
    }
    if (st == DG_OK) st = dg_folder_sync(s->lasting, err);
    if (st == DG_OK) dg_checkpoint_drop(s->lasting, s->keep);
    return st;
}

static void *work(void *context)
{
    dg_spool *s = context;
    const double began = dg_now();
    s->status = copy(s, &s->err);
    s->takes = dg_now() - began;
    return NULL;
}

dg_status dg_spool_wait(dg_spool *s, dg_err *err)
{
    if (s == NULL || !s->busy) return DG_OK;
    pthread_join(s->thread, NULL);
    s->busy = false;
    if (s->status != DG_OK) *err = s->err;
    return s->status;
}

dg_status dg_spool_start(dg_spool *s, int64_t sweep, dg_err *err)
{
    sigset_t all, before;
    const dg_status st = dg_spool_wait(s, err);
    if (st != DG_OK) return st;
    s->sweep = sweep;
    sigfillset(&all); /* signals are for the main thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->busy = pthread_create(&s->thread, NULL, work, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->busy ? DG_OK
                   : DG_FAIL(err, DG_ERR_NOMEM, "cannot start a thread for copying checkpoints");
}

double dg_spool_takes(const dg_spool *s) { return s == NULL || s->busy ? 0 : s->takes; }

void dg_spool_destroy(dg_spool **s)
{
    dg_err ignored;
    if (*s == NULL) return;
    dg_spool_wait(*s, &ignored);
    dg_free((*s)->local);
    dg_free((*s)->lasting);
    dg_free(*s);
    *s = NULL;
}
