#include "store/foreign.h"

#include "artifact/layout.h"
#include "base/fault.h"
#include "base/memory.h"
#include "store/arrays.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BLOCK_MAX = 64 << 20, /* bytes of text at a time: a row, however wide */
    SECONDS = 10,         /* of processor time for a read of HDF5's */
    PIPE = 1 << 20        /* bytes the child may be ahead */
};
static const rlim_t MORE_MEMORY = 3LL << 30;

/* What the child says: blocks of text, each behind its length; 0 and this end it. */
typedef struct dg_last_word {
    int32_t status;
    char text[sizeof((dg_err *)0)->text], hint[sizeof((dg_err *)0)->hint];
} dg_last_word;

typedef struct dg_foreign {
    char *path;
    pid_t child; /* 0: it has been waited for */
    int fd;
    uint32_t left; /* bytes of the block at hand */
    bool ended;
} dg_foreign;

/* ---- the child ---- */

static bool put(int fd, const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        const ssize_t done = write(fd, (const char *)bytes + at, n - at);
        if (done < 0 && errno != EINTR) return false;
        at += done < 0 ? 0 : (size_t)done;
    }
    return true;
}

static void wind_up(void)
{
    const struct itimerval most = {.it_value.tv_sec = SECONDS};
    setitimer(ITIMER_PROF, &most, NULL); /* SIGPROF ends the process */
}

static bool put_block(void *context, const char *bytes, size_t n)
{
    const int fd = *(const int *)context;
    const uint32_t length = (uint32_t)n;
    wind_up();
    dg_fault("read.kill");
    return n == 0 || (n <= BLOCK_MAX && put(fd, &length, sizeof length) && put(fd, bytes, n));
}

static int64_t memory_in_use(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL) return -1;
    const int found = fscanf(f, "%ld", &pages);
    fclose(f);
    return found == 1 ? (int64_t)pages * sysconf(_SC_PAGESIZE) : -1;
}

/* Handlers and terminal belong to the process this one was a copy of, which also stops it. */
static void keep_to_itself(void)
{
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        signal(s, s == SIGINT || s == SIGTERM || s == SIGUSR1 || s == SIGHUP ? SIG_IGN : SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nowhere = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3 && nowhere >= 0; fd++) dup2(nowhere, fd);
    const int64_t used = memory_in_use();
    const struct rlimit no_core = {0, 0}, memory = {(rlim_t)used + MORE_MEMORY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &no_core);
    if (used >= 0) setrlimit(RLIMIT_AS, &memory);
    wind_up();
}

_Noreturn static void read_in_child(int fd, const char *path, int64_t size, const dg_cutout *cut)
{
    dg_err err = {0};
    const uint32_t end = 0;
    keep_to_itself();
    dg_last_word last = {.status = (int32_t)dg_arrays_write(path, size, cut, put_block, &fd, &err)};
    memcpy(last.text, err.text, sizeof last.text);
    memcpy(last.hint, err.hint, sizeof last.hint);
    if (put(fd, &end, sizeof end)) put(fd, &last, sizeof last);
    _exit(0);
}

/* ---- the parent ---- */

static void close_table(void **table)
{
    dg_foreign *f = *table;
    if (f == NULL) return;
    if (f->fd >= 0) close(f->fd);
    if (f->child > 0) {
        kill(f->child, SIGKILL);
        while (waitpid(f->child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    dg_free(f->path);
    dg_free(f);
    *table = NULL;
}

static dg_status start_child(dg_foreign *f, int64_t size, const dg_cutout *cut, dg_err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return dg_err_errno(err, f->path, "cannot make a pipe");
    dg_layout_quiet(); /* HDF5 starts here, while MPI may be asked whether it is there */
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        read_in_child(ends[1], f->path, size, cut);
    }
    close(ends[1]);
    f->fd = ends[0];
    if (child < 0) return dg_err_errno(err, f->path, "cannot start a process to read it");
    f->child = child;
    fcntl(f->fd, F_SETPIPE_SZ, PIPE); /* it may refuse */
    return DG_OK;
}

static dg_status open_table(const char *path, int64_t size, const dg_cutout *cut, void **out,
                            dg_err *err)
{
    dg_foreign *f = dg_alloc(1, sizeof *f);
    *out = f;
    if (f != NULL) f->fd = -1;
    if (f == NULL || (f->path = dg_strdup(path)) == NULL) {
        close_table(out);
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", path);
    }
    const dg_status st = start_child(f, size, cut, err);
    if (st != DG_OK) close_table(out);
    return st;
}

/* The child is gone before it said so. */
static dg_status bury(dg_foreign *f, dg_err *err)
{
    int how = 0;
    while (waitpid(f->child, &how, 0) < 0 && errno == EINTR) {
    }
    f->child = 0;
    const int signal = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    if (signal == SIGPROF || signal == SIGXCPU)
        return DG_FAIL(err, DG_ERR_DATA, "%s: damaged: HDF5 comes to no end with it", f->path);
    if (signal == SIGKILL)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: the process that reads it was killed, as for memory",
                       f->path);
    return DG_FAIL(err, DG_ERR_DATA, "%s: damaged: HDF5 breaks down on it (%s)", f->path,
                   signal == 0 ? "it ended" : strsignal(signal));
}

/* Fewer than n bytes only at the end. */
static dg_status get(const dg_foreign *f, void *bytes, size_t n, size_t *got, dg_err *err)
{
    for (*got = 0; *got < n;) {
        const ssize_t more = read(f->fd, (char *)bytes + *got, n - *got);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return dg_err_errno(err, f->path, "cannot read");
        if (more == 0) break;
        *got += (size_t)more;
    }
    return DG_OK;
}

/* How it ended, in the child's words: a mistake of HDF5's may have spoilt them. */
static dg_status hear_last_word(dg_foreign *f, dg_err *err)
{
    dg_last_word last;
    size_t got;
    dg_status st = get(f, &last, sizeof last, &got, err);
    if (st != DG_OK) return st;
    if (got < sizeof last) return bury(f, err);
    f->ended = true;
    switch (last.status) {
    case DG_OK: return DG_OK;
    case DG_ERR_CONFIG:
    case DG_ERR_NOMEM:
    case DG_ERR_DATA: st = (dg_status)last.status; break;
    default: st = DG_ERR_DATA;
    }
    st = DG_FAIL(err, st, "%.*s", (int)sizeof last.text - 1, last.text);
    return last.hint[0] == '\0'
               ? st
               : dg_err_hint(err, st, "%.*s", (int)sizeof last.hint - 1, last.hint);
}

static dg_status next_block(dg_foreign *f, dg_err *err)
{
    size_t got;
    const dg_status st = get(f, &f->left, sizeof f->left, &got, err);
    if (st != DG_OK) return st;
    if (got < sizeof f->left) return bury(f, err);
    if (f->left == 0) return hear_last_word(f, err);
    return f->left <= BLOCK_MAX
               ? DG_OK
               : DG_FAIL(err, DG_ERR_DATA, "%s: damaged: HDF5 breaks down on it", f->path);
}

static dg_status read_table(void *table, char *bytes, size_t capacity, size_t *n, dg_err *err)
{
    dg_foreign *f = table;
    *n = 0;
    if (dg_fault("read")) {
        errno = EIO;
        return dg_err_errno(err, f->path, "cannot read");
    }
    while (*n < capacity && !f->ended) {
        if (f->left == 0) {
            const dg_status st = next_block(f, err);
            if (st != DG_OK) return st;
            continue;
        }
        size_t got;
        const size_t room = capacity - *n, want = f->left < room ? f->left : room;
        const dg_status st = get(f, bytes + *n, want, &got, err);
        if (st != DG_OK) return st;
        if (got < want) return bury(f, err);
        *n += got;
        f->left -= (uint32_t)got;
    }
    return DG_OK;
}

const dg_table_reader *dg_foreign_reader(void)
{
    static const dg_table_reader reader = {open_table, read_table, close_table};
    return &reader;
}
