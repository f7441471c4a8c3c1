#include "table/split.h"

#include "base/memory.h"
#include "table/extent.h"
#include "table/window.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { LOOK = 64, AHEAD = 256 };

typedef struct dg_line {
    uint32_t end; /* in the window: where the one behind it begins */
    uint32_t n;   /* fields */
} dg_line;

struct dg_split {
    dg_window window;
    dg_cut cut;
    bool lists, latin1;
    bool plain; /* csv with a separator of one byte */
    bool whole; /* a line is one field */
    int64_t lines;
    int64_t first;   /* where the first record begins */
    dg_slice *field; /* (capacity,) of the last record */
    size_t capacity;
    char *decoded; /* (2 * DG_RECORD_MAX,) latin1 only: the last record in UTF-8 */
    struct {       /* lines that were cut before they are asked for */
        size_t n, next;
        const dg_slice *field; /* of the next */
        dg_line line[AHEAD];
    } ahead;
};

/* Room for one more field behind n, and to spare for cut_ahead. */
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
        char *q = memchr(at, quote, (size_t)(end - at)); /* it is there: dg_extent_find */
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
    for (*n = 0;; at += s->cut.n) {
        const dg_status st = reserve(s, *n, err);
        if (st != DG_OK) return st;
        dg_slice *field = &s->field[(*n)++];
        if (at < end && (unsigned char)*at == s->cut.quote) {
            at = unquote(s->cut.quote, at, end, field);
        } else {
            char *separator = dg_cut_find(&s->cut, at, end);
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
        char *separator = dg_cut_find(&s->cut, at, end);
        char *stop = separator != NULL ? separator : end;
        if (stop > at && (st = reserve(s, *n, err)) == DG_OK)
            s->field[(*n)++] = (dg_slice){at, (size_t)(stop - at)};
        at = separator != NULL ? stop + s->cut.n : end;
    }
    return st;
}

static dg_status split_none(dg_split *s, char *at, char *end, size_t *n, dg_err *err)
{
    const dg_status st = reserve(s, 0, err);
    if (st == DG_OK) s->field[0] = (dg_slice){at, (size_t)(end - at)};
    *n = st == DG_OK;
    return st;
}

typedef struct marks { /* bit k: byte k is one */
    uint64_t separator, feed, quote;
} marks;

/* Where there is no SSE2 the compiler makes of it what it can. */
static inline marks find_marks(const char *at, char separator, char quote)
{
    marks m = {0};
#ifdef __SSE2__
    const __m128i s = _mm_set1_epi8(separator), f = _mm_set1_epi8('\n'), q = _mm_set1_epi8(quote);
    for (int k = 0; k < LOOK; k += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + k));
        m.separator |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, s)) << k;
        m.feed |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, f)) << k;
        m.quote |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, q)) << k;
    }
#else
    for (int k = 0; k < LOOK; k++) {
        m.separator |= (uint64_t)(at[k] == separator) << k;
        m.feed |= (uint64_t)(at[k] == '\n') << k;
        m.quote |= (uint64_t)(at[k] == quote) << k;
    }
#endif
    return m;
}

/* Cut lines from the window's place on, in one look at their bytes, as many as there is room for.
 * It stops before what dg_extent_find and split_csv are for: quotes, blank lines, many or long
 * columns, the window's last bytes. Inlined, its variables would not find room in registers. */
__attribute__((noinline)) static void cut_ahead(dg_split *s)
{
    const dg_window *w = &s->window;
    const char separator = s->cut.separator[0], quote = (char)s->cut.quote;
    const uint64_t quotes = s->cut.quote < 0 ? 0 : UINT64_MAX;
    const char *const stop = w->bytes + w->n, *begin = w->bytes + w->at, *field = begin;
    dg_slice *to = s->field, *first = to, *const most = to + s->capacity - LOOK;
    dg_line *line = s->ahead.line, *const last = line + AHEAD - LOOK;
    uint64_t quoted = 0;
    for (const char *at = begin; stop - at >= LOOK && to <= most && line <= last && quoted == 0;
         at += LOOK) {
        const marks m = find_marks(at, separator, quote);
        quoted = m.quote & quotes;
        uint64_t left = (m.separator | m.feed) & ((quoted & -quoted) - 1); /* before the first */
        for (; left != 0; left &= left - 1) {
            const char *const end = at + (unsigned)__builtin_ctzll(left);
            to->at = field;
            to++->n = (size_t)(end - field);
            field = end + 1;
            if ((m.feed & left & -left) == 0) continue;
            if (to[-1].n > 0 && end[-1] == '\r') to[-1].n--;
            if ((to - first == 1 && first->n == 0) || end - begin > DG_RECORD_MAX) {
                quoted = left = 1; /* and no more of them */
                continue;
            }
            *line++ = (dg_line){(uint32_t)(field - w->bytes), (uint32_t)(to - first)};
            begin = field;
            first = to;
        }
    }
    s->ahead.n = (size_t)(line - s->ahead.line);
    s->ahead.next = 0;
    s->ahead.field = s->field;
}

/* ISO 8859-1 is the first 256 code points. The record stays where it is when it is all ASCII. */
static void decode_latin1(dg_split *s, dg_extent *e)
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

static bool reject_nul(const dg_fields *fields, dg_reject *reject)
{
    for (size_t k = 0; k < fields->n; k++) {
        if (memchr(fields->at[k].at, '\0', fields->at[k].n) == NULL) continue;
        dg_reject__set(reject, DG_REJECT_NUL, k + 1, fields->at[k], " has a NUL byte");
        return true;
    }
    return false;
}

static void take_fields(const dg_split *s, const dg_slice *at, size_t n, dg_outcome *outcome,
                        dg_fields *fields, dg_reject *reject)
{
    fields->at = at;
    fields->n = n;
    fields->ascii = !s->window.has_high;
    *outcome = DG_OUTCOME_RECORD;
    if (!s->window.has_nul || !reject_nul(fields, reject)) return;
    fields->n = 0;
    *outcome = DG_OUTCOME_REJECT;
}

/* The next of the lines that were cut ahead; false where there is none, and none can be cut. */
static bool take_ahead(dg_split *s, dg_outcome *outcome, dg_fields *fields, dg_reject *reject)
{
    if (s->ahead.next == s->ahead.n) {
        if (!s->plain || (s->latin1 && s->window.has_high)) return false;
        cut_ahead(s);
        if (s->ahead.n == 0) return false;
    }
    const dg_line line = s->ahead.line[s->ahead.next++];
    take_fields(s, s->ahead.field, line.n, outcome, fields, reject);
    s->ahead.field += line.n;
    s->window.at = line.end;
    s->lines++;
    return true;
}

/* Leaves the outcome at its end for a line of separators only, which lists take for a blank one. */
static dg_status split_record(dg_split *s, dg_extent e, dg_outcome *outcome, dg_fields *fields,
                              dg_reject *reject, dg_err *err)
{
    size_t n;
    if (s->latin1 && s->window.has_high) decode_latin1(s, &e);
    const dg_status st = (s->whole   ? split_none
                          : s->lists ? split_list
                                     : split_csv)(s, e.at, e.at + e.n, &n, err);
    if (st == DG_OK && n > 0) take_fields(s, s->field, n, outcome, fields, reject);
    return st;
}

dg_status dg_split_next(dg_split *s, dg_outcome *outcome, dg_fields *fields, dg_reject *reject,
                        dg_err *err)
{
    dg_window *w = &s->window;
    dg_status st = DG_OK;
    *fields = (dg_fields){0};
    *outcome = DG_OUTCOME_END;
    while (st == DG_OK && *outcome == DG_OUTCOME_END) {
        dg_extent e;
        const size_t unread = w->n - w->at;
        fields->position = dg_split_position(s);
        reject->line = fields->line = s->lines + 1;
        if (fields->position >= w->end || (unread == 0 && w->drained)) return DG_OK;
        if (take_ahead(s, outcome, fields, reject)) return DG_OK;
        switch (dg_extent_find(&s->cut, w->bytes + w->at, unread, w->drained, &e, reject)) {
        case DG_FOUND_MORE: st = dg_window_refill(w, err); break;
        case DG_FOUND_BROKEN:
            s->lines++;
            *outcome = DG_OUTCOME_REJECT;
            st = dg_window_skip_line(w, INT64_MAX, NULL, err);
            break;
        case DG_FOUND_RECORD:
            w->at += e.whole;
            s->lines += e.lines;
            if (e.n > 0) st = split_record(s, e, outcome, fields, reject, err);
            break;
        }
    }
    return st;
}

static dg_status set_dialect(dg_split *s, const dg_dialect *d, dg_err *err)
{
    s->whole = d->format == DG_FORMAT_JSONL;
    s->lists = d->format == DG_FORMAT_LISTS || d->format == DG_FORMAT_MTX;
    s->latin1 = d->encoding == DG_ENCODING_LATIN1;
    s->cut.quote = d->quote == '\0' || s->lists || s->whole ? -1 : (unsigned char)d->quote;
    memcpy(s->cut.separator, d->separator, sizeof s->cut.separator);
    s->cut.n = strlen(d->separator);
    s->plain = !s->lists && !s->whole && s->cut.n == 1;
    for (size_t k = 0; k < s->cut.n; k++)
        if (s->latin1 && (unsigned char)s->cut.separator[k] >= 0x80)
            return DG_FAIL(err, DG_ERR_CONFIG, "%s: a latin1 file needs an ASCII separator",
                           s->window.source->path);
    s->field = dg_grow(NULL, 0, 4 * AHEAD, &s->capacity, sizeof *s->field);
    if (s->latin1) s->decoded = dg_alloc(DG_RECORD_MAX, 2);
    if (s->field == NULL || (s->latin1 && s->decoded == NULL))
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
    const int64_t content = dg_source_content(source);
    if (content < 0)
        span.end = first ? INT64_MAX : 0;
    else if (source->codec != DG_CODEC_PLAIN && span.end >= content)
        span.end = INT64_MAX; /* to see what is behind it */
    if (span.begin >= span.end) span.begin = span.end = 0;
    s->lines = first ? span.header_lines : 0;
    const bool inside = span.begin > span.data_begin && span.start == 0;
    const int64_t data = span.start > span.data_begin ? span.start : span.data_begin;
    const int64_t from = inside ? span.begin - 1 : data; /* the line before may reach into it */
    dg_status st = dg_window_open(&s->window, source, from, span.end, err);
    if (st == DG_OK) st = set_dialect(s, d, err);
    bool begins = true; /* a line of gigabytes is not read to its end by all that lie in it */
    if (st == DG_OK && inside) st = dg_window_skip_line(&s->window, span.end, &begins, err);
    s->first = begins ? dg_split_position(s) : DG_NO_RECORD;
    *out = s;
    if (st != DG_OK) dg_split_close(out);
    return st;
}

int64_t dg_split_lines(const dg_split *s) { return s->lines; }

int64_t dg_split_position(const dg_split *s) { return s->window.position + (int64_t)s->window.at; }

int64_t dg_split_first(const dg_split *s) { return s->first; }

bool dg_split_has_bare_cr(const dg_split *s)
{
    const char *at = s->window.bytes + s->window.at;
    const size_t n = s->window.n - s->window.at;
    const char *cr = memchr(at, '\r', n);
    return cr != NULL && cr + 1 < at + n && memchr(at, '\n', n) == NULL;
}

void dg_split_close(dg_split **s)
{
    if (*s == NULL) return;
    dg_window_close(&(*s)->window);
    dg_free((*s)->field);
    dg_free((*s)->decoded);
    dg_free(*s);
    *s = NULL;
}
