#include "table/split.h"

#include "base/memory.h"
#include "table/window.h"

#include <string.h>

struct dg_split {
    dg_window window;
    dg_format format;
    int quote; /* -1 for none */
    bool latin1;
    char separator[8];
    size_t separator_n;
    int64_t lines;
    dg_slice *field; /* (capacity,) of the last record */
    size_t capacity;
    char *decoded; /* (2 * window.size,) latin1 only: the last record in UTF-8 */
};

static char *find_separator(const dg_split *s, char *at, const char *end)
{
    while (at < end && (at = memchr(at, s->separator[0], (size_t)(end - at))) != NULL) {
        if (s->separator_n == 1) return at;
        if ((size_t)(end - at) < s->separator_n) return NULL;
        if (memcmp(at, s->separator, s->separator_n) == 0) return at;
        at++;
    }
    return NULL;
}

/* A record with quotes may have line feeds in its fields: it is scanned field by field to find its
 * end, without a change to its bytes, for the end may never come. */
typedef enum scan { SCAN_FIELD, SCAN_END, SCAN_MORE, SCAN_BROKEN } scan;

typedef struct scanner {
    const dg_split *s;
    char *at;
    char *line_end; /* first line feed at or after `at`, or `end`; may lag behind */
    char *end;      /* of the bytes at hand */
    bool final;     /* nothing comes after them */
    char *field;    /* the one being scanned */
    size_t column;  /* its number from 1; 0 before the first */
} scanner;

/* Leaves `at` behind the closing quote. A quote just before the end could be half of two. */
static bool pass_quotes(scanner *c)
{
    char *q = c->at + 1;
    while ((q = memchr(q, c->s->quote, (size_t)(c->end - q))) != NULL) {
        if (++q == c->end && !c->final) return false;
        if (q == c->end || *q != c->s->quote) {
            c->at = q;
            return true;
        }
        q++;
    }
    return false;
}

static scan scan_quoted(scanner *c)
{
    if (!pass_quotes(c)) return SCAN_MORE;
    const size_t left = (size_t)(c->end - c->at), n = c->s->separator_n;
    if (left == 0 || *c->at == '\n') return SCAN_END;
    if (*c->at == '\r' && left == 1) return c->final ? SCAN_END : SCAN_MORE;
    if (*c->at == '\r' && c->at[1] == '\n') return SCAN_END;
    if (left < n && !c->final) return SCAN_MORE;
    if (left < n || memcmp(c->at, c->s->separator, n) != 0) return SCAN_BROKEN;
    c->at += n;
    return SCAN_FIELD;
}

static scan scan_plain(scanner *c)
{
    if (c->line_end < c->at) {
        c->line_end = memchr(c->at, '\n', (size_t)(c->end - c->at));
        if (c->line_end == NULL) c->line_end = c->end;
    }
    char *separator = find_separator(c->s, c->at, c->line_end);
    c->at = separator != NULL ? separator + c->s->separator_n : c->line_end;
    if (separator != NULL) return SCAN_FIELD;
    return c->line_end < c->end || c->final ? SCAN_END : SCAN_MORE;
}

static scan scan_record(scanner *c)
{
    scan step;
    do {
        c->column++;
        c->field = c->at;
        step =
            c->at < c->end && (unsigned char)*c->at == c->s->quote ? scan_quoted(c) : scan_plain(c);
    } while (step == SCAN_FIELD);
    return step;
}

/* What the window begins with. */
typedef struct extent {
    char *at;
    size_t n;     /* without the line end */
    size_t whole; /* with it */
    int64_t lines;
} extent;

static scan find_quoted(const dg_split *s, char *line_end, char *end, bool final, extent *e,
                        dg_reject *reject)
{
    scanner c = {.s = s, .at = e->at, .line_end = line_end, .end = end, .final = final};
    scan found = scan_record(&c);
    if (found == SCAN_MORE && !final && end - e->at <= DG_RECORD_MAX) return SCAN_MORE;
    if (found == SCAN_BROKEN) {
        const dg_slice rest = {c.at, (size_t)(line_end > c.at ? line_end - c.at : 0)};
        dg_reject__set(reject, DG_REJECT_QUOTE, c.column, rest, " follows a closing quote");
    } else if (found == SCAN_MORE || c.at - e->at > DG_RECORD_MAX) {
        const char *text = c.field + 1; /* the opening quote itself would only confuse */
        const dg_slice rest = {text, (size_t)(line_end > text ? line_end - text : 0)};
        dg_reject__set(reject, DG_REJECT_QUOTE, c.column, rest, " has no closing quote");
        found = SCAN_BROKEN;
    }
    if (found == SCAN_BROKEN) return found;
    e->n = (size_t)(c.at - e->at);
    for (const char *feed = e->at; (feed = memchr(feed, '\n', (size_t)(c.at - feed))) != NULL;
         feed++)
        e->lines++;
    return SCAN_END;
}

/* Find the next record's end, whatever piece of the file the window shows: the outcome may depend
 * on the record's first DG_RECORD_MAX + 2 bytes only. */
static scan find_record(const dg_split *s, extent *e, dg_reject *reject)
{
    const dg_window *w = &s->window;
    const size_t limit = DG_RECORD_MAX + 2, unread = w->n - w->at;
    const size_t seen = unread < limit ? unread : limit;
    const bool final = w->drained && seen == unread;
    *e = (extent){.at = w->bytes + w->at, .lines = 1};
    char *const end = e->at + seen, *line_end = memchr(e->at, '\n', seen);
    if (line_end == NULL) {
        if (seen <= DG_RECORD_MAX && !final) return SCAN_MORE;
        line_end = end;
    }
    e->n = (size_t)(line_end - e->at);
    if (e->n > DG_RECORD_MAX) {
        dg_reject__set(reject, DG_REJECT_LONG_RECORD, 0, (dg_slice){e->at, e->n},
                       " begins a record longer than %d bytes", DG_RECORD_MAX);
        return SCAN_BROKEN;
    }
    if (s->quote >= 0 && memchr(e->at, s->quote, e->n) != NULL) {
        const scan found = find_quoted(s, line_end, end, final, e, reject);
        if (found != SCAN_END) return found;
    }
    const char *stop = e->at + e->n;
    if (stop < end && *stop == '\r') stop++; /* behind a quoted field the CR is not in n */
    if (stop < end && *stop == '\n') stop++;
    e->whole = (size_t)(stop - e->at);
    if (e->n > 0 && e->at[e->n - 1] == '\r') e->n--;
    return SCAN_END;
}

/* Room for one more field behind n. */
static dg_status reserve(dg_split *s, size_t n, dg_err *err)
{
    if (n < s->capacity) return DG_OK;
    dg_slice *grown = dg_grow(s->field, n, n + 1, &s->capacity, sizeof *grown);
    if (grown == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory for %zu columns",
                       s->window.source->path, n);
    s->field = grown;
    return DG_OK;
}

/* Take the quotes off in place; returns what follows the closing one. */
static char *unquote(int quote, char *at, const char *end, dg_slice *field)
{
    char *to = ++at;
    field->at = at;
    for (;;) {
        char *q = memchr(at, quote, (size_t)(end - at)); /* scan_quoted has found it */
        const size_t n = (size_t)(q - at);
        if (to != at) memmove(to, at, n);
        to += n;
        at = q + 1;
        if (at == end || (unsigned char)*at != quote) break;
        *to++ = *at++;
    }
    field->n = (size_t)(to - field->at);
    return at;
}

static dg_status split_csv(dg_split *s, char *at, char *end, size_t *n, dg_err *err)
{
    for (*n = 0;; at += s->separator_n) {
        const dg_status st = reserve(s, *n, err);
        if (st != DG_OK) return st;
        dg_slice *field = &s->field[(*n)++];
        if (at < end && (unsigned char)*at == s->quote) {
            at = unquote(s->quote, at, end, field);
        } else {
            char *separator = find_separator(s, at, end);
            *field = (dg_slice){at, (size_t)((separator != NULL ? separator : end) - at)};
            at += field->n;
        }
        if (at == end) return DG_OK;
    }
}

static dg_status split_list(dg_split *s, char *at, char *end, size_t *n, dg_err *err)
{
    dg_status st = DG_OK;
    for (*n = 0; at < end && st == DG_OK;) {
        char *separator = find_separator(s, at, end);
        char *stop = separator != NULL ? separator : end;
        if (stop > at && (st = reserve(s, *n, err)) == DG_OK)
            s->field[(*n)++] = (dg_slice){at, (size_t)(stop - at)};
        at = separator != NULL ? stop + s->separator_n : end;
    }
    return st;
}

/* ISO 8859-1 is the first 256 code points. The record stays where it is when it is all ASCII. */
static void decode_latin1(dg_split *s, extent *e)
{
    size_t k = 0, n = 0;
    while (k < e->n && (unsigned char)e->at[k] < 0x80) k++;
    if (k == e->n) return;
    for (k = 0; k < e->n; k++) {
        const unsigned char c = (unsigned char)e->at[k];
        if (c >= 0x80) s->decoded[n++] = (char)(0xc0 | c >> 6);
        s->decoded[n++] = c < 0x80 ? (char)c : (char)(0x80 | (c & 0x3f));
    }
    e->at = s->decoded;
    e->n = n;
}

static bool reject_nul(const dg_split *s, size_t n_fields, dg_reject *reject)
{
    for (size_t k = 0; k < n_fields; k++) {
        if (memchr(s->field[k].at, '\0', s->field[k].n) == NULL) continue;
        dg_reject__set(reject, DG_REJECT_NUL, k + 1, s->field[k], " has a NUL byte");
        return true;
    }
    return false;
}

/* Leaves the outcome at its end for a line of separators only, which lists take for a blank one. */
static dg_status split_record(dg_split *s, extent e, dg_outcome *outcome, dg_fields *fields,
                              dg_reject *reject, dg_err *err)
{
    size_t n;
    if (s->latin1 && s->window.has_high) decode_latin1(s, &e);
    const dg_status st =
        (s->format == DG_FORMAT_LISTS ? split_list : split_csv)(s, e.at, e.at + e.n, &n, err);
    if (st != DG_OK || n == 0) return st;
    if (s->window.has_nul && reject_nul(s, n, reject)) {
        *outcome = DG_OUTCOME_REJECT;
        return DG_OK;
    }
    *outcome = DG_OUTCOME_RECORD;
    fields->at = s->field;
    fields->n = n;
    fields->ascii = !s->window.has_high;
    return DG_OK;
}

dg_status dg_split_next(dg_split *s, dg_outcome *outcome, dg_fields *fields, dg_reject *reject,
                        dg_err *err)
{
    dg_window *w = &s->window;
    dg_status st = DG_OK;
    *fields = (dg_fields){0};
    *outcome = DG_OUTCOME_END;
    while (st == DG_OK && *outcome == DG_OUTCOME_END) {
        extent e;
        fields->position = dg_split_position(s);
        reject->line = fields->line = s->lines + 1;
        if (fields->position >= w->end || (w->at == w->n && w->drained)) return DG_OK;
        const scan found = find_record(s, &e, reject);
        if (found == SCAN_MORE) {
            st = dg_window_refill(w, err);
        } else if (found == SCAN_BROKEN) { /* only the line it begins in is lost */
            s->lines++;
            *outcome = DG_OUTCOME_REJECT;
            st = dg_window_skip_line(w, err);
        } else {
            w->at += e.whole;
            s->lines += e.lines;
            if (e.n > 0) st = split_record(s, e, outcome, fields, reject, err);
        }
    }
    return st;
}

static dg_status set_dialect(dg_split *s, const dg_dialect *d, dg_err *err)
{
    s->format = d->format;
    s->latin1 = d->encoding == DG_ENCODING_LATIN1;
    s->quote = d->format == DG_FORMAT_CSV && d->quote != '\0' ? (unsigned char)d->quote : -1;
    memcpy(s->separator, d->separator, sizeof s->separator);
    s->separator_n = strlen(d->separator);
    for (size_t k = 0; k < s->separator_n; k++)
        if (s->latin1 && (unsigned char)s->separator[k] >= 0x80)
            return DG_FAIL(err, DG_ERR_CONFIG, "%s: a latin1 file needs an ASCII separator",
                           s->window.source->path);
    if (s->latin1) s->decoded = dg_alloc(s->window.size, 2);
    if (s->latin1 && s->decoded == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", s->window.source->path);
    return DG_OK;
}

dg_status dg_split_open(const dg_source *source, const dg_dialect *d, dg_span span, dg_split **out,
                        dg_err *err)
{
    *out = NULL;
    dg_split *s = dg_alloc(1, sizeof *s);
    if (s == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", source->path);
    const bool first = span.begin == 0 && span.end > 0;
    if (source->codec != DG_CODEC_PLAIN) span.end = first ? INT64_MAX : 0;
    if (span.begin >= span.end) span.begin = span.end = 0;
    s->lines = first ? span.header_lines : 0;
    const bool inside = span.begin > span.data_begin; /* the line before may reach into it */
    const int64_t from = inside ? span.begin - 1 : span.data_begin;
    dg_status st = dg_window_open(&s->window, source, from, span.end, err);
    if (st == DG_OK) st = set_dialect(s, d, err);
    if (st == DG_OK && inside) st = dg_window_skip_line(&s->window, err);
    *out = s;
    if (st != DG_OK) dg_split_close(out);
    return st;
}

int64_t dg_split_lines(const dg_split *s) { return s->lines; }

int64_t dg_split_position(const dg_split *s) { return s->window.position + (int64_t)s->window.at; }

void dg_split_close(dg_split **s)
{
    if (*s == NULL) return;
    dg_window_close(&(*s)->window);
    dg_free((*s)->field);
    dg_free((*s)->decoded);
    dg_free(*s);
    *s = NULL;
}
