/* Splitting against a reader that goes byte by byte over the whole file in memory. */
#include "table/split.h"

#include "base/fault.h"
#include "base/memory.h"
#include "base/rng.h"
#include "made_file.h"
#include "unit_main.h"

#include <stdio.h>
#include <string.h>

/* ---- the reference ---- */

typedef struct reference {
    const char *s;
    size_t n, at;
    const dg_dialect *d;
    char field[64][256];
    size_t length[64], n_fields;
    bool quoted; /* the last field */
} reference;

static bool sees(const reference *r, const char *what)
{
    const size_t n = strlen(what);
    return r->at + n <= r->n && memcmp(r->s + r->at, what, n) == 0;
}

static void take(reference *r)
{
    const size_t f = r->n_fields - 1;
    ck_assert_uint_lt(r->length[f], sizeof r->field[f]);
    r->field[f][r->length[f]++] = r->s[r->at++];
}

/* Passes the line end when `at` is before one; the end of the file is one. */
static bool ends_line(reference *r)
{
    if (sees(r, "\r\n"))
        r->at += 2;
    else if (sees(r, "\n") || (sees(r, "\r") && r->at + 1 == r->n))
        r->at++;
    else
        return r->at == r->n;
    return true;
}

/* One field; false when its quotes are broken. */
static bool read_field(reference *r)
{
    const char quote[] = {r->d->quote, '\0'}, doubled[] = {r->d->quote, r->d->quote, '\0'};
    r->length[r->n_fields++] = 0;
    r->quoted = sees(r, quote);
    if (!r->quoted) {
        while (r->at < r->n && !sees(r, r->d->separator) && !sees(r, "\n") && !sees(r, "\r\n") &&
               !(sees(r, "\r") && r->at + 1 == r->n))
            take(r);
        return true;
    }
    for (r->at++; r->at < r->n;) {
        if (sees(r, doubled)) {
            r->at++;
        } else if (sees(r, quote)) {
            r->at++;
            return true;
        }
        take(r);
    }
    return false;
}

static bool read_record(reference *r)
{
    for (r->n_fields = 0; read_field(r);) {
        if (ends_line(r)) return true;
        if (!sees(r, r->d->separator)) return false;
        r->at += strlen(r->d->separator);
    }
    return false;
}

static void describe(dg_text *out, int64_t line, int64_t position, size_t n)
{
    dg_text_add(out, "%lld @%lld %zu:", (long long)line, (long long)position, n);
}

static void reference_transcript(const char *s, size_t n, const dg_dialect *d, dg_text *out)
{
    static reference r;
    int64_t line = 1;
    for (r = (reference){.s = s, .n = n, .d = d}; r.at < n;) {
        const size_t begin = r.at;
        const bool good = read_record(&r);
        const bool blank = r.n_fields == 1 && r.length[0] == 0 && !r.quoted;
        size_t nul = 0;
        while (nul < r.n_fields && memchr(r.field[nul], '\0', r.length[nul]) == NULL) nul++;
        if (!good) {
            dg_text_add(out, "! %lld:%zu broken quotes\n", (long long)line, r.n_fields);
        } else if (nul < r.n_fields) {
            dg_text_add(out, "! %lld:%zu NUL byte\n", (long long)line, nul + 1);
        } else if (!blank) {
            describe(out, line, (int64_t)begin, r.n_fields);
            for (size_t k = 0; k < r.n_fields; k++) {
                dg_text_bytes(out, "[", 1);
                dg_text_bytes(out, r.field[k], r.length[k]);
                dg_text_bytes(out, "]", 1);
            }
            dg_text_bytes(out, "\n", 1);
        }
        if (!good) /* only its first line is lost */
            for (r.at = begin; r.at < n && s[r.at] != '\n';) r.at++;
        if (!good && r.at < n) r.at++;
        for (size_t k = begin; k < r.at; k++) line += s[k] == '\n';
    }
    if (n > 0 && s[n - 1] == '\n') line--;
    dg_text_add(out, "= %lld", (long long)line);
}

/* ---- the module ---- */

static void split_transcript(const char *s, size_t n, const dg_dialect *d, dg_text *out)
{
    made_file f;
    dg_split *split;
    dg_fields fields;
    dg_reject reject;
    dg_outcome outcome;
    dg_err err;
    make_file(&f, s, n, DG_CODEC_PLAIN);
    ck_assert_int_eq(dg_split_open(&f.source, d, (dg_span){.end = (int64_t)n}, &split, &err),
                     DG_OK);
    while (dg_split_next(split, &outcome, &fields, &reject, &err) == DG_OK &&
           outcome != DG_OUTCOME_END) {
        if (outcome == DG_OUTCOME_REJECT) {
            dg_text_add(out, "! %lld:%d %s\n", (long long)reject.line, reject.column,
                        dg_reject_text(reject.cause));
            continue;
        }
        describe(out, fields.line, fields.position, fields.n);
        for (size_t k = 0; k < fields.n; k++) {
            dg_text_bytes(out, "[", 1);
            dg_text_bytes(out, fields.at[k].at, fields.at[k].n);
            dg_text_bytes(out, "]", 1);
        }
        dg_text_bytes(out, "\n", 1);
    }
    dg_text_add(out, "= %lld", (long long)dg_split_lines(split));
    dg_split_close(&split);
    drop_file(&f);
}

static void assert_like_reference(const char *s, size_t n, const dg_dialect *d)
{
    dg_text got = {0}, expect = {0};
    char shown[800];
    split_transcript(s, n, d, &got);
    reference_transcript(s, n, d, &expect);
    if (got.n != expect.n || memcmp(got.at, expect.at, got.n) != 0)
        ck_abort_msg("%s\ngot\n%s\nexpected\n%s", dg_show_quoted(s, n, shown, sizeof shown), got.at,
                     expect.at);
    dg_text_free(&got);
    dg_text_free(&expect);
}

START_TEST(random_bytes_split_like_the_reference)
{
    static const char *const separators[] = {",", "::", ";;;", "\t"};
    dg_rng r = dg_rng_at(1, DG_RNG_TEST, 0);
    for (int round = 0; round < 20000; round++) {
        dg_dialect d = dg_dialect_default();
        strcpy(d.separator, separators[dg_rng_below(&r, 4)]);
        const char alphabet[] = {'a',  'b', '"', '"', '\n', '\r', d.separator[0], d.separator[0],
                                 '\0', 'c'};
        char s[40];
        const size_t n = dg_rng_below(&r, sizeof s) + 1;
        const uint32_t letters = dg_rng_below(&r, 8) == 0 ? 10 : 8;
        for (size_t k = 0; k < n; k++) s[k] = alphabet[dg_rng_below(&r, letters)];
        assert_like_reference(s, n, &d);
    }
}
END_TEST

START_TEST(every_short_text_splits_like_the_reference)
{
    static const char alphabet[] = "a\",\n\r";
    dg_dialect d = dg_dialect_default();
    for (size_t n = 1; n <= 6; n++) {
        size_t texts = 1;
        for (size_t k = 0; k < n; k++) texts *= 5;
        for (size_t t = 0; t < texts; t++) {
            char s[8];
            for (size_t k = 0, rest = t; k < n; k++, rest /= 5) s[k] = alphabet[rest % 5];
            assert_like_reference(s, n, &d);
        }
    }
}
END_TEST

/* ---- the window's edges ---- */

static void add_many(dg_text *t, char c, size_t n)
{
    char block[1000];
    memset(block, c, sizeof block);
    for (; n > sizeof block; n -= sizeof block) dg_text_bytes(t, block, sizeof block);
    dg_text_bytes(t, block, n);
}

/* The outcome of the one record of a file, after `ahead` blank lines. Only the record's
 * first byte lies in the range, so that it is read in small pieces. */
static void assert_last_record(size_t ahead, const dg_text *record, const char *separator,
                               const char *expect)
{
    made_file f;
    dg_split *split;
    dg_fields fields;
    dg_reject reject;
    dg_outcome outcome;
    dg_err err;
    dg_dialect d = dg_dialect_default();
    dg_text t = {0}, got = {0};
    strcpy(d.separator, separator);
    add_many(&t, '\n', ahead);
    const dg_span span = {(int64_t)t.n, (int64_t)t.n + 1, 0, 0, 0};
    dg_text_bytes(&t, record->at, record->n);
    make_file(&f, t.at, t.n, DG_CODEC_PLAIN);
    dg_text_free(&t);
    ck_assert_int_eq(dg_split_open(&f.source, &d, span, &split, &err), DG_OK);
    ck_assert_int_eq(dg_split_next(split, &outcome, &fields, &reject, &err), DG_OK);
    if (outcome == DG_OUTCOME_REJECT)
        dg_text_add(&got, "%d%s", reject.column, strrchr(reject.reason, '"') + 1);
    for (size_t k = 0; k < fields.n && outcome == DG_OUTCOME_RECORD; k++)
        dg_text_add(&got, "%zu ", fields.at[k].n);
    ck_assert_str_eq(got.at, expect);
    dg_split_close(&split);
    dg_text_free(&got);
    drop_file(&f);
}

/* Pieces of 64 kB end in the middle of a doubled quote, a separator, a line end. */
START_TEST(a_piece_may_end_anywhere)
{
    for (size_t fill = 65536 - 24; fill < 65536 + 4; fill++) {
        char expect[64];
        dg_text t = {0};
        dg_text_add(&t, "\"");
        add_many(&t, 'x', fill);
        dg_text_add(&t, "\"\"y\n\"::\"\"::z\"::\"\"\"\"\r\n\"rest\"\r\n");
        snprintf(expect, sizeof expect, "%zu 0 2 1 ", fill + 3);
        assert_last_record(0, &t, "::", expect);
        dg_text_free(&t);
    }
}
END_TEST

START_TEST(the_longest_record_passes_and_one_byte_more_does_not)
{
    static const size_t aheads[] = {0, 1000, (1 << 20) + 1, (2 << 20) - 100};
    for (int k = 0; k < 4; k++)
        for (size_t more = 0; more < 3; more++) {
            char expect[64];
            dg_text plain = {0}, quoted = {0};
            const size_t n = DG_RECORD_MAX - 1 + more; /* with the line feed: MAX .. MAX + 2 */
            add_many(&plain, 'x', n - 2);
            dg_text_add(&plain, ",y\n");
            snprintf(expect, sizeof expect,
                     more < 2 ? "%zu 1 " : "0 begins a record longer than 1048576 bytes", n - 2);
            assert_last_record(aheads[k], &plain, ",", expect);
            dg_text_add(&quoted, "a,\"\n");
            add_many(&quoted, 'x', n - 5);
            dg_text_add(&quoted, "\"\n");
            snprintf(expect, sizeof expect, more < 2 ? "1 %zu " : "2 has no closing quote", n - 4);
            assert_last_record(aheads[k], &quoted, ",", expect);
            dg_text_free(&plain);
            dg_text_free(&quoted);
        }
    dg_text late = {0}; /* what stands beyond the limit is not known to follow a closing quote */
    dg_text_add(&late, "a,\"");
    add_many(&late, 'x', DG_RECORD_MAX + 1000);
    dg_text_add(&late, "\nxx\"y\n");
    late.at[100] = '\n';
    for (int k = 0; k < 4; k++) assert_last_record(aheads[k], &late, ",", "2 has no closing quote");
    dg_text_free(&late);
}
END_TEST

/* Without its closing quote a field would swallow all that follows. */
START_TEST(a_missing_quote_costs_one_line)
{
    made_file f;
    dg_split *split;
    dg_fields fields;
    dg_reject reject;
    dg_outcome outcome;
    dg_err err;
    dg_text t = {0};
    const dg_dialect d = dg_dialect_default();
    dg_text_add(&t, "1,\"two,3\n");
    for (int k = 2; k <= 150000; k++) dg_text_add(&t, "%d,two,3\n", k);
    make_file(&f, t.at, t.n, DG_CODEC_PLAIN);
    ck_assert_int_eq(dg_split_open(&f.source, &d, (dg_span){.end = f.source.size}, &split, &err),
                     DG_OK);
    ck_assert_int_eq(dg_split_next(split, &outcome, &fields, &reject, &err), DG_OK);
    ck_assert_int_eq(outcome, DG_OUTCOME_REJECT);
    ck_assert_int_eq(reject.cause, DG_REJECT_QUOTE);
    ck_assert_int_eq(reject.line, 1);
    ck_assert_int_eq(reject.column, 2);
    ck_assert_str_eq(reject.reason, "\"two,3\" has no closing quote");
    for (int64_t line = 2; line <= 150000; line++) {
        ck_assert_int_eq(dg_split_next(split, &outcome, &fields, &reject, &err), DG_OK);
        if (outcome != DG_OUTCOME_RECORD || fields.line != line || fields.n != 3)
            ck_abort_msg("line %lld: %d", (long long)line, outcome);
    }
    dg_split_close(&split);
    drop_file(&f);
    dg_text_free(&t);
}
END_TEST

UNIT_MAIN("split", random_bytes_split_like_the_reference,
          every_short_text_splits_like_the_reference, a_piece_may_end_anywhere,
          the_longest_record_passes_and_one_byte_more_does_not, a_missing_quote_costs_one_line)
