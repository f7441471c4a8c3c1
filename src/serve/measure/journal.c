#include "serve/measure/journal.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20 }; /* bytes of lines on their way; two of them */

typedef struct side {
    char *at; /* (ROOM,) */
    size_t n;
    uint64_t lines;
} side;

struct dg_journal {
    char *path;
    int fd; /* the writer's own, but for reopening */
    side side[2];
    int filling; /* the side that lines go to */
    uint64_t dropped;
    bool stop, started, reopen;
    int reopen_errno;
    pthread_mutex_t lock; /* all above, but the side and fd being written */
    pthread_cond_t wake, idle;
    pthread_t thread;
};

static int open_file(const char *path)
{
    if (strcmp(path, "-") == 0) return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

static bool put(int fd, const char *at, size_t n)
{
    while (n > 0) {
        const ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        at += done;
        n -= (size_t)done;
    }
    return true;
}

/* With the lock held, which is let go of while the disk is at work. */
static void pour(dg_journal *j)
{
    side *full = &j->side[j->filling];
    if (full->n == 0) return;
    j->filling = 1 - j->filling;
    pthread_mutex_unlock(&j->lock);
    const bool written = put(j->fd, full->at, full->n);
    pthread_mutex_lock(&j->lock);
    if (!written) j->dropped += full->lines;
    full->n = 0;
    full->lines = 0;
}

static void reopen(dg_journal *j)
{
    const int fd = open_file(j->path);
    j->reopen_errno = fd < 0 ? errno : 0;
    j->reopen = false;
    if (fd < 0) return;
    close(j->fd);
    j->fd = fd;
}

static void *write_out(void *context)
{
    dg_journal *j = context;
    pthread_mutex_lock(&j->lock);
    while (!j->stop || j->side[j->filling].n > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 250000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        if (!j->stop && !j->reopen && j->side[j->filling].n < ROOM / 2)
            pthread_cond_timedwait(&j->wake, &j->lock, &until);
        pour(j);
        if (j->reopen) reopen(j);
        pthread_cond_broadcast(&j->idle);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

dg_status dg_journal_open(const char *path, dg_journal **out, dg_err *err)
{
    dg_journal *j = *out = dg_alloc(1, sizeof *j);
    if (j == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    j->fd = -1;
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->wake, NULL);
    pthread_cond_init(&j->idle, NULL);
    j->path = dg_strdup(path);
    dg_status st = DG_OK;
    for (int k = 0; k < 2; k++)
        if ((j->side[k].at = dg_alloc(ROOM, 1)) == NULL) st = DG_ERR_NOMEM;
    if (j->path == NULL || st != DG_OK)
        st = DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    else if ((j->fd = open_file(path)) < 0)
        st = dg_err_errno(err, path, "cannot open");
    if (st == DG_OK) {
        const int e = pthread_create(&j->thread, NULL, write_out, j);
        j->started = e == 0;
        if (e != 0) st = DG_FAIL(err, DG_ERR_IO, "cannot start a thread: %s", strerror(e));
    }
    if (st != DG_OK) dg_journal_close(out);
    return st;
}

void dg_journal_close(dg_journal **journal)
{
    dg_journal *j = *journal;
    if (j == NULL) return;
    if (j->started) {
        pthread_mutex_lock(&j->lock);
        j->stop = true;
        pthread_cond_signal(&j->wake);
        pthread_mutex_unlock(&j->lock);
        pthread_join(j->thread, NULL);
    }
    if (j->fd >= 0) close(j->fd);
    pthread_cond_destroy(&j->wake);
    pthread_cond_destroy(&j->idle);
    pthread_mutex_destroy(&j->lock);
    for (int k = 0; k < 2; k++) dg_free(j->side[k].at);
    dg_free(j->path);
    dg_free(j);
    *journal = NULL;
}

void dg_journal_line(dg_journal *j, const char *line, size_t n)
{
    if (j == NULL) return;
    pthread_mutex_lock(&j->lock);
    side *s = &j->side[j->filling];
    if (n >= ROOM - s->n) {
        j->dropped++;
    } else {
        memcpy(s->at + s->n, line, n);
        s->at[s->n + n] = '\n';
        s->n += n + 1;
        s->lines++;
    }
    const bool half = s->n >= ROOM / 2;
    pthread_mutex_unlock(&j->lock);
    if (half) pthread_cond_signal(&j->wake);
}

dg_status dg_journal_reopen(dg_journal *j, dg_err *err)
{
    if (j == NULL) return DG_OK;
    pthread_mutex_lock(&j->lock);
    j->reopen = true;
    pthread_cond_signal(&j->wake);
    while (j->reopen) pthread_cond_wait(&j->idle, &j->lock);
    const int e = j->reopen_errno;
    pthread_mutex_unlock(&j->lock);
    if (e == 0) return DG_OK;
    errno = e;
    return dg_err_errno(err, j->path, "cannot open again");
}

uint64_t dg_journal_dropped(dg_journal *j)
{
    if (j == NULL) return 0;
    pthread_mutex_lock(&j->lock);
    const uint64_t n = j->dropped;
    pthread_mutex_unlock(&j->lock);
    return n;
}
