#include "job/watch.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "base/version.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 192, HOST = 40, TASK = 56 };

/* One line of the file, as its rank wrote it. */
typedef struct dg_seen {
    long long tick, beats, pid; /* tick grows with each line written */
    char host[HOST], task[TASK];
    bool waits;
    double moved, written; /* when that changed last, by this process's clock */
    bool told;             /* it is stuck, and people know */
} dg_seen;

struct dg_watch {
    const dg_job *job;
    int rank, n_ranks;
    int end; /* ranks [0, end) are those this one looks at */
    int file;
    char path[DG_PATH];
    double period; /* seconds between two looks */
    double looked; /* when it did last */
    dg_seen *seen; /* (end,) */
    char *lines;   /* (end, LINE) */
    long long tick;
    int64_t n_stuck;
    time_t started;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool over;
    int exit_code; /* -1 while at work */
    time_t checkpoint_at;
    dg_watch_figures figures;
};

/* "train after sweep 7: items", with what it waits for in place of the task. */
static void describe(const dg_pulse *p, char *out, size_t n)
{
    char sweep[40] = "";
    const char *task = p->waiting != NULL ? p->waiting : p->doing;
    if (p->sweep > 0) snprintf(sweep, sizeof sweep, " after sweep %lld", (long long)p->sweep);
    snprintf(out, n, "%s%s%s%s", p->stage, sweep, task == NULL ? "" : ": ",
             task == NULL ? "" : task);
}

static void write_own(dg_watch *w)
{
    char line[LINE + 1], host[HOST] = "?", task[TASK];
    const dg_pulse p = dg_pulse_read();
    gethostname(host, sizeof host - 1);
    describe(&p, task, sizeof task);
    memset(line, ' ', LINE);
    const int n =
        snprintf(line, LINE, "%d %s %ld %lld %lld %s %s", w->rank, host, (long)getpid(), ++w->tick,
                 (long long)p.beats, p.waiting == NULL ? "works" : "waits", task);
    if (n < LINE) line[n] = ' ';
    line[LINE - 1] = '\n';
    if (pwrite(w->file, line, LINE, (off_t)w->rank * LINE) != LINE) return; /* the next one may */
}

/* A line that is not there yet, or half written, says nothing new. */
static void note(dg_seen *s, int rank, const char *line, double now)
{
    int whose, at = 0;
    long long pid, tick, beats;
    char text[LINE + 1], host[HOST], state[8];
    snprintf(text, sizeof text, "%.*s", LINE, line);
    if (sscanf(text, "%d %39s %lld %lld %lld %7s %n", &whose, host, &pid, &tick, &beats, state,
               &at) != 6 ||
        whose != rank || at == 0)
        return;
    if (tick != s->tick) s->written = now;
    if (beats != s->beats) s->moved = now;
    s->tick = tick;
    s->beats = beats;
    s->pid = pid;
    s->waits = strcmp(state, "waits") == 0;
    memcpy(s->host, host, sizeof host);
    int n = (int)strcspn(text + at, "\n");
    while (n > 0 && text[at + n - 1] == ' ') n--;
    snprintf(s->task, sizeof s->task, "%.*s", n, text + at);
}

/* How long a rank has been stuck, in seconds; 0: it is not. One that waits for others is not the
 * one to blame, as long as its thread tells so. */
static double stuck_for(const dg_watch *w, const dg_seen *s, double now)
{
    const double silent = now - s->written, still = now - s->moved;
    if (silent > w->job->watch.stuck_after + 2 * w->period) return silent;
    return !s->waits && still > w->job->watch.stuck_after ? still : 0;
}

static void tell_stuck(dg_seen *s, int rank, double seconds)
{
    char spent[32];
    s->told = true;
    dg_log_any_rank(DG_LOG_WARN, "stuck",
                    json_pack("{s:i, s:s, s:I, s:s, s:f}", "stuck_rank", rank, "host", s->host,
                              "pid", (json_int_t)s->pid, "doing", s->task, "seconds", seconds),
                    "rank %d (process %lld on %s) has not moved for %s: %s", rank, s->pid, s->host,
                    dg_show_seconds(seconds, spent, sizeof spent), s->task);
}

static void gauge(dg_text *t, const char *job, const char *name, const char *help, double value)
{
    dg_text_add(t, "# HELP daogou_%s %s\n# TYPE daogou_%s gauge\ndaogou_%s{job=\"%s\"} ", name,
                help, name, name, job);
    if (isfinite(value))
        dg_text_add(t, "%.15g\n", value);
    else
        dg_text_add(t, isnan(value) ? "NaN\n" : value > 0 ? "+Inf\n" : "-Inf\n");
}

/* A label's value: backslash, quote and newline are escaped. */
static void escape(const char *from, char *to, size_t n)
{
    size_t k = 0;
    for (; *from != '\0' && k + 3 < n; from++) {
        if (strchr("\\\"\n", *from) != NULL) to[k++] = '\\';
        to[k++] = *from == '\n' ? 'n' : *from;
    }
    to[k] = '\0';
}

/* Under the lock. */
static void render(const dg_watch *w, dg_text *t)
{
    const dg_watch_figures *f = &w->figures;
    char job[256];
    escape(w->job->name, job, sizeof job);
    dg_text_add(t,
                "# HELP daogou_info The run, and the stage it is in.\n# TYPE daogou_info gauge\n"
                "daogou_info{job=\"%s\",version=\"%s\",stage=\"%s\"} 1\n",
                job, dg_version(), dg_pulse_read().stage);
    gauge(t, job, "running", "1 while the run is at work.", w->exit_code < 0);
    if (w->exit_code >= 0)
        gauge(t, job, "exit_code", "How it ended: 0 done, 75 to be run again.", w->exit_code);
    gauge(t, job, "start_time_seconds", "When it began, since 1970.", (double)w->started);
    gauge(t, job, "update_time_seconds", "When this was written, since 1970.", (double)time(NULL));
    gauge(t, job, "ranks", "MPI ranks.", w->n_ranks);
    gauge(t, job, "stuck_ranks", "Ranks that do not move.", (double)w->n_stuck);
    gauge(t, job, "sweep", "Sweeps done.", (double)f->sweep);
    gauge(t, job, "sweeps", "Sweeps to do.", (double)f->sweeps);
    gauge(t, job, "sweep_seconds", "Seconds the last sweep took.", f->sweep_seconds);
    gauge(t, job, "sweep_sent_bytes", "Bytes all ranks sent in it.", (double)f->bytes_sent);
    gauge(t, job, "loss", "Loss after it.", f->loss);
    gauge(t, job, "checkpoint_sweep", "Sweep of the newest checkpoint.",
          (double)f->checkpoint_sweep);
    gauge(t, job, "checkpoint_seconds", "Seconds it took to write.", f->checkpoint_seconds);
    gauge(t, job, "checkpoint_time_seconds", "When it was written, since 1970.",
          (double)w->checkpoint_at);
}

/* A monitor that cannot be told is no reason to fail; people are told once. */
static void write_figures(dg_watch *w)
{
    static bool failed;
    const char *path = w->job->watch.textfile;
    dg_text t = {0};
    dg_err err;
    if (w->rank != 0 || path[0] == '\0') return;
    pthread_mutex_lock(&w->lock);
    render(w, &t);
    pthread_mutex_unlock(&w->lock);
    if (!t.failed && dg_file_replace(path, t.at, t.n, &err) != DG_OK && !failed) {
        failed = true;
        dg_log(DG_LOG_WARN, "textfile", "watch.textfile: %s", err.text);
    }
    dg_text_free(&t);
}

/* What hangs cannot be saved: the last checkpoint counts, and the launcher ends the other ranks. */
static _Noreturn void leave(dg_watch *w, int rank)
{
    dg_log_any_rank(DG_LOG_WARN, "given-up", NULL,
                    "giving up because rank %d is stuck: run the same command again to go on from "
                    "the last checkpoint",
                    rank);
    dg_watch_ended(w, dg_status_exit(DG_ERR_AGAIN));
    write_figures(w);
    _exit(dg_status_exit(DG_ERR_AGAIN));
}

/* A scheduler may have stopped the whole job for a while: then nobody was stuck. */
static void forgive_pause(dg_watch *w, double now)
{
    const double lost = w->looked > 0 ? now - w->looked - w->period : 0;
    w->looked = now;
    if (lost < w->period + 1) return;
    for (int r = 0; r < w->end; r++) {
        w->seen[r].moved += lost;
        w->seen[r].written += lost;
    }
}

static void look(dg_watch *w)
{
    const double now = dg_now(), give_up = w->job->watch.stop_after;
    const ssize_t n = pread(w->file, w->lines, (size_t)w->end * LINE, 0);
    forgive_pause(w, now);
    w->n_stuck = 0;
    for (int r = 0; r < w->end; r++) {
        dg_seen *s = &w->seen[r];
        const ssize_t at = (ssize_t)r * LINE;
        if (at + LINE <= n) note(s, r, w->lines + at, now);
        const double seconds = stuck_for(w, s, now);
        w->n_stuck += seconds > 0;
        if (seconds > 0 && !s->told) tell_stuck(s, r, seconds);
        if (seconds == 0 && s->told)
            dg_log_any_rank(DG_LOG_WARN, "moves", NULL, "rank %d moves again", r);
        s->told = seconds > 0;
        if (give_up > 0 && seconds > give_up) leave(w, r);
    }
}

/* Until the next look is due, or there is something new for the monitor. True: go on. */
static bool rest(dg_watch *w)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    const double due = (double)until.tv_sec + 1e-9 * (double)until.tv_nsec + w->period;
    until.tv_sec = (time_t)due;
    until.tv_nsec = (long)(1e9 * (due - floor(due)));
    pthread_mutex_lock(&w->lock);
    if (!w->over) pthread_cond_timedwait(&w->wake, &w->lock, &until);
    const bool over = w->over;
    pthread_mutex_unlock(&w->lock);
    return !over;
}

static void *watch(void *context)
{
    dg_watch *w = context;
    do {
        write_own(w);
        if (w->job->watch.stuck_after > 0) look(w);
        write_figures(w);
    } while (rest(w));
    return NULL;
}

/* Signals are for the main thread: a new thread starts with those of its maker blocked. */
static dg_status start_thread(dg_watch *w, dg_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w->has_thread = pthread_create(&w->thread, NULL, watch, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w->has_thread ? DG_OK : DG_FAIL(err, DG_ERR_NOMEM, "cannot start the watching thread");
}

static dg_status open_file(dg_watch *w, int flags, dg_err *err)
{
    w->file = open(w->path, O_RDWR | O_CLOEXEC | flags, 0666);
    return w->file >= 0 ? DG_OK : dg_err_errno(err, w->path, "cannot open");
}

/* Blank lines, so that the file is text before every rank has written its own. */
static dg_status create_file(dg_watch *w, dg_err *err)
{
    const size_t n = (size_t)w->n_ranks * LINE;
    const dg_status st = open_file(w, O_CREAT | O_TRUNC, err);
    if (st != DG_OK) return st;
    memset(w->lines, ' ', n);
    for (int r = 0; r < w->n_ranks; r++) w->lines[(size_t)r * LINE + LINE - 1] = '\n';
    if (pwrite(w->file, w->lines, n, 0) == (ssize_t)n) return DG_OK;
    return dg_err_errno(err, w->path, "cannot write");
}

static dg_status create(const dg_comm *c, const dg_job *job, const char *folder, dg_watch **out,
                        dg_err *err)
{
    dg_watch *w = *out = dg_alloc(1, sizeof *w);
    if (w == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for watching");
    *w = (dg_watch){.job = job, .rank = c->rank, .n_ranks = c->size, .file = -1, .exit_code = -1};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    const double wanted = job->watch.stuck_after > 0 ? job->watch.stuck_after / 4 : INFINITY;
    w->period = fmax(0.2, fmin(15, wanted));
    w->started = time(NULL);
    if (c->rank == 0)
        w->end = c->size;
    else if (c->rank == c->size - 1)
        w->end = 1; /* somebody has to look at rank 0 */
    snprintf(w->path, sizeof w->path, "%s/ranks", folder);
    w->seen = dg_alloc((size_t)w->end + 1, sizeof *w->seen);
    w->lines = dg_alloc((size_t)w->end + 1, LINE);
    if (w->seen == NULL || w->lines == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for watching");
    for (int r = 0; r < w->end; r++)
        w->seen[r] = (dg_seen){
            .host = "?", .task = "not heard of yet", .moved = dg_now(), .written = dg_now()};
    return c->rank == 0 ? create_file(w, err) : DG_OK;
}

dg_status dg_watch_start(const dg_comm *c, const dg_job *job, const char *folder, dg_watch **out,
                         dg_err *err)
{
    *out = NULL;
    if (job->watch.stuck_after <= 0 && job->watch.textfile[0] == '\0') return DG_OK;
    dg_status st = dg_agree(c, create(c, job, folder, out, err), err);
    if (st == DG_OK && c->rank != 0) st = open_file(*out, 0, err);
    st = dg_agree(c, st, err);
    if (st == DG_OK) st = start_thread(*out, err);
    st = dg_agree(c, st, err);
    if (st != DG_OK) dg_watch_stop(out);
    return st;
}

void dg_watch_tell(dg_watch *w, const dg_watch_figures *figures)
{
    if (w == NULL) return;
    pthread_mutex_lock(&w->lock);
    if (figures->checkpoint_sweep != w->figures.checkpoint_sweep) w->checkpoint_at = time(NULL);
    w->figures = *figures;
    pthread_mutex_unlock(&w->lock);
}

void dg_watch_ended(dg_watch *w, int exit_code)
{
    if (w == NULL) return;
    pthread_mutex_lock(&w->lock);
    w->exit_code = exit_code;
    pthread_mutex_unlock(&w->lock);
}

void dg_watch_stop(dg_watch **out)
{
    dg_watch *w = *out;
    if (w == NULL) return;
    pthread_mutex_lock(&w->lock);
    w->over = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->has_thread) pthread_join(w->thread, NULL);
    if (w->has_thread) write_figures(w); /* how it ended */
    if (w->file >= 0) close(w->file);
    if (w->rank == 0 && w->file >= 0) unlink(w->path);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    dg_free(w->seen);
    dg_free(w->lines);
    dg_free(w);
    *out = NULL;
}
