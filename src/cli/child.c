#include "cli/child.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 1 << 16 };

static int start(char *const *argv, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    const int code = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* Read until everybody has closed the pipe; false when the deadline comes first. */
static bool listen_until(int input, double deadline, dg_text *said)
{
    char part[4096];
    for (;;) {
        const double left = deadline - dg_now();
        struct pollfd fd = {.fd = input, .events = POLLIN};
        if (left <= 0) return false;
        const int ready = poll(&fd, 1, (int)(left * 1000) + 1);
        if (ready < 0 && errno != EINTR) return true;
        if (ready <= 0) continue;
        const ssize_t n = read(input, part, sizeof part);
        if (n <= 0) return true;
        if (said->n < MOST) dg_text_bytes(said, part, (size_t)n);
    }
}

/* Wait for the process until the deadline; false when it still runs. */
static bool reap(pid_t pid, double deadline, int *status)
{
    for (;;) {
        const pid_t done = waitpid(pid, status, WNOHANG);
        if (done == pid || (done < 0 && errno == ECHILD)) return true;
        if (dg_now() > deadline) return false;
        usleep(5000);
    }
}

static void stop(pid_t pid, int *status)
{
    kill(-pid, SIGTERM);
    if (reap(pid, dg_now() + 3, status)) return;
    kill(-pid, SIGKILL);
    waitpid(pid, status, 0);
}

dg_status dg_child_run(char *const *argv, double seconds, dg_child *out, dg_err *err)
{
    int ends[2], status = 0;
    pid_t pid;
    const double started = dg_now();
    *out = (dg_child){0};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: no pipe: %s", argv[0], strerror(errno));
    const int code = start(argv, ends[1], &pid);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        return DG_FAIL(err, DG_ERR_UNAVAILABLE, "%s: cannot start: %s", argv[0], strerror(code));
    }
    dg_text_bytes(&out->said, "", 0);
    out->timed_out = !listen_until(ends[0], started + seconds, &out->said) ||
                     !reap(pid, started + seconds, &status);
    if (out->timed_out) stop(pid, &status);
    close(ends[0]);
    out->seconds = dg_now() - started;
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return out->said.failed ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", argv[0]) : DG_OK;
}

const char *dg_child_reason(dg_child *c)
{
    char *line = c->said.at == NULL ? NULL : strstr(c->said.at, "daogou ");
    if (line == NULL) line = c->said.at;
    while (line != NULL && *line != '\0' && strchr(" -\n", *line) != NULL) line++;
    if (line == NULL) return "";
    line[strcspn(line, "\n")] = '\0';
    return line;
}
