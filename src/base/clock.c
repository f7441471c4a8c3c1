#include "base/clock.h"

#include <stdio.h>
#include <time.h>

double dg_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *dg_iso_time(char *buf, size_t n) { return dg_iso_time_of(time(NULL), buf, n); }

const char *dg_iso_time_of(int64_t seconds, char *buf, size_t n)
{
    const time_t at = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&at, &tm) == NULL || strftime(buf, n, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(buf, n, "%lld", (long long)seconds); /* a year beyond int */
    return buf;
}
