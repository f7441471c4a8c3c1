#include "table/extent.h"

/* A record with quotes may have line feeds in its fields: it is scanned field by field to find its
 * end, without a change to its bytes, for the end may never come. */
typedef enum scan { SCAN_FIELD, SCAN_END, SCAN_MORE, SCAN_BROKEN } scan;

typedef struct scanner {
    const dg_cut *cut;
    char *at;
    char *line_end; /* first line feed at or after `at`, or `end`; may lag behind */
    char *end;      /* of the bytes at hand */
    bool final;     /* nothing comes after them */
    char *field;    /* the one being scanned */
    size_t column;  /* its number from 1; 0 before the first */
} scanner;

static bool at_quote(const scanner *c, const char *at)
{
    return at < c->end && (unsigned char)*at == c->cut->quote;
}

/* Leaves `at` behind the closing quote. A quote just before the end could be half of two. */
static bool pass_quotes(scanner *c)
{
    char *q = c->at + 1;
    while ((q = memchr(q, c->cut->quote, (size_t)(c->end - q))) != NULL) {
        if (++q == c->end && !c->final) return false;
        if (!at_quote(c, q)) {
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
    const size_t left = (size_t)(c->end - c->at), n = c->cut->n;
    if (left == 0 || *c->at == '\n') return SCAN_END;
    if (*c->at == '\r' && left == 1) return c->final ? SCAN_END : SCAN_MORE;
    if (*c->at == '\r' && c->at[1] == '\n') return SCAN_END;
    if (left < n && !c->final) return SCAN_MORE;
    if (left < n || memcmp(c->at, c->cut->separator, n) != 0) return SCAN_BROKEN;
    c->at += n;
    return SCAN_FIELD;
}

static scan scan_plain(scanner *c)
{
    if (c->line_end < c->at) {
        c->line_end = memchr(c->at, '\n', (size_t)(c->end - c->at));
        if (c->line_end == NULL) c->line_end = c->end;
    }
    char *separator = dg_cut_find(c->cut, c->at, c->line_end);
    c->at = separator != NULL ? separator + c->cut->n : c->line_end;
    if (separator != NULL) return SCAN_FIELD;
    return c->line_end < c->end || c->final ? SCAN_END : SCAN_MORE;
}

static scan scan_record(scanner *c)
{
    scan step;
    do {
        c->column++;
        c->field = c->at;
        step = at_quote(c, c->at) ? scan_quoted(c) : scan_plain(c);
    } while (step == SCAN_FIELD);
    return step;
}

static dg_found broken(const scanner *c, const char *from, const char *line_end, const char *what,
                       dg_reject *reject)
{
    const dg_slice rest = {from, (size_t)(line_end > from ? line_end - from : 0)};
    dg_reject__set(reject, DG_REJECT_QUOTE, c->column, rest, "%s", what);
    return DG_FOUND_BROKEN;
}

static dg_found find_quoted(scanner *c, dg_extent *out, dg_reject *reject)
{
    const char *const line_end = c->line_end;
    const scan step = scan_record(c);
    const bool room = c->end - out->at <= DG_RECORD_MAX;
    if (step == SCAN_MORE && room && !c->final) return DG_FOUND_MORE;
    if (step == SCAN_BROKEN) return broken(c, c->at, line_end, " follows a closing quote", reject);
    if (step == SCAN_MORE || c->at - out->at > DG_RECORD_MAX) /* the quote itself would confuse */
        return broken(c, c->field + 1, line_end, " has no closing quote", reject);
    out->n = (size_t)(c->at - out->at);
    for (const char *at = out->at; (at = memchr(at, '\n', (size_t)(c->at - at))) != NULL; at++)
        out->lines++;
    return DG_FOUND_RECORD;
}

dg_found dg_extent_find(const dg_cut *cut, char *at, size_t n, bool drained, dg_extent *out,
                        dg_reject *reject)
{
    const size_t limit = DG_RECORD_MAX + 2, seen = n < limit ? n : limit;
    const bool final = drained && seen == n;
    char *const end = at + seen, *line_end = memchr(at, '\n', seen);
    if (line_end == NULL) {
        if (seen <= DG_RECORD_MAX && !final) return DG_FOUND_MORE;
        line_end = end;
    }
    *out = (dg_extent){.at = at, .n = (size_t)(line_end - at), .lines = 1};
    if (out->n > DG_RECORD_MAX) {
        dg_reject__set(reject, DG_REJECT_LONG_RECORD, 0, (dg_slice){at, out->n},
                       " begins a record longer than %d bytes", DG_RECORD_MAX);
        return DG_FOUND_BROKEN;
    }
    if (cut->quote >= 0 && memchr(at, cut->quote, out->n) != NULL) {
        scanner c = {.cut = cut, .at = at, .line_end = line_end, .end = end, .final = final};
        const dg_found found = find_quoted(&c, out, reject);
        if (found != DG_FOUND_RECORD) return found;
    }
    const char *stop = at + out->n;
    if (stop < end && *stop == '\r') stop++; /* behind a quoted field the CR is not in n */
    if (stop < end && *stop == '\n') stop++;
    out->whole = (size_t)(stop - at);
    if (out->n > 0 && at[out->n - 1] == '\r') out->n--;
    return DG_FOUND_RECORD;
}
