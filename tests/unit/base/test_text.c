#include "base/text.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "unit_main.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

START_TEST(texts_grow)
{
    dg_text t = {0};
    char expect[3000] = "";
    for (int k = 0; k < 500; k++) {
        dg_text_add(&t, "%d,", k);
        snprintf(expect + strlen(expect), 8, "%d,", k);
    }
    dg_text_bytes(&t, "a\0b", 3);
    dg_text_bytes(&t, NULL, 0);
    ck_assert(!t.failed && memcmp(t.at, expect, strlen(expect)) == 0);
    ck_assert_uint_eq(t.n, strlen(expect) + 3);
    ck_assert(t.at[t.n] == '\0');
    dg_text_free(&t);
    dg_text_free(&t);
    ck_assert_uint_eq(dg_alloc_live(), 0);
}
END_TEST

START_TEST(out_of_memory_is_remembered)
{
    dg_text t = {0};
    setenv("DAOGOU_FAULT", "alloc:0:2", 1);
    dg_fault_reload();
    dg_text_add(&t, "short");
    for (int k = 0; k < 20; k++) dg_text_add(&t, "%s", "longer than the room there is");
    unsetenv("DAOGOU_FAULT");
    dg_fault_reload();
    dg_text_add(&t, "more");
    ck_assert(t.failed);
    ck_assert_str_eq(t.at, "short"); /* nothing is added after a gap */
    dg_text_free(&t);
}
END_TEST

/* The grammar, spelt out: [+-] digits [. digits] [e [+-] digits], a digit before or behind the
 * point, under 64 characters; the value is strtod's. */
static bool reference_double(const char *s, size_t n, double *out)
{
    char copy[64];
    size_t i = 0, digits = 0;
    if (n >= sizeof copy) return false;
    memcpy(copy, s, n);
    copy[n] = '\0';
    i += copy[i] == '+' || copy[i] == '-';
    for (; isdigit((unsigned char)copy[i]); i++) digits++;
    if (copy[i] == '.')
        for (i++; isdigit((unsigned char)copy[i]); i++) digits++;
    if (digits == 0) return false;
    if (copy[i] == 'e' || copy[i] == 'E') {
        i++;
        i += copy[i] == '+' || copy[i] == '-';
        if (!isdigit((unsigned char)copy[i])) return false;
        while (isdigit((unsigned char)copy[i])) i++;
    }
    *out = strtod(copy, NULL);
    return i == n && isfinite(*out);
}

static void assert_like_strtod(const char *s, size_t n)
{
    double got = 0, expect = 0;
    const bool ok = dg_parse_double(s, n, &got);
    const bool agree = ok == reference_double(s, n, &expect);
    if (!agree || (ok && memcmp(&got, &expect, sizeof got) != 0)) /* ck_assert is slow in loops */
        ck_abort_msg("\"%.*s\": %d %.17g, not %.17g", (int)n, s, ok, got, expect);
}

START_TEST(numbers_are_what_strtod_says)
{
    const char *const fixed[] = {"",
                                 "0",
                                 "-0",
                                 "5.",
                                 ".5",
                                 ".",
                                 "-",
                                 "-.",
                                 "+3",
                                 "1e3",
                                 "1e",
                                 "1e+",
                                 "0x10",
                                 "inf",
                                 "-inf",
                                 "nan",
                                 "-nan",
                                 "infinity",
                                 "1e400",
                                 "-1e400",
                                 "1e-400",
                                 " 1",
                                 "1 ",
                                 "1,5",
                                 "1..2",
                                 "999999999999999",
                                 "9999999999999999",
                                 "--1",
                                 "1-1",
                                 "4.9e-324",
                                 "123456789012345.6",
                                 "0.1",
                                 "١"};
    for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++)
        assert_like_strtod(fixed[k], strlen(fixed[k]));
    assert_like_strtod("12\0", 3);
    assert_like_strtod("\0", 1);
    char longest[80];
    memset(longest, '7', sizeof longest);
    for (size_t n = 0; n < sizeof longest; n++) assert_like_strtod(longest, n);

    dg_rng r = dg_rng_at(21, DG_RNG_TEST, 0);
    for (int round = 0; round < 200000; round++) {
        static const char alphabet[] = "0123456789012345678901234567890.-+eE..x n";
        char s[24];
        const size_t n = dg_rng_below(&r, sizeof s);
        for (size_t k = 0; k < n; k++) s[k] = alphabet[dg_rng_below(&r, sizeof alphabet)];
        assert_like_strtod(s, n);
    }
}
END_TEST

START_TEST(printed_numbers_read_back)
{
    dg_rng r = dg_rng_at(22, DG_RNG_TEST, 0);
    for (int round = 0; round < 20000; round++) {
        const uint64_t bits = (uint64_t)dg_rng_u32(&r) << 32 | dg_rng_u32(&r);
        double x, back = 0;
        char s[64];
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        const int n = snprintf(s, sizeof s, "%.17g", x);
        ck_assert(dg_parse_double(s, (size_t)n, &back) && memcmp(&x, &back, sizeof x) == 0);
    }
}
END_TEST

START_TEST(integers_keep_to_their_range)
{
    const struct {
        const char *text;
        bool ok;
        int64_t value;
    } expect[] = {{"0", true, 0},
                  {"-1", true, -1},
                  {"+7", true, 7},
                  {"007", true, 7},
                  {"9223372036854775807", true, INT64_MAX},
                  {"-9223372036854775808", true, INT64_MIN},
                  {"9223372036854775808", false, 0},
                  {"-9223372036854775809", false, 0},
                  {"", false, 0},
                  {"-", false, 0},
                  {" 1", false, 0},
                  {"1 ", false, 0},
                  {"1.0", false, 0},
                  {"0x1", false, 0},
                  {"1e3", false, 0},
                  {"00000000000000000000000000000000001", false, 0}};
    for (size_t k = 0; k < sizeof expect / sizeof *expect; k++) {
        int64_t v = 0;
        ck_assert_msg(dg_parse_int64(expect[k].text, strlen(expect[k].text), &v) == expect[k].ok,
                      "\"%s\"", expect[k].text);
        if (expect[k].ok) ck_assert_int_eq(v, expect[k].value);
    }
    int64_t v;
    ck_assert(!dg_parse_int64("12\0", 3, &v));
}
END_TEST

/* Origin of the numbers: date -u -d … +%s. */
START_TEST(times_are_seconds_since_1970_utc)
{
    const struct {
        const char *text;
        int64_t value;
    } good[] = {{"1970-01-01", 0},
                {"2010-12-01", 1291161600},
                {"2010-12-01 08", 1291190400},
                {"2010-12-01 08:26", 1291191960},
                {"2010-12-01 08:26:00", 1291191960},
                {"2010-12-01T08:26:00Z", 1291191960},
                {"2010-12-01T08:26:00.125Z", 1291191960},
                {"2010-12-01T08:26:00+08:00", 1291163160},
                {"2010-12-01T08:26:00+0800", 1291163160},
                {"2010-12-01T08:26:00-05", 1291209960},
                {"2000-02-29", 951782400},
                {"1969-12-31 23:59:59", -1},
                {"881250949", 881250949},
                {"-5", -5},
                {"2010", 2010},
                {"1.9", 1},
                {"-1.5", -2},
                {"8.81250949e8", 881250949}};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        int64_t v = 0;
        ck_assert_msg(dg_parse_time(good[k].text, strlen(good[k].text), &v), "%s", good[k].text);
        ck_assert_msg(v == good[k].value, "%s: %lld", good[k].text, (long long)v);
    }
    const char *const bad[] = {"",
                               "x",
                               "2010-13-01",
                               "2010-00-10",
                               "2010-06-31",
                               "2001-02-29",
                               "2010-12-01 ",
                               "2010-12-01 8:26",
                               "2010-12-01 24:00:00",
                               "2010-12-01 08:60",
                               "2010-12-01 08:26:61",
                               "2010-12-01 08.5",
                               "2010-12-01 08:26.5",
                               "2010-12-01 08:26:00+08:",
                               "2010-12-01 08:26:00+8",
                               "2010-12-01 08:26:00+24:00",
                               "2010-12-01 08:26:00+08:60",
                               "2010-12-01 08:26:00 Z",
                               "2010-12-01 08:26:00Zx",
                               "2010/12/01",
                               "20101201T08",
                               "1e300",
                               "nan"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        int64_t v;
        ck_assert_msg(!dg_parse_time(bad[k], strlen(bad[k]), &v), "\"%s\" passes", bad[k]);
    }
}
END_TEST

START_TEST(moments_say_how_exact_they_are)
{
    static const struct {
        const char *text;
        int64_t ms, open;
    } good[] = {{"2010-12-01", 1291161600000, 86399999},
                {"2010-12-01 08", 1291190400000, 3599999},
                {"2010-12-01T08+01:00", 1291186800000, 3599999},
                {"2010-12-01 08:26", 1291191960000, 59999},
                {"2010-12-01T08:26+08:00", 1291163160000, 59999},
                {"2010-12-01T08:26:00Z", 1291191960000, 999},
                {"2010-12-01T08:26:00.1259+08:00", 1291163160125, 0},
                {"2010-12-01T08:26:00.5", 1291191960500, 0},
                {"881250949", 881250949000, 999},
                {"881250949.25", 881250949250, 0},
                {"-1.5", -1500, 0},
                {"-5", -5000, 999}};
    int64_t ms = 0, open = 0;
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        ck_assert(dg_parse_moment(good[k].text, strlen(good[k].text), &ms, &open));
        ck_assert_msg(ms == good[k].ms && open == good[k].open, "%s: %lld, %lld", good[k].text,
                      (long long)ms, (long long)open);
    }
    ck_assert(!dg_parse_moment("noon", 4, &ms, &open));
    ck_assert(!dg_parse_moment("9300000000000000", 16, &ms, &open)); /* no room in milliseconds */
}
END_TEST

/* Every day of 1200 years, in order; the C library agrees on each. */
START_TEST(days_follow_each_other)
{
    int64_t day = 0, expect = 0;
    ck_assert(dg_parse_time("1500-01-01", 10, &expect));
    for (int year = 1500; year < 2700; year++)
        for (int k = 0; k < 12 * 31; k++) {
            char s[16];
            struct tm tm = {.tm_year = year - 1900, .tm_mon = k / 31, .tm_mday = k % 31 + 1};
            const int64_t there = (int64_t)timegm(&tm);
            snprintf(s, sizeof s, "%04d-%02d-%02d", year, k / 31 + 1, k % 31 + 1);
            const bool is_day = tm.tm_mday == k % 31 + 1;
            if (dg_parse_time(s, 10, &day) != is_day || (is_day && (day != there || day != expect)))
                ck_abort_msg("%s: %lld", s, (long long)day);
            expect += is_day ? 86400 : 0;
        }
}
END_TEST

/* A time that passes prints back to itself; nothing is read behind the end (asan). */
START_TEST(mutated_times_are_refused_or_right)
{
    const char *const seed = "2010-12-01T08:26:00+08:00";
    dg_rng r = dg_rng_at(23, DG_RNG_TEST, 0);
    for (int round = 0; round < 50000; round++) {
        const size_t n = dg_rng_below(&r, (uint32_t)strlen(seed) + 1);
        char *s = dg_alloc(n, 1);
        int64_t v = 0;
        memcpy(s, seed, n);
        for (uint32_t k = dg_rng_below(&r, 3); k > 0 && n > 0; k--)
            s[dg_rng_below(&r, (uint32_t)n)] = "0123456789:-+TZ. "[dg_rng_below(&r, 17)];
        if (dg_parse_time(s, n, &v) && n == 10 && memchr(s + 1, '-', n - 1) != NULL) {
            char back[32];
            const time_t t = (time_t)v;
            struct tm tm;
            gmtime_r(&t, &tm);
            snprintf(back, sizeof back, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday);
            ck_assert_msg(memcmp(s, back, 10) == 0, "%.10s is not %s", s, back);
        }
        dg_free(s);
    }
}
END_TEST

START_TEST(durations_have_units)
{
    double s = 0;
    ck_assert(dg_parse_duration("90d", &s) && s == 90 * 86400.0);
    ck_assert(dg_parse_duration("12h", &s) && s == 12 * 3600.0);
    ck_assert(dg_parse_duration("15m", &s) && s == 15 * 60.0);
    ck_assert(dg_parse_duration("30s", &s) && s == 30);
    ck_assert(dg_parse_duration("2w", &s) && s == 14 * 86400.0);
    ck_assert(dg_parse_duration("0.5d", &s) && s == 43200);
    ck_assert(dg_parse_duration("45", &s) && s == 45);
    const char *const bad[] = {"", "d", "5y", "5 d", "d5", "1h30m", "inf", "1e308w", "nand"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_msg(!dg_parse_duration(bad[k], &s), "\"%s\" passes", bad[k]);
}
END_TEST

static void assert_shown(const char *got, const char *expect) { ck_assert_str_eq(got, expect); }

START_TEST(amounts_are_shown_for_people)
{
    char b[40];
    assert_shown(dg_show_bytes(0, b, sizeof b), "0 B");
    assert_shown(dg_show_bytes(999, b, sizeof b), "999 B");
    assert_shown(dg_show_bytes(1000, b, sizeof b), "1.0 kB");
    assert_shown(dg_show_bytes(12.34e6, b, sizeof b), "12.3 MB");
    assert_shown(dg_show_bytes(999960, b, sizeof b), "1.0 MB");
    assert_shown(dg_show_bytes(5e18, b, sizeof b), "5000.0 PB");
    assert_shown(dg_show_seconds(0.0123, b, sizeof b), "12 ms");
    assert_shown(dg_show_seconds(0.5, b, sizeof b), "0.5 s");
    assert_shown(dg_show_seconds(9.96, b, sizeof b), "10 s");
    assert_shown(dg_show_seconds(59.7, b, sizeof b), "1m 00s");
    assert_shown(dg_show_seconds(3599.6, b, sizeof b), "1h 00m");
    assert_shown(dg_show_seconds(62, b, sizeof b), "1m 02s");
    assert_shown(dg_show_seconds(7384, b, sizeof b), "2h 03m");
    assert_shown(dg_show_count(0, b, sizeof b), "0");
    assert_shown(dg_show_count(-999, b, sizeof b), "-999");
    assert_shown(dg_show_count(-1000, b, sizeof b), "-1,000");
    assert_shown(dg_show_count(20000263, b, sizeof b), "20,000,263");
    assert_shown(dg_show_count(INT64_MIN, b, sizeof b), "-9,223,372,036,854,775,808");
}
END_TEST

static void assert_quoted(const char *bytes, size_t n, size_t size, const char *expect)
{
    char *buf = dg_alloc(size, 1);
    ck_assert_str_eq(dg_show_quoted(bytes, n, buf, size), expect);
    ck_assert_uint_lt(strlen(buf), size);
    dg_free(buf);
}

START_TEST(quoted_bytes_are_printable_and_fit)
{
    assert_quoted("", 0, 16, "\"\"");
    assert_quoted("abc", 3, 16, "\"abc\"");
    assert_quoted("导购 é", 9, 40, "\"导购 é\"");
    assert_quoted("a\0\t\x7f\n", 5, 40, "\"a\\x00\\x09\\x7f\\x0a\"");
    assert_quoted("\xe9\xff\xe5\xaf", 4, 40, "\"\\xe9\\xff\\xe5\\xaf\""); /* not UTF-8 */
    assert_quoted("\xc2\x85|\xc2\xa0", 5, 40, "\"\\xc2\\x85|\xc2\xa0\""); /* a C1 control */
    assert_quoted("\u202e\u2066\u2070", 9, 60, "\"\\xe2\\x80\\xae\\xe2\\x81\\xa6\u2070\"");
    assert_quoted("0123456789", 10, 16, "\"0123456789\"");
    assert_quoted("0123456789a", 11, 16, "\"0123456789…\"");
    assert_quoted("01234567导", 11, 16, "\"01234567…\""); /* no part of a character */
    assert_quoted("0123456\x01", 8, 16, "\"0123456…\"");
}
END_TEST

START_TEST(nearest_name_or_none)
{
    const char *const names[] = {"factors", "iterations", "regularization"};
    ck_assert_str_eq(dg_nearest("factor", names, 3), "factors");
    ck_assert_str_eq(dg_nearest("regularisation", names, 3), "regularization");
    ck_assert_str_eq(dg_nearest("itertaions", names, 3), "iterations");
    ck_assert(dg_nearest("zzzzzz", names, 3) == NULL);
    ck_assert(dg_nearest("doctor", names, 3) == NULL);
    ck_assert(dg_nearest("factors", names, 0) == NULL);
    char endless[200];
    memset(endless, 'f', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    ck_assert(dg_nearest(endless, names, 3) == NULL);
}
END_TEST

UNIT_MAIN("text", texts_grow, out_of_memory_is_remembered, numbers_are_what_strtod_says,
          printed_numbers_read_back, integers_keep_to_their_range, times_are_seconds_since_1970_utc,
          moments_say_how_exact_they_are, days_follow_each_other,
          mutated_times_are_refused_or_right, durations_have_units, amounts_are_shown_for_people,
          quoted_bytes_are_printable_and_fit, nearest_name_or_none)
