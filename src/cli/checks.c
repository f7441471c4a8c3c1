#include "cli/checks.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/blas_core.h"
#include "cli/child.h"
#include "dense/blas.h"

#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void find(dg_check *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void advise(dg_check *out, dg_verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void find(dg_check *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out->found, sizeof out->found, fmt, ap);
    va_end(ap);
}

/* The worst verdict stays, with the advice that came with it first. */
static void advise(dg_check *out, dg_verdict verdict, const char *fmt, ...)
{
    va_list ap;
    if (verdict <= out->verdict) return;
    out->verdict = verdict;
    va_start(ap, fmt);
    vsnprintf(out->advice, sizeof out->advice, fmt, ap);
    va_end(ap);
}

static bool in_path(const char *program)
{
    char path[4096];
    const char *list = getenv("PATH");
    for (size_t n; list != NULL && *list != '\0'; list += n + (list[n] == ':')) {
        n = strcspn(list, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)n, list, program);
        if (access(path, X_OK) == 0) return true;
    }
    return false;
}

/* Nothing can be tested in a folder that is not there; the check of the folder says so. */
static bool is_testable(const dg_checkup *with, dg_check *out)
{
    if (access(with->folder, W_OK | X_OK) == 0) return true;
    find(out, "not tested");
    return false;
}

void dg_check_mpi(const dg_checkup *with, dg_check *out)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING], spent[32];
    int n;
    dg_child child;
    dg_err err;
    char *const argv[] = {(char *)(size_t)with->self, "doctor-probe", NULL};
    MPI_Get_library_version(version, &n);
    version[strcspn(version, ",\n")] = '\0';
    if (dg_child_run(argv, 30, &child, &err) != DG_OK) {
        find(out, "%.100s, %.150s", version, err.text);
        advise(out, DG_BAD, "let daogou start itself: mount /proc, allow new processes");
    } else if (child.timed_out || child.exit_code != 0) {
        find(out, "%.100s, a process alone %s: %.150s", version,
             child.timed_out ? "hangs" : "does not start", dg_child_reason(&child));
        advise(out, DG_BAD, "run `%.100s doctor-probe` and read what it says", with->self);
    } else {
        find(out, "%.100s, starts in %s", version,
             dg_show_seconds(child.seconds, spent, sizeof spent));
    }
    dg_text_free(&child.said);
}

/* Single-precision GFLOP/s of one thread on square matrices, best of several. */
static double matrix_rate(void)
{
    enum { N = 384 };
    float *a = dg_alloc((size_t)N * N, sizeof *a), *b = dg_alloc((size_t)N * N, sizeof *b);
    float *c = dg_alloc((size_t)N * N, sizeof *c);
    double best = 0;
    for (int round = 0; round < 8 && a != NULL && b != NULL && c != NULL; round++) {
        const double started = dg_now();
        dg_gemm_tn_add(N, N, a, b, c);
        const double rate = 2.0 * N * N * N / (dg_now() - started) / 1e9;
        if (rate > best) best = rate;
    }
    dg_free(a);
    dg_free(b);
    dg_free(c);
    return best;
}

void dg_check_blas(const dg_checkup *with, dg_check *out)
{
    const char *core = dg_blas_core(), *wanted = dg_blas_core_wanted();
    const char *replaced = dg_blas_core_replaced();
    (void)with;
    find(out, "OpenBLAS core %s%s%s, %.0f GFLOP/s on one thread", core,
         replaced == NULL ? "" : " in place of ", replaced == NULL ? "" : replaced, matrix_rate());
    if (dg_blas_core_is_older(core, wanted))
        advise(out, DG_WARN, "the processor can do more: set OPENBLAS_CORETYPE=%s, or unset it",
               wanted);
}

void dg_check_threads(const dg_checkup *with, dg_check *out)
{
    const char *omp = getenv("OMP_NUM_THREADS"), *blas = getenv("OPENBLAS_NUM_THREADS");
    cpu_set_t set;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const int usable = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)online;
    (void)with;
    find(out, "%ld processors, %d usable; OMP_NUM_THREADS %s, OPENBLAS_NUM_THREADS %s", online,
         usable, omp == NULL ? "not set" : omp, blas == NULL ? "not set" : blas);
    if (blas != NULL && atoi(blas) > 1)
        advise(out, DG_WARN, "set OPENBLAS_NUM_THREADS=1: rows are what runs in parallel here");
    if (omp != NULL && atoi(omp) > usable)
        advise(out, DG_WARN, "set OMP_NUM_THREADS to at most %d", usable);
}

static void judge_write(dg_child *child, dg_check *out)
{
    if (!child->timed_out && child->exit_code == 0) {
        find(out, "mpirun -n 2 writes and reads back %s", dg_child_reason(child));
        return;
    }
    if (child->timed_out)
        find(out, "mpirun -n 2: no end after %.0f s", child->seconds);
    else
        find(out, "mpirun -n 2 fails: %.200s", dg_child_reason(child));
    advise(out, DG_BAD, "%s",
           child->timed_out ? "try OMPI_MCA_io=romio321, or another file system for --work"
                            : "run `mpirun -n 2 daogou doctor-probe DIR` and read it all");
}

void dg_check_hdf5(const dg_checkup *with, dg_check *out)
{
    char *const argv[] = {"mpirun",
                          "-n",
                          "2",
                          "--map-by",
                          ":OVERSUBSCRIBE",
                          "--bind-to",
                          "none",
                          (char *)(size_t)with->self,
                          "doctor-probe",
                          (char *)(size_t)with->folder,
                          NULL};
    dg_child child;
    dg_err err;
    if (!is_testable(with, out)) return;
    if (!in_path("mpirun")) {
        find(out, "no mpirun in PATH: jobs have one rank");
        advise(out, DG_WARN, "install openmpi-bin");
        return;
    }
    if (geteuid() == 0 && getenv("OMPI_ALLOW_RUN_AS_ROOT") == NULL) {
        advise(out, DG_WARN,
               "Open MPI refuses root unless OMPI_ALLOW_RUN_AS_ROOT=1 and "
               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 are set");
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    }
    if (dg_child_run(argv, 60, &child, &err) == DG_OK) {
        judge_write(&child, out);
    } else {
        find(out, "%.250s", err.text);
        advise(out, DG_BAD, "make mpirun work");
    }
    dg_text_free(&child.said);
}

void dg_check_folder(const dg_checkup *with, dg_check *out)
{
    struct statvfs fs;
    char room[32];
    if (access(with->folder, W_OK | X_OK) != 0 || statvfs(with->folder, &fs) != 0) {
        find(out, "%.200s: %s", with->folder, strerror(errno));
        advise(out, DG_BAD, "name a folder that can be written with --work DIR");
        return;
    }
    const double bytes = (double)fs.f_bavail * (double)fs.f_frsize;
    find(out, "%.200s has %s free", with->folder, dg_show_bytes(bytes, room, sizeof room));
    if (bytes < 1e9) advise(out, DG_WARN, "make room: checkpoints keep several copies of a model");
}

/* Does a second opening of the file feel the lock of the first? -1 where locks do not work. */
static int lock_excludes(const char *path)
{
    const int a = open(path, O_CREAT | O_RDWR, 0600), b = open(path, O_RDWR);
    int excludes = -1;
    if (a >= 0 && b >= 0 && flock(a, LOCK_EX | LOCK_NB) == 0)
        excludes = flock(b, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (a >= 0) close(a);
    if (b >= 0) close(b);
    unlink(path);
    return excludes;
}

void dg_check_locks(const dg_checkup *with, dg_check *out)
{
    char path[4096];
    const char *set = getenv("HDF5_USE_FILE_LOCKING");
    if (!is_testable(with, out)) return;
    snprintf(path, sizeof path, "%s/daogou-lock-%d", with->folder, (int)getpid());
    const int excludes = lock_excludes(path);
    find(out, "file locks %s in %.150s%s%s",
         excludes < 0 ? "do not work"
         : excludes   ? "work"
                      : "exclude nobody",
         with->folder, set == NULL ? "" : "; HDF5_USE_FILE_LOCKING=", set == NULL ? "" : set);
    if (excludes < 0 && (set == NULL || strcmp(set, "FALSE") != 0))
        advise(out, DG_WARN, "set HDF5_USE_FILE_LOCKING=FALSE, or HDF5 may refuse to open files");
}

void dg_check_shm(const dg_checkup *with, dg_check *out)
{
    struct statvfs fs;
    char size[32], room[32];
    (void)with;
    if (statvfs("/dev/shm", &fs) != 0) {
        find(out, "/dev/shm: %s", strerror(errno));
        advise(out, DG_WARN, "mount a tmpfs on /dev/shm: ranks of a node share memory there");
        return;
    }
    const double bytes = (double)fs.f_blocks * (double)fs.f_frsize;
    find(out, "/dev/shm has %s, %s free", dg_show_bytes(bytes, size, sizeof size),
         dg_show_bytes((double)fs.f_bavail * (double)fs.f_frsize, room, sizeof room));
    if (bytes < 1e9)
        advise(out, DG_WARN,
               "make /dev/shm larger (containers: --shm-size=8g): the factors of a "
               "node are shared there");
}

static double soft_limit(int resource)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 1e300;
    return (double)limit.rlim_cur;
}

static const char *show_limit(double bytes, char *buf, size_t n)
{
    return bytes >= 1e300 ? "unlimited" : dg_show_bytes(bytes, buf, n);
}

void dg_check_limits(const dg_checkup *with, dg_check *out)
{
    char stack[32], memory[32], size[32];
    const double files = soft_limit(RLIMIT_NOFILE), space = soft_limit(RLIMIT_AS);
    const double stacks = soft_limit(RLIMIT_STACK), longest = soft_limit(RLIMIT_FSIZE);
    (void)with;
    find(out, "open files %.0f, stack %s, memory %s, file size %s", files >= 1e300 ? 0 : files,
         show_limit(stacks, stack, sizeof stack), show_limit(space, memory, sizeof memory),
         show_limit(longest, size, sizeof size));
    if (files < 256) advise(out, DG_WARN, "ulimit -n 1024");
    if (stacks < 4e6) advise(out, DG_WARN, "ulimit -s 8192");
    if (space < 1e300)
        advise(out, DG_WARN, "ulimit -v unlimited: MPI and HDF5 map more than they use");
    if (longest < 1e300) advise(out, DG_WARN, "ulimit -f unlimited: longer files end the job");
}

void dg_check_slurm(const dg_checkup *with, dg_check *out)
{
    const char *job = getenv("SLURM_JOB_ID");
    (void)with;
    if (job != NULL)
        find(out, "inside Slurm job %.40s", job);
    else
        find(out,
             in_path("sbatch") ? "installed; submit with sbatch" : "not installed; mpirun does");
}
