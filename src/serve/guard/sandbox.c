#include "serve/guard/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

dg_status dg_sandbox_user(const char *name, dg_err *err)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL) return DG_FAIL(err, DG_ERR_CONFIG, "there is no user \"%s\"", name);
    if (user->pw_uid == 0)
        return DG_FAIL(err, DG_ERR_CONFIG, "the user to become, \"%s\", is root", name);
    if (getuid() == user->pw_uid && geteuid() == user->pw_uid) return DG_OK;
    if (initgroups(name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        return DG_FAIL(err, DG_ERR_PERM, "cannot become user \"%s\": %s", name, strerror(errno));
    if (setuid(0) == 0 || getuid() != user->pw_uid || geteuid() != user->pw_uid)
        return DG_FAIL(err, DG_ERR_PERM, "user \"%s\" can become root again", name);
    return DG_OK;
}

/* What a node with threads, files, HDF5, TLS and sockets that are open calls; found by strace over
 * the end-to-end tests, and completed by the other spellings glibc chooses among. */
static const char *const allowed[] = {
    /* files: artifacts, registry, tokens, certificates, logs */
    "open", "openat", "close", "read", "pread64", "readv", "preadv", "write", "pwrite64", "writev",
    "pwritev", "lseek", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "fsync",
    "fdatasync", "ftruncate", "flock", "fcntl", "fadvise64", "rename", "renameat", "renameat2",
    "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "ioctl", "dup", "dup3", "copy_file_range",
    "sync_file_range", "fallocate", "umask", "chmod", "fchmod",
    /* memory */
    "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "msync", "mlock", "munlock",
    "mincore", "membarrier",
    /* threads, signals, time */
    "exit", "exit_group", "futex", "set_robust_list", "get_robust_list", "rseq", "set_tid_address",
    "arch_prctl", "prctl", "gettid", "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid",
    "sched_yield", "sched_getaffinity", "sched_setaffinity", "getcpu", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "sigaltstack", "tgkill", "restart_syscall",
    "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
    "times", "getrusage", "prlimit64", "getrlimit", "sysinfo", "uname", "getrandom",
    "sched_getparam", "sched_getscheduler",
    /* sockets that are there, and pairs of them */
    "accept", "accept4", "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg",
    "sendfile", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt", "listen",
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "poll", "ppoll",
    "select", "pselect6", "eventfd2", "pipe2", "socketpair"};

static dg_status fail(int code, const char *what, dg_err *err)
{
    return DG_FAIL(err, -code == ENOMEM ? DG_ERR_NOMEM : DG_ERR_PERM, "cannot %s: %s", what,
                   strerror(-code));
}

static bool has_sanitizer(void)
{
#ifdef __SANITIZE_ADDRESS__
    return true; /* its leak check starts a process and traces this one */
#else
    return false;
#endif
}

/* A clone with one of these flags is no thread but a process, or a world of its own. The clone3
 * call hides its flags in memory, so glibc is told that there is none and takes clone. */
static int allow_threads(scmp_filter_ctx filter)
{
    const uint64_t thread = 0x00010000; /* CLONE_THREAD */
    int e = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (e == 0)
        e = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));
    return e;
}

dg_status dg_sandbox_enter(bool *filtered, dg_err *err)
{
    *filtered = false;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(-errno, "give up gaining privileges", err);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* memory holds keys: no core file, no tracing */
    if (has_sanitizer() || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) return DG_OK;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL) return fail(-ENOMEM, "make a filter of system calls", err);
    int e = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (e == 0) e = allow_threads(filter);
    for (size_t k = 0; k < sizeof allowed / sizeof *allowed && e == 0; k++) {
        const int call = seccomp_syscall_resolve_name(allowed[k]);
        if (call == __NR_SCMP_ERROR) continue;
        e = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    }
    if (e == 0) e = seccomp_load(filter);
    seccomp_release(filter);
    *filtered = e == 0;
    return e == 0 ? DG_OK : fail(e, "load a filter of system calls", err);
}
