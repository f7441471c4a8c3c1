#include "ingest/columns.h"

#include "base/memory.h"
#include "base/text.h"
#include "ingest/ids.h"
#include "table/header.h"
#include "table/json.h"
#include "table/split.h"
#include "table/wanted.h"

#include <stdio.h>
#include <string.h>

enum { FEW = 100 }; /* rows, below which nothing is odd about values that differ */

const char *dg_looks_text(dg_looks looks)
{
    static const char *const text[DG_N_LOOKS] = {
        "text", "number", "time", "e-mail", "telephone", "payment card", "Internet address"};
    return text[looks];
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t count_digits(dg_slice v)
{
    size_t n = 0;
    for (size_t k = 0; k < v.n; k++) n += is_digit(v.at[k]);
    return n;
}

static bool is_mail(dg_slice v)
{
    const char *at = memchr(v.at, '@', v.n);
    if (at == NULL || at == v.at || memchr(v.at, ' ', v.n) != NULL) return false;
    const size_t rest = (size_t)(v.at + v.n - at) - 1;
    const char *dot = memchr(at + 1, '.', rest);
    return dot != NULL && dot > at + 1 && dot < v.at + v.n - 2 && memchr(at + 1, '@', rest) == NULL;
}

/* Digits and what stands between those of a telephone number; bare digits are a number. */
static bool is_phone(dg_slice v)
{
    const size_t digits = count_digits(v);
    if (v.n == 11 && digits == 11 && v.at[0] == '1' && v.at[1] >= '3') return true;
    const bool spaced = v.n > 0 && (v.at[0] == '+' || v.at[0] == '(');
    for (size_t k = 0; k < v.n; k++) {
        if (is_digit(v.at[k]) || (k == 0 && v.at[k] == '+')) continue;
        if (strchr(" -()", v.at[k]) == NULL) return false;
    }
    return spaced && digits >= 8 && digits <= 15;
}

/* Luhn's check digit: ISO/IEC 7812-1, annex B. Digits may stand in groups of four. */
static bool is_card(dg_slice v)
{
    const size_t digits = count_digits(v);
    int sum = 0;
    bool doubled = false;
    if (digits < 13 || digits > 19) return false;
    for (size_t k = v.n; k-- > 0;) {
        if (v.at[k] == ' ' || v.at[k] == '-') continue;
        if (!is_digit(v.at[k])) return false;
        const int digit = (v.at[k] - '0') * (doubled ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
        doubled = !doubled;
    }
    return sum % 10 == 0;
}

static bool is_address(dg_slice v)
{
    int parts = 1, digits = 0, value = 0;
    for (size_t k = 0; k < v.n; k++) {
        if (v.at[k] == '.') {
            if (digits == 0 || ++parts > 4) return false;
            digits = value = 0;
        } else if (!is_digit(v.at[k]) || ++digits > 3 ||
                   (value = value * 10 + v.at[k] - '0') > 255) {
            return false;
        }
    }
    return parts == 4 && digits > 0;
}

dg_looks dg_looks_of(dg_slice v)
{
    double number;
    int64_t time;
    if (is_mail(v)) return DG_LOOKS_MAIL;
    if (is_address(v)) return DG_LOOKS_ADDRESS;
    if (is_card(v)) return DG_LOOKS_CARD;
    if (is_phone(v)) return DG_LOOKS_PHONE;
    if (dg_parse_double(v.at, v.n, &number)) return DG_LOOKS_NUMBER;
    return dg_parse_time(v.at, v.n, &time) ? DG_LOOKS_TIME : DG_LOOKS_TEXT;
}

typedef struct counts { /* of one column */
    dg_ids value;
    int64_t looks[DG_N_LOOKS];
} counts;

static dg_status count_row(const dg_slice *field, dg_columns *out, counts *count, dg_err *err)
{
    dg_status st = DG_OK;
    for (int k = 0; k < out->n && st == DG_OK; k++) {
        int32_t code;
        if (field[k].n == 0)
            out->at[k].empty++;
        else
            count[k].looks[dg_looks_of(field[k])]++;
        st = dg_ids_code(&count[k].value, field[k].at, field[k].n, &code, err);
    }
    out->rows++;
    return st;
}

/* Of nine values in ten, since one number in ten has a card's check digit by chance; a tenth of
 * e-mails is enough to warn of. */
static void judge(const counts *count, int64_t rows, dg_column *out)
{
    const int64_t filled = rows - out->empty;
    out->distinct = count->value.text.n;
    out->constant = rows > 1 && out->distinct == 1;
    out->unique = rows >= FEW && out->distinct == rows;
    for (int l = 0; l < DG_N_LOOKS; l++)
        if (10 * count->looks[l] >= 9 * filled && filled > 0) out->looks = (dg_looks)l;
    if (10 * count->looks[DG_LOOKS_MAIL] >= filled && filled > 0) out->looks = DG_LOOKS_MAIL;
}

/* The fields of a record: as they are, or what stands at the paths of an object. NULL for none. */
static const dg_slice *fields_of(const dg_fields *f, size_t n_fields, const dg_json_paths *paths,
                                 dg_slice *value)
{
    const char *wrong;
    size_t where;
    if (paths->n == 0) return f->n == n_fields ? f->at : NULL;
    char *text = (char *)(uintptr_t)f->at[0].at; /* in the reader's window, to be written to */
    return dg_json_read(paths, text, f->at[0].n, value, &wrong, &where) ? value : NULL;
}

static dg_status look(dg_split *split, size_t n_fields, const dg_json_paths *paths, dg_columns *out,
                      counts *count, dg_err *err)
{
    dg_status st = DG_OK;
    while (st == DG_OK && out->rows < DG_COLUMNS_ROWS) {
        dg_fields f;
        dg_reject reject;
        dg_outcome outcome;
        dg_slice value[DG_N_ROLES];
        st = dg_split_next(split, &outcome, &f, &reject, err);
        if (st != DG_OK || outcome == DG_OUTCOME_END) break;
        const dg_slice *field =
            outcome == DG_OUTCOME_RECORD ? fields_of(&f, n_fields, paths, value) : NULL;
        if (field != NULL) st = count_row(field, out, count, err);
    }
    for (int k = 0; k < out->n; k++) judge(&count[k], out->rows, &out->at[k]);
    return st;
}

static void take_name(const char *name, size_t n, dg_column *out)
{
    size_t cut = 0;
    for (size_t step; cut < n && (step = dg_utf8_step(name + cut, n - cut)) > 0; cut += step)
        if (cut + step >= sizeof out->name) break;
    memcpy(out->name, name, cut);
}

static void take_names(const dg_header *h, dg_columns *out)
{
    out->n = h->n_fields < DG_COLUMNS_MAX ? h->n_fields : DG_COLUMNS_MAX;
    for (int64_t k = 0; k < out->n && k < h->names.n; k++) {
        size_t n;
        const char *name = dg_strings_at(&h->names, k, &n);
        take_name(name, n, &out->at[k]);
    }
}

static dg_status take_paths(const char *const role[DG_N_ROLES], dg_json_paths *paths,
                            dg_columns *out, dg_err *err)
{
    dg_status st = DG_OK;
    for (int r = 0; r < DG_N_ROLES && st == DG_OK; r++) {
        if (role[r] == NULL) continue;
        st = dg_json_paths_add(paths, role[r], err);
        take_name(role[r], strlen(role[r]), &out->at[out->n++]);
    }
    return st;
}

static dg_status look_behind(const dg_header *h, const dg_source *source, const dg_dialect *d,
                             const dg_json_paths *paths, dg_columns *out, dg_err *err)
{
    const dg_span span = {0, INT64_MAX, h->data_begin, h->lines, 0};
    dg_split *split = NULL;
    counts *count = dg_alloc((size_t)out->n, sizeof *count);
    dg_status st = count == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory looking at columns")
                                 : dg_split_open(source, d, span, &split, err);
    if (st == DG_OK) st = look(split, (size_t)h->n_fields, paths, out, count, err);
    dg_split_close(&split);
    for (int k = 0; k < out->n && count != NULL; k++) dg_ids_free(&count[k].value);
    dg_free(count);
    return st;
}

static dg_status look_at(const dg_source *source, const dg_dialect *d,
                         const char *const role[DG_N_ROLES], dg_columns *out, dg_err *err)
{
    dg_header h;
    dg_json_paths paths = {0};
    dg_status st = dg_header_read(source, d, &h, err);
    if (st != DG_OK) return st;
    if (d->format == DG_FORMAT_JSONL)
        st = take_paths(role, &paths, out, err);
    else
        take_names(&h, out);
    if (st == DG_OK) st = look_behind(&h, source, d, &paths, out, err);
    dg_header_free(&h);
    return st;
}

dg_status dg_columns_look(const dg_source *source, const dg_dialect *d,
                          const char *const role[DG_N_ROLES], dg_columns *out, dg_err *err)
{
    dg_wanted w;
    *out = (dg_columns){0};
    if (d->format == DG_FORMAT_LISTS || d->format == DG_FORMAT_MTX) return DG_OK;
    dg_status st = dg_wanted_find(&w, source, d, role, DG_N_ROLES, err);
    if (st == DG_OK) st = look_at(&w.source, d, role, out, err);
    dg_wanted_free(&w);
    return st;
}
