#include "table/header.h"

#include "base/memory.h"
#include "base/text.h"
#include "table/split.h"

#include <string.h>

static dg_status keep_names(dg_header *h, const dg_fields *f, const dg_source *source, dg_err *err)
{
    dg_status st = DG_OK;
    dg_reject reject = {.line = f->line};
    for (size_t k = 0; k < f->n && st == DG_OK; k++)
        st = dg_reject__is_text(&reject, k + 1, f->at[k])
                 ? dg_strings_add(&h->names, f->at[k].at, f->at[k].n, err)
                 : dg_reject_fail(&reject, source->path, 0, err);
    return st;
}

static bool is_text(const dg_fields *f, dg_reject *reject)
{
    for (size_t k = 0; k < f->n; k++)
        if (!dg_reject__is_text(reject, k + 1, f->at[k])) return false;
    return true;
}

/* The first record that can be split; where there is no header, bad ones may come before it. */
static dg_status first_record(dg_split *s, const dg_source *source, bool header, dg_fields *f,
                              dg_err *err)
{
    dg_reject reject, first = {0};
    dg_outcome outcome;
    for (;;) {
        const dg_status st = dg_split_next(s, &outcome, f, &reject, err);
        if (st != DG_OK) return st;
        if (outcome == DG_OUTCOME_RECORD && (header || is_text(f, &reject))) return DG_OK;
        if (outcome != DG_OUTCOME_END && first.line == 0) first = reject;
        if (outcome == DG_OUTCOME_END || header) break;
    }
    if (first.line > 0) return dg_reject_fail(&first, source->path, 0, err);
    return DG_FAIL(err, DG_ERR_DATA, "%s: nothing but blank lines", source->path);
}

static dg_status read_header(dg_split *s, const dg_source *source, const dg_dialect *d,
                             dg_header *h, dg_err *err)
{
    dg_fields f;
    dg_reject reject;
    dg_outcome outcome;
    h->data_begin = dg_split_position(s); /* behind a byte order mark */
    if (dg_split_has_bare_cr(s)) {
        const dg_status bare =
            DG_FAIL(err, DG_ERR_DATA, "%s: its lines end in CR alone", source->path);
        return dg_err_hint(err, bare, "convert it: tr '\\r' '\\n'");
    }
    dg_status st = first_record(s, source, d->header, &f, err);
    if (st != DG_OK) return st;
    h->n_fields = (int32_t)f.n; /* fits: at most DG_RECORD_MAX + 1 */
    if (!d->header) return DG_OK;
    st = keep_names(h, &f, source, err);
    h->data_begin = dg_split_position(s);
    h->lines = dg_split_lines(s);
    if (st == DG_OK) st = dg_split_next(s, &outcome, &f, &reject, err);
    h->empty = st == DG_OK && outcome == DG_OUTCOME_END;
    return st;
}

dg_status dg_header_read(const dg_source *source, const dg_dialect *d, dg_header *out, dg_err *err)
{
    dg_split *s;
    dg_header h = {0};
    dg_status st = dg_split_open(source, d, (dg_span){.end = INT64_MAX}, &s, err);
    if (st == DG_OK) st = read_header(s, source, d, &h, err);
    dg_split_close(&s);
    if (st != DG_OK) dg_header_free(&h);
    *out = h;
    return st;
}

/* Columns of that name; the last one's number in *column. */
static int64_t count_named(const dg_header *h, const char *wanted, int32_t *column)
{
    int64_t count = 0;
    for (int64_t k = 0; k < h->names.n; k++) {
        size_t n;
        const char *name = dg_strings_at(&h->names, k, &n);
        if (n != strlen(wanted) || memcmp(name, wanted, n) != 0) continue;
        *column = (int32_t)k;
        count++;
    }
    return count;
}

static void list_names(const dg_header *h, dg_text *list)
{
    enum { SHOWN = 16 };
    char shown[40];
    for (int64_t k = 0; k < h->names.n && k < SHOWN; k++) {
        size_t n;
        const char *name = dg_strings_at(&h->names, k, &n);
        dg_text_add(list, "%s%s", k == 0 ? "" : ", ", dg_show_quoted(name, n, shown, sizeof shown));
    }
    if (h->names.n > SHOWN) dg_text_add(list, " and %lld more", (long long)(h->names.n - SHOWN));
}

static dg_status hint_nearest(const dg_header *h, const char *wanted, dg_status st, dg_err *err)
{
    dg_text names = {0}; /* all of them, each with its NUL */
    const char **name = dg_alloc((size_t)h->names.n, sizeof *name);
    for (int64_t k = 0; k < h->names.n; k++) {
        size_t n;
        const char *at = dg_strings_at(&h->names, k, &n);
        dg_text_bytes(&names, at, n);
        dg_text_bytes(&names, "", 1);
    }
    if (name != NULL && !names.failed) {
        const char *at = names.at;
        for (int64_t k = 0; k < h->names.n; k++, at += strlen(at) + 1) name[k] = at;
        const char *nearest = dg_nearest(wanted, name, (size_t)h->names.n);
        if (nearest != NULL) st = dg_err_hint(err, st, "did you mean \"%.100s\"?", nearest);
    }
    dg_free(name);
    dg_text_free(&names);
    return st;
}

static dg_status no_column(const dg_header *h, const dg_source *source, const dg_dialect *d,
                           const char *wanted, dg_err *err)
{
    char shown[100];
    dg_text list = {0};
    dg_show_quoted(wanted, strlen(wanted), shown, sizeof shown);
    if (d->header)
        list_names(h, &list);
    else
        dg_text_add(&list, "%d, by number: there is no header", h->n_fields);
    /* A record too short for a number is the file's fault; a name that is nowhere the job's. */
    int64_t number = 0;
    const bool short_record = !d->header && dg_parse_int64(wanted, strlen(wanted), &number);
    const dg_status why = short_record && number >= 1 ? DG_ERR_DATA : DG_ERR_CONFIG;
    dg_status st = list.failed ? DG_FAIL(err, DG_ERR_NOMEM, "%s: out of memory", source->path)
                               : DG_FAIL(err, why, "%s: no column %s; there are %s", source->path,
                                         shown, list.at);
    dg_text_free(&list);
    if (st == DG_ERR_NOMEM) return st;
    if (h->n_fields == 1) {
        dg_show_quoted(d->separator, strlen(d->separator), shown, sizeof shown);
        return dg_err_hint(err, st, "the whole first line is one column: is %s the separator?",
                           shown);
    }
    return d->header ? hint_nearest(h, wanted, st, err) : st;
}

dg_status dg_header_find(const dg_header *h, const dg_source *source, const dg_dialect *d,
                         const char *wanted, int32_t *column, dg_err *err)
{
    int64_t number;
    const int64_t named = count_named(h, wanted, column);
    if (named == 1) return DG_OK;
    if (named > 1)
        return DG_FAIL(err, DG_ERR_DATA, "%s: %lld columns are named \"%s\"", source->path,
                       (long long)named, wanted);
    if (!dg_parse_int64(wanted, strlen(wanted), &number) || number < 1 || number > h->n_fields)
        return no_column(h, source, d, wanted, err);
    *column = (int32_t)(number - 1);
    return DG_OK;
}

void dg_header_free(dg_header *h)
{
    dg_strings_free(&h->names);
    *h = (dg_header){0};
}
