/* clock.h - time for people and for measuring. Never a seed. */
#ifndef DG_BASE_CLOCK_H
#define DG_BASE_CLOCK_H
#include <stddef.h>
#include <stdint.h>

/** Monotonic seconds since an arbitrary start. LOCAL. */
double dg_now(void);

/** Wall time as "2026-11-22T01:02:03Z" into buf, returned. LOCAL. */
const char *dg_iso_time(char *buf, size_t n);

/** The same of a time in seconds since 1970. LOCAL. */
const char *dg_iso_time_of(int64_t seconds, char *buf, size_t n);

#endif
