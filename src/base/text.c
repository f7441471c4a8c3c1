#include "base/text.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(dg_text *t, size_t extra)
{
    char *grown = t->failed ? NULL : dg_grow(t->at, t->n, t->n + extra + 1, &t->capacity, 1);
    if (grown == NULL) return !(t->failed = true);
    t->at = grown;
    return true;
}

void dg_text_bytes(dg_text *t, const char *bytes, size_t n)
{
    if (!reserve(t, n)) return;
    if (n > 0) memcpy(t->at + t->n, bytes, n);
    t->n += n;
    t->at[t->n] = '\0';
}

void dg_text_add(dg_text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (need < 0 || !reserve(t, (size_t)need)) return;
    va_start(ap, fmt);
    vsnprintf(t->at + t->n, (size_t)need + 1, fmt, ap);
    va_end(ap);
    t->n += (size_t)need;
}

void dg_text_free(dg_text *t)
{
    dg_free(t->at);
    *t = (dg_text){0};
}

/* Decimal digits with up to 15 significant ones and a small exponent are exact in a double: parse
 * them by hand, twenty times faster than strtod. Anything else goes to strtod. */
static bool parse_simple(const char *s, size_t n, double *out)
{
    static const double power[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const bool negative = n > 0 && s[0] == '-';
    size_t i = negative, decimals = 0;
    uint64_t value = 0;
    if (n - i > 16 || n == i) return false; /* 15 digits and a point */
    for (; i < n && (unsigned)(s[i] - '0') <= 9; i++) value = value * 10 + (uint64_t)(s[i] - '0');
    size_t digits = i - negative;
    if (i < n) {
        if (s[i++] != '.') return false;
        for (; i < n && (unsigned)(s[i] - '0') <= 9; i++, decimals++)
            value = value * 10 + (uint64_t)(s[i] - '0');
        digits += decimals;
    }
    if (i < n || digits == 0 || digits > 15) return false;
    *out = (double)value / power[decimals];
    if (negative) *out = -*out;
    return true;
}

bool dg_parse_double(const char *s, size_t n, double *out)
{
    char copy[64], *end;
    if (parse_simple(s, n, out)) return true;
    if (n == 0 || n >= sizeof copy || strchr("+-.0123456789", s[0]) == NULL) return false;
    memcpy(copy, s, n);
    copy[n] = '\0';
    if (strpbrk(copy, "xXpP") != NULL) return false; /* no hexadecimal floats in data */
    *out = strtod(copy, &end);
    return end == copy + n && isfinite(*out);
}

/* Eight digits at a time: neighbours are joined to pairs, pairs to fours, fours to the number.
 * False where one of them is none. Little-endian, as all files are. */
static bool eight_digits(const char *s, int64_t *out)
{
    uint64_t v;
    memcpy(&v, s, sizeof v);
    if (((v & 0xf0f0f0f0f0f0f0f0) | ((v + 0x0606060606060606) & 0xf0f0f0f0f0f0f0f0) >> 4) !=
        0x3333333333333333)
        return false;
    v = (v & 0x0f0f0f0f0f0f0f0f) * (1 + (10 << 8)) >> 8;
    v = (v & 0x00ff00ff00ff00ff) * (1 + (100 << 16)) >> 16;
    v = (v & 0x0000ffff0000ffff) * (1 + (10000ULL << 32)) >> 32;
    *out = (int64_t)v;
    return true;
}

bool dg_parse_int64(const char *s, size_t n, int64_t *out)
{
    const bool negative = n > 0 && s[0] == '-';
    size_t i = negative || (n > 0 && s[0] == '+');
    if (i == n || n > 31) return false;
    int64_t value = 0;
    if (n - i <= 18) { /* cannot overflow */
        if (n - i >= 8) {
            if (!eight_digits(s + i, &value)) return false;
            i += 8;
        }
        for (; i < n; i++) {
            const unsigned digit = (unsigned)(s[i] - '0');
            if (digit > 9) return false;
            value = value * 10 + digit;
        }
        *out = negative ? -value : value;
        return true;
    }
    for (; i < n; i++) {
        const int64_t digit = s[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static bool two_digits(const char *s, int *out)
{
    if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9') return false;
    *out = (s[0] - '0') * 10 + (s[1] - '0');
    return true;
}

/* "" or ":MM" or ":MM:SS[.digits]" after the hour, then nothing, "Z" or "+HH[[:]MM]". */
static bool parse_clock(const char *s, const char *end, int *minute, int *second, int *offset)
{
    int hours = 0, minutes = 0;
    *minute = *second = *offset = 0;
    if (end - s >= 3 && s[0] == ':' && two_digits(s + 1, minute)) {
        s += 3;
        if (end - s >= 3 && s[0] == ':' && two_digits(s + 1, second)) {
            s += 3;
            if (s < end && *s == '.')
                for (s++; s < end && *s >= '0' && *s <= '9';) s++;
        }
    }
    if (s == end || (end - s == 1 && *s == 'Z')) return true;
    if ((*s != '+' && *s != '-') || end - s < 3 || !two_digits(s + 1, &hours)) return false;
    const int sign = *s == '-' ? -1 : 1;
    s += 3;
    if (end - s == 3 && *s == ':') s++;
    if (end - s == 2 && two_digits(s, &minutes)) s += 2;
    *offset = sign * (hours * 3600 + minutes * 60);
    return s == end && hours < 24 && minutes < 60;
}

/* Days since 1970-01-01 in the Gregorian calendar; false where there is no such day. Years begin in
 * March here, so that the leap day comes last. Source: Hinnant 2013, "chrono-compatible low-level
 * date algorithms". */
static bool days_since_1970(int year, int month, int day, int64_t *out)
{
    static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > length[month - 1] + (leap && month == 2))
        return false;
    const int y = (month > 2 ? year : year - 1) + 400; /* a cycle of 146097 days on: never < 0 */
    const int of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    *out = (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468 - 146097;
    return true;
}

/* "YYYY-MM-DD", then " HH" or "THH" and what parse_clock takes. */
static bool parse_date(const char *s, size_t n, int64_t *out)
{
    int century, year, month, day, hour = 0, minute = 0, second = 0, offset = 0;
    int64_t days;
    if (!two_digits(s, &century) || !two_digits(s + 2, &year) || !two_digits(s + 5, &month) ||
        !two_digits(s + 8, &day) || !days_since_1970(century * 100 + year, month, day, &days))
        return false;
    if (n > 10 && (n < 13 || (s[10] != ' ' && s[10] != 'T') || !two_digits(s + 11, &hour) ||
                   !parse_clock(s + 13, s + n, &minute, &second, &offset)))
        return false;
    *out = days * 86400 + hour * 3600 + minute * 60 + second - offset;
    return hour < 24 && minute < 60 && second <= 60; /* 60: a leap second */
}

bool dg_parse_time(const char *s, size_t n, int64_t *out)
{
    double seconds;
    if (n >= 10 && s[4] == '-' && s[7] == '-') return parse_date(s, n, out);
    if (dg_parse_int64(s, n, out)) return true;
    if (!dg_parse_double(s, n, &seconds) || fabs(seconds) > 9e15) return false;
    *out = (int64_t)floor(seconds);
    return true;
}

/* Milliseconds less one that the text of a date leaves open; its parts have fixed places. */
static int64_t left_open(const char *s, size_t n)
{
    if (n == 10) return 86399999;
    if (n < 16 || s[13] != ':') return 3599999;
    if (n < 19 || s[16] != ':') return 59999;
    return n > 19 && s[19] == '.' ? 0 : 999;
}

bool dg_parse_moment(const char *s, size_t n, int64_t *ms, int64_t *open)
{
    const bool date = n >= 10 && s[4] == '-' && s[7] == '-';
    double seconds;
    int64_t whole;
    if (!dg_parse_time(s, n, &whole) || whole > INT64_MAX / 1000 || whole < INT64_MIN / 1000)
        return false;
    *ms = whole * 1000;
    *open = date ? left_open(s, n) : 999;
    if (date && *open == 0) {
        for (size_t k = 20, scale = 100; k < n && scale > 0 && s[k] >= '0' && s[k] <= '9'; k++) {
            *ms += (int64_t)scale * (s[k] - '0');
            scale /= 10;
        }
    } else if (!date && !dg_parse_int64(s, n, &whole) && dg_parse_double(s, n, &seconds)) {
        *ms = llround(seconds * 1000);
        *open = 0;
    }
    return true;
}

bool dg_parse_duration(const char *s, double *out)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    const size_t n = strlen(s);
    if (n == 0) return false;
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        if (s[n - 1] != units[k].unit) continue;
        if (!dg_parse_double(s, n - 1, out)) return false;
        *out *= units[k].seconds;
        return isfinite(*out);
    }
    return dg_parse_double(s, n, out);
}

size_t dg_utf8_step(const char *s, size_t n)
{
    if (n == 0) return 0;
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) return 1;
    const size_t length = u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > n) return 0;
    for (size_t k = 1; k < length; k++)
        if ((u[k] & 0xc0) != 0x80) return 0;
    if (u[0] == 0xe0 && u[1] < 0xa0) return 0;  /* overlong */
    if (u[0] == 0xed && u[1] >= 0xa0) return 0; /* surrogate */
    if (u[0] == 0xf0 && u[1] < 0x90) return 0;  /* overlong */
    if (u[0] == 0xf4 && u[1] >= 0x90) return 0; /* above U+10FFFF */
    return length;
}

bool dg_utf8_valid(const char *s, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= n; i += sizeof word) { /* ASCII, the usual case */
        memcpy(&word, s + i, sizeof word);
        if ((word & 0x8080808080808080) != 0) break;
    }
    while (i < n) {
        const size_t step = dg_utf8_step(s + i, n - i);
        if (step == 0) return false;
        i += step;
    }
    return true;
}

/* Control characters, and those that reorder text on a terminal: U+2028 to U+202E, U+2066 to 69. */
static bool is_printable(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    if (n == 1) return u[0] >= 0x20 && u[0] != 0x7f;
    if (n == 2) return u[0] != 0xc2 || u[1] >= 0xa0;
    if (n == 3 && u[0] == 0xe2 && u[1] == 0x80) return u[2] < 0xa8 || u[2] > 0xae;
    if (n == 3 && u[0] == 0xe2 && u[1] == 0x81) return u[2] < 0xa6 || u[2] > 0xa9;
    return n > 0;
}

const char *dg_show_quoted(const char *s, size_t n, char *buf, size_t size)
{
    static const char hex[] = "0123456789abcdef", ellipsis[] = "\xe2\x80\xa6";
    const size_t room =
        size - sizeof ellipsis - 1; /* for the text; then comes at most …" and NUL */
    size_t out = 0, i = 0;
    buf[out++] = '"';
    while (i < n) {
        const size_t step = dg_utf8_step(s + i, n - i);
        const bool plain = is_printable(s + i, step);
        const size_t bytes = plain ? step : 4;
        if (out + bytes > room) break;
        if (plain)
            memcpy(buf + out, s + i, step);
        else
            memcpy(buf + out, (char[]){'\\', 'x', hex[(unsigned char)s[i] >> 4], hex[s[i] & 15]},
                   4);
        out += bytes;
        i += plain ? step : 1;
    }
    if (i < n) {
        memcpy(buf + out, ellipsis, sizeof ellipsis - 1);
        out += sizeof ellipsis - 1;
    }
    buf[out++] = '"';
    buf[out] = '\0';
    return buf;
}

const char *dg_show_bytes(double bytes, char *buf, size_t n)
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    int k = 0;
    for (; bytes >= 999.95 && k < 5; k++) bytes /= 1000; /* what would print as 1000.0 */
    snprintf(buf, n, k == 0 ? "%.0f %s" : "%.1f %s", bytes, unit[k]);
    return buf;
}

const char *dg_show_seconds(double seconds, char *buf, size_t n)
{
    const long whole = lround(seconds);
    if (seconds < 0.0995)
        snprintf(buf, n, "%.0f ms", seconds * 1e3);
    else if (seconds < 9.95)
        snprintf(buf, n, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(buf, n, "%ld s", whole);
    else if (whole < 3600)
        snprintf(buf, n, "%ldm %02lds", whole / 60, whole % 60);
    else
        snprintf(buf, n, "%ldh %02ldm", whole / 3600, whole / 60 % 60);
    return buf;
}

const char *dg_show_count(int64_t count, char *buf, size_t n)
{
    char digits[32];
    const int len = snprintf(digits, sizeof digits, "%" PRId64, count);
    size_t out = 0;
    for (int k = 0; k < len && out + 2 < n; k++) {
        if (k > 0 && (len - k) % 3 == 0 && digits[k - 1] != '-') buf[out++] = ',';
        buf[out++] = digits[k];
    }
    buf[out] = '\0';
    return buf;
}

/* Levenshtein distance of two short words; longer than 63 characters is infinitely far. */
static size_t distance(const char *a, const char *b)
{
    const size_t na = strlen(a), nb = strlen(b);
    size_t row[64];
    if (na > 63 || nb > 63) return SIZE_MAX;
    for (size_t j = 0; j <= nb; j++) row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            const size_t swap = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = swap < best ? swap : best;
        }
    }
    return row[nb];
}

const char *dg_nearest(const char *wrong, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t least = (strlen(wrong) + 2) / 3 + 1; /* one letter in three: further is no help */
    for (size_t k = 0; k < n; k++) {
        const size_t d = distance(wrong, names[k]);
        if (d < least) {
            least = d;
            best = names[k];
        }
    }
    return best;
}
