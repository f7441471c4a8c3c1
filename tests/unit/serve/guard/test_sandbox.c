/* Behind the filter: what serving needs goes on, the rest is refused. Each case is a process of its
 * own, as there is no way back. */
#include "serve/guard/sandbox.h"
#include "unit_main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static dg_err err;
static bool filtered;

static void enter(void)
{
    ck_assert_msg(dg_sandbox_enter(&filtered, &err) == DG_OK, "%s", err.text);
    ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}

static void *add_one(void *n)
{
    ++*(int *)n;
    return NULL;
}

/* Check's own report wants calls that the filter lets through: files and exit. */
START_TEST(threads_files_and_open_sockets_go_on)
{
    int pair[2], n = 0;
    char byte;
    pthread_t thread;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    enter();
    ck_assert_int_eq(pthread_create(&thread, NULL, add_one, &n), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(send(pair[0], "x", 1, 0), 1);
    ck_assert_int_eq(recv(pair[1], &byte, 1, 0), 1);
    const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "x", 1), 1);
    close(fd), close(pair[0]), close(pair[1]);
}
END_TEST

START_TEST(programs_processes_and_connections_are_refused)
{
    enter();
    if (!filtered) return; /* a sanitizer, or a kernel without filters */
    char *const argv[] = {"/bin/true", NULL};
    ck_assert_int_eq(execv(argv[0], argv), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(fork(), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(socket(AF_INET, SOCK_STREAM, 0), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(mount("none", "/mnt", "tmpfs", 0, NULL), -1);
    ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(root_can_leave_root_for_good)
{
    if (getuid() != 0) return;
    ck_assert_msg(dg_sandbox_user("nobody", &err) == DG_OK, "%s", err.text);
    ck_assert_int_ne(getuid(), 0);
    ck_assert_int_ne(setuid(0), 0);
    ck_assert_int_eq(access("/etc/shadow", R_OK), -1);
}
END_TEST

START_TEST(users_that_cannot_be_are_refused)
{
    ck_assert_int_eq(dg_sandbox_user("no such user", &err), DG_ERR_CONFIG);
    ck_assert_int_eq(dg_sandbox_user("root", &err), DG_ERR_CONFIG);
}
END_TEST

UNIT_MAIN("sandbox", threads_files_and_open_sockets_go_on,
          programs_processes_and_connections_are_refused, root_can_leave_root_for_good,
          users_that_cannot_be_are_refused)
