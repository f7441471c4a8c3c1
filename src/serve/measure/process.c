#include "serve/measure/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double start_time; /* seconds since 1970 */

static void gauge(dg_text *page, const char *name, const char *type, const char *help, double value)
{
    dg_metrics_family(page, name, type, help);
    dg_text_add(page, "%s %.15g\n", name, value);
}

static double resident_bytes(void)
{
    long total = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL) return 0;
    if (fscanf(in, "%ld %ld", &total, &resident) != 2) resident = 0;
    fclose(in);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double seconds(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

/* -1: not told. A process without core files hides them from itself where it is not root. */
static int open_files(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) return -1;
    for (struct dirent *e; (e = readdir(folder)) != NULL;) n += e->d_name[0] != '.';
    closedir(folder);
    return n - 1; /* not the folder itself */
}

static void write_process(void *context, dg_text *page)
{
    struct rusage spent;
    struct rlimit files;
    (void)context;
    getrusage(RUSAGE_SELF, &spent);
    gauge(page, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    gauge(page, "process_cpu_seconds_total", "counter", "Processor time, user and system.",
          seconds(spent.ru_utime) + seconds(spent.ru_stime));
    const int files_open = open_files();
    if (files_open >= 0) gauge(page, "process_open_fds", "gauge", "Open files.", files_open);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        gauge(page, "process_max_fds", "gauge", "Files that may be open.", (double)files.rlim_cur);
    gauge(page, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.", start_time);
}

void dg_process_metrics(dg_metrics *m)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    start_time = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    dg_metrics_collect(m, write_process, NULL);
}
