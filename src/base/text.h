/* text.h - growing strings, number and time parsing, nearest names. */
#ifndef DG_BASE_TEXT_H
#define DG_BASE_TEXT_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string. Zero-initialise; free with dg_text_free. Out of memory is remembered in
 * `failed`, so a run of adds is checked once, at its end. */
typedef struct dg_text {
    char *at; /* NUL-terminated; NULL until the first add */
    size_t n, capacity;
    bool failed;
} dg_text;

/** Append formatted text. LOCAL. */
void dg_text_add(dg_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Append n bytes. LOCAL. */
void dg_text_bytes(dg_text *t, const char *bytes, size_t n);

/** Free and zero; twice-safe. LOCAL. */
void dg_text_free(dg_text *t);

/** Whole-string number, C locale, finite: "1e3", "-4.5". LOCAL. */
bool dg_parse_double(const char *s, size_t n, double *out);

/** Whole-string decimal integer in range. LOCAL. */
bool dg_parse_int64(const char *s, size_t n, int64_t *out);

/** Seconds since 1970-01-01 UTC from an integer or decimal count of seconds, "2010-12-01",
 *  "2010-12-01 08:26:00", "2010-12-01T08:26:00Z" or with an offset "+08:00". LOCAL. */
bool dg_parse_time(const char *s, size_t n, int64_t *out);

/**
 * The same in milliseconds. LOCAL.
 * @param[out] open  how much later it may have been, as the text says no more: 0 with a fraction,
 *                   999 of whole seconds, a day less 1 of a date alone
 */
bool dg_parse_moment(const char *s, size_t n, int64_t *ms, int64_t *open);

/** Seconds from "90d", "12h", "15m", "30s", "2w" or a bare count of seconds. LOCAL. */
bool dg_parse_duration(const char *s, double *out);

/** Bytes (1 to 4) of the UTF-8 character s starts with, 0 when there is no valid one: no overlong
 *  form, no surrogate, nothing above U+10FFFF. LOCAL. */
size_t dg_utf8_step(const char *s, size_t n);

/** Is all of it UTF-8? LOCAL, O(n). */
bool dg_utf8_valid(const char *s, size_t n);

/** Bytes of a file as an error may quote them: in double quotes, cut with an ellipsis to fit buf,
 *  valid UTF-8 as it stands, everything unprintable as \xNN. Into buf (size >= 16), returned.
 * LOCAL. */
const char *dg_show_quoted(const char *s, size_t n, char *buf, size_t size);

/** Bytes as "12.3 MB", seconds as "1m 02s", counts as "20,000,263": into buf, returned. LOCAL. */
const char *dg_show_bytes(double bytes, char *buf, size_t n);
const char *dg_show_seconds(double seconds, char *buf, size_t n);
const char *dg_show_count(int64_t count, char *buf, size_t n);

/** The name closest to `wrong` by edit distance, or NULL when none is near. LOCAL, O(n·|a|·|b|). */
const char *dg_nearest(const char *wrong, const char *const *names, size_t n);

#endif
