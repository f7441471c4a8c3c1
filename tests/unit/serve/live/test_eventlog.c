/* The log: lines whole or not at all, whatever is cut, flipped or refused. */
#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "scratch.h"
#include "serve/live/eventlog.h"
#include "unit_main.h"

#include <inttypes.h>
#include <sys/stat.h>

static dg_eventlog *event_log;
static dg_err err;
static int64_t n_cut;

typedef struct found {
    int n;
    dg_event_place place[64];
    char line[64][64];
} found;

static found read_back;

static dg_status read_line(void *context, dg_event_place place, const char *line, size_t n,
                           dg_err *why)
{
    found *f = context;
    (void)why;
    ck_assert_int_lt(f->n, 64);
    f->place[f->n] = place;
    snprintf(f->line[f->n++], 64, "%.*s", (int)(n < 63 ? n : 63), line);
    return DG_OK;
}

static const char *folder(void) { return scratch(getpid(), "events"); }

static const char *segment(int k)
{
    char name[64];
    snprintf(name, sizeof name, "events/events-%08d.jsonl", k);
    return scratch(getpid(), name);
}

static dg_status try_open(void)
{
    read_back.n = 0;
    return dg_eventlog_open(folder(), read_line, &read_back, &event_log, &n_cut, &err);
}

static void reopen(void)
{
    dg_eventlog_close(&event_log);
    ck_assert_msg(try_open() == DG_OK, "%s", err.text);
}

static dg_event_place next(void)
{
    dg_event_place place;
    ck_assert_msg(dg_eventlog_next(event_log, &place, &err) == DG_OK, "%s", err.text);
    return place;
}

static dg_text line_of(int k)
{
    dg_text t = {0};
    dg_text_add(&t, "{\"k\":%d", k);
    dg_event_line_end(&t, 0);
    return t;
}

static dg_status put(int k)
{
    dg_text t = line_of(k);
    next();
    const dg_status st = dg_eventlog_write(event_log, t.at, t.n, &err);
    dg_text_free(&t);
    return st;
}

static void holds(int n)
{
    ck_assert_int_eq(read_back.n, n);
    for (int k = 0; k < n; k++) {
        char want[32];
        snprintf(want, sizeof want, "{\"k\":%d,", k);
        ck_assert_msg(strncmp(read_back.line[k], want, strlen(want)) == 0, "%s", read_back.line[k]);
    }
}

static void clean_up(void)
{
    dg_eventlog_close(&event_log);
    scratch_remove();
    ck_assert_uint_eq(dg_alloc_live(), 0);
}

static long size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (long)info.st_size : -1;
}

START_TEST(lines_are_read_back_where_they_are)
{
    char line[DG_EVENT_LINE];
    size_t n;
    ck_assert_int_eq(try_open(), DG_OK);
    for (int k = 0; k < 5; k++) ck_assert_int_eq(put(k), DG_OK);
    reopen();
    holds(5);
    ck_assert_int_eq(n_cut, 0);
    for (int k = 0; k < 5; k++) {
        ck_assert_int_eq(dg_eventlog_line(event_log, read_back.place[k], line, &n, &err), DG_OK);
        ck_assert_mem_eq(line, read_back.line[k], strlen(read_back.line[k]));
        ck_assert_int_eq(dg_eventlog_line(event_log, read_back.place[k] + 1, line, &n, &err),
                         DG_ERR_DATA);
    }
    ck_assert_int_eq(
        dg_eventlog_line(event_log, (uint64_t)9 << DG_EVENT_OFFSET_BITS, line, &n, &err),
        DG_ERR_NOINPUT);
    clean_up();
}
END_TEST

START_TEST(one_process_at_a_time)
{
    dg_eventlog *other;
    found none = {0};
    ck_assert_int_eq(try_open(), DG_OK);
    ck_assert_int_eq(dg_eventlog_open(folder(), read_line, &none, &other, &n_cut, &err),
                     DG_ERR_UNAVAILABLE);
    ck_assert_ptr_null(other);
    clean_up();
}
END_TEST

START_TEST(an_end_cut_short_at_any_byte_is_cut_off)
{
    ck_assert_int_eq(try_open(), DG_OK);
    for (int k = 0; k < 3; k++) ck_assert_int_eq(put(k), DG_OK);
    const long two = (long)(next() & 0xffffff) / 3 * 2, three = size_of(segment(1));
    for (long size = three - 1; size >= two; size--) {
        dg_eventlog_close(&event_log);
        ck_assert_int_eq(truncate(segment(1), size), 0);
        ck_assert_int_eq(try_open(), DG_OK);
        holds(2);
        ck_assert_int_eq(n_cut, size - two);
        ck_assert_int_eq(size_of(segment(1)), two);
        ck_assert_int_eq(put(2), DG_OK); /* whole again */
        reopen();
        holds(3);
        ck_assert_int_eq(size_of(scratch(getpid(), "events/events-00000001.cut")), -1);
    }
    clean_up();
}
END_TEST

static void flip(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    fseek(f, at, SEEK_SET);
    const int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 4, f);
    fclose(f);
}

START_TEST(damage_is_never_read_as_an_event)
{
    ck_assert_int_eq(try_open(), DG_OK);
    for (int k = 0; k < 4; k++) ck_assert_int_eq(put(k), DG_OK);
    const long whole = size_of(segment(1));
    for (long at = 0; at < whole; at++) {
        dg_eventlog_close(&event_log);
        flip(segment(1), at);
        ck_assert_int_eq(try_open(), DG_OK); /* the last segment: what follows is kept aside */
        const int kept = (int)(at / (whole / 4));
        holds(kept);
        ck_assert_int_eq(size_of(scratch(getpid(), "events/events-00000001.cut")),
                         whole - whole / 4 * kept);
        for (int k = kept; k < 4; k++) ck_assert_int_eq(put(k), DG_OK);
    }
    clean_up();
}
END_TEST

START_TEST(a_damaged_line_before_the_last_segment_is_an_error)
{
    ck_assert_int_eq(try_open(), DG_OK);
    for (int k = 0; k < 3; k++) ck_assert_int_eq(put(k), DG_OK);
    dg_eventlog_close(&event_log);
    FILE *f = fopen(segment(2), "wb");
    fclose(f);
    flip(segment(1), 5);
    ck_assert_int_eq(try_open(), DG_ERR_DATA);
    ck_assert_ptr_nonnull(strstr(err.text, "events-00000001.jsonl: byte 0"));
    ck_assert_ptr_null(event_log);
    flip(segment(1), 5);
    flip(segment(1), size_of(segment(1)) - 3); /* its end may be unfinished */
    ck_assert_int_eq(try_open(), DG_OK);
    holds(2);
    ck_assert_uint_eq(next() >> DG_EVENT_OFFSET_BITS, 2);
    clean_up();
}
END_TEST

static void fail_next(const char *site)
{
    char text[64];
    snprintf(text, sizeof text, "%s:0:1", site);
    setenv("DAOGOU_FAULT", text, 1);
    dg_fault_reload();
}

START_TEST(what_fails_leaves_nothing_and_the_next_succeeds)
{
    static const char *const sites[] = {"write", "fsync"};
    ck_assert_int_eq(try_open(), DG_OK);
    int n = 0;
    for (int round = 0; round < 6; round++) {
        ck_assert_int_eq(put(n++), DG_OK);
        next(); /* so that the fault is not met by a new segment */
        fail_next(sites[round % 2]);
        dg_text t = line_of(99);
        ck_assert_int_ne(dg_eventlog_write(event_log, t.at, t.n, &err), DG_OK);
        dg_text_free(&t);
        unsetenv("DAOGOU_FAULT");
        dg_fault_reload();
        ck_assert_int_eq(put(n++), DG_OK);
    }
    ck_assert_uint_gt(next() >> DG_EVENT_OFFSET_BITS, 3); /* a failed fsync ends a segment */
    reopen();
    holds(n);
    clean_up();
}
END_TEST

START_TEST(any_bytes_are_events_or_refused)
{
    enum { ROUNDS = 600 };
    dg_rng rng = dg_rng_at(3, DG_RNG_TEST, 0);
    int whole = 0;
    ck_assert_int_eq(try_open(), DG_OK);
    for (int round = 0; round < ROUNDS; round++) {
        char bytes[512];
        size_t n = 0;
        for (int k = 0; k < 4; k++) {
            dg_text t = line_of((int)dg_rng_below(&rng, 1000));
            memcpy(bytes + n, t.at, t.n);
            n += t.n;
            dg_text_free(&t);
        }
        for (uint32_t edits = dg_rng_below(&rng, 4); edits > 0; edits--)
            bytes[dg_rng_below(&rng, (uint32_t)n)] = (char)dg_rng_u32(&rng);
        if (round % 3 == 0) n = dg_rng_below(&rng, (uint32_t)n + 1);
        dg_eventlog_close(&event_log);
        FILE *f = fopen(segment(1), "wb");
        fwrite(bytes, 1, n, f);
        fclose(f);
        ck_assert_int_eq(try_open(), DG_OK);
        ck_assert_int_le(read_back.n, 4);
        whole += read_back.n == 4;
        for (int k = 0; k < read_back.n; k++)
            ck_assert(strncmp(read_back.line[k], "{\"k\":", 5) == 0);
    }
    ck_assert_int_gt(whole, ROUNDS / 20);
    clean_up();
}
END_TEST

UNIT_MAIN("eventlog", lines_are_read_back_where_they_are, one_process_at_a_time,
          an_end_cut_short_at_any_byte_is_cut_off, damage_is_never_read_as_an_event,
          a_damaged_line_before_the_last_segment_is_an_error,
          what_fails_leaves_nothing_and_the_next_succeeds, any_bytes_are_events_or_refused)
