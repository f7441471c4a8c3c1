#include "base/option.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void *field_of(const dg_option *o, void *fields) { return (char *)fields + o->offset; }

static bool has_bounds(const dg_option *o) { return o->min != 0 || o->max != 0; }

static bool within(const dg_option *o, double v)
{
    return !has_bounds(o) || (v >= o->min && v <= o->max);
}

static void add_bound(dg_text *out, const dg_option *o, double v)
{
    if (o->type == DG_OPT_DURATION)
        dg_text_add(out, "%.17gs", v);
    else
        dg_text_add(out, "%.15g", v);
}

static void add_bounds(const dg_option *o, dg_text *out)
{
    if (!has_bounds(o)) return;
    if (isinf(o->max)) {
        dg_text_add(out, " of at least ");
        add_bound(out, o, o->min);
    } else if (isinf(o->min)) {
        dg_text_add(out, " of at most ");
        add_bound(out, o, o->max);
    } else {
        dg_text_add(out, " from ");
        add_bound(out, o, o->min);
        dg_text_add(out, " to ");
        add_bound(out, o, o->max);
    }
}

void dg_option_describe(const dg_option *o, dg_text *out)
{
    static const char *const plain[] = {
        [DG_OPT_BOOL] = "true or false",
        [DG_OPT_INT] = "a whole number",
        [DG_OPT_REAL] = "a number",
        [DG_OPT_TEXT] = "text",
        [DG_OPT_CHOICE] = "one of ",
        [DG_OPT_DURATION] = "a duration such as 90d, 12h, 15m or 30s",
        [DG_OPT_LIST] = "a list",
        [DG_OPT_MAP] = "a map",
    };
    dg_text_add(out, "%s", plain[o->type]);
    if (o->type == DG_OPT_CHOICE)
        for (size_t k = 0; o->choices[k] != NULL; k++)
            dg_text_add(out, "%s%s", k == 0 ? "" : ", ", o->choices[k]);
    else
        add_bounds(o, out);
}

/* Bytes of s to quote: at most 60, cut between two UTF-8 characters. */
static int quotable(const char *s)
{
    size_t n = strlen(s);
    if (n <= 60) return (int)n;
    for (n = 60; n > 56 && ((unsigned char)s[n] & 0xC0) == 0x80;) n--;
    return (int)n;
}

static dg_status refuse(const dg_option *o, const char *found, dg_err *err)
{
    dg_text wanted = {0};
    dg_option_describe(o, &wanted);
    if (wanted.failed) {
        dg_text_free(&wanted);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory reading an option");
    }
    const int n = quotable(found);
    dg_status st = DG_FAIL(err, DG_ERR_CONFIG, "expected %s, found \"%.*s%s\"", wanted.at, n, found,
                           found[n] != '\0' ? "…" : "");
    dg_text_free(&wanted);
    if (o->type != DG_OPT_CHOICE) return st;
    size_t n_choices = 0;
    while (o->choices[n_choices] != NULL) n_choices++;
    const char *near = dg_nearest(found, o->choices, n_choices);
    return near == NULL ? st : dg_err_hint(err, st, "did you mean \"%s\"?", near);
}

static dg_status set_bool(const dg_option *o, bool *field, const char *text, dg_err *err)
{
    const bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) return refuse(o, text, err);
    *field = yes;
    return DG_OK;
}

static dg_status set_int(const dg_option *o, int64_t *field, const char *text, dg_err *err)
{
    int64_t v;
    if (!dg_parse_int64(text, strlen(text), &v) || !within(o, (double)v))
        return refuse(o, text, err);
    *field = v;
    return DG_OK;
}

static dg_status set_real(const dg_option *o, double *field, const char *text, dg_err *err)
{
    double v;
    if (!dg_parse_double(text, strlen(text), &v) || !within(o, v)) return refuse(o, text, err);
    *field = v;
    return DG_OK;
}

static dg_status set_duration(const dg_option *o, double *field, const char *text, dg_err *err)
{
    double v;
    if (!dg_parse_duration(text, &v) || !(v >= 0 && isfinite(v)) || !within(o, v))
        return refuse(o, text, err);
    *field = v;
    return DG_OK;
}

static dg_status set_text(char **field, const char *text, dg_err *err)
{
    char *copy = dg_strdup(text);
    if (copy == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory reading an option");
    dg_free(*field);
    *field = copy;
    return DG_OK;
}

static dg_status set_choice(const dg_option *o, int *field, const char *text, dg_err *err)
{
    for (int k = 0; o->choices[k] != NULL; k++) {
        if (strcmp(o->choices[k], text) != 0) continue;
        *field = k;
        return DG_OK;
    }
    return refuse(o, text, err);
}

const char *dg_map_get(const dg_map *m, const char *key, size_t *n)
{
    const size_t want = strlen(key);
    for (int64_t k = 0; k < m->key.n; k++) {
        size_t have;
        const char *at = dg_strings_at(&m->key, k, &have);
        if (have == want && memcmp(at, key, want) == 0) return dg_strings_at(&m->value, k, n);
    }
    return NULL;
}

static dg_status add_pair(dg_map *m, const char *key, const char *text, dg_err *err)
{
    size_t n;
    if (key == NULL || key[0] == '\0')
        return DG_FAIL(err, DG_ERR_CONFIG, "expected key: value, found \"%.*s\" without a key",
                       quotable(text), text);
    if (dg_map_get(m, key, &n) != NULL)
        return DG_FAIL(err, DG_ERR_CONFIG, "key \"%.*s\" stands here twice", quotable(key), key);
    dg_status st = dg_strings_add(&m->value, text, strlen(text), err);
    return st == DG_OK ? dg_strings_add(&m->key, key, strlen(key), err) : st;
}

dg_status dg_option_add(const dg_option *o, void *fields, const char *key, const char *text,
                        dg_err *err)
{
    if (o->type == DG_OPT_MAP) return add_pair(field_of(o, fields), key, text, err);
    if (o->type != DG_OPT_LIST)
        return DG_FAIL(err, DG_ERR_INTERNAL, "%s holds one value, nothing can be added", o->key);
    if (text[0] == '\0') return DG_FAIL(err, DG_ERR_CONFIG, "expected a list without empty places");
    return dg_strings_add(field_of(o, fields), text, strlen(text), err);
}

/* One element up to the next plain comma: unescaped text into *text, and where a plain equals sign
 * ended a key, that key into *key. Returns where the next element starts, or NULL after the last.
 */
static const char *split_element(const char *s, dg_text *key, dg_text *text, bool pairs)
{
    bool keyed = false;
    for (; *s != '\0' && *s != ','; s++) {
        if (pairs && !keyed && *s == '=') {
            const dg_text swap = *key;
            *key = *text;
            *text = swap;
            keyed = true;
            continue;
        }
        if (*s == '\\' && s[1] != '\0') s++;
        dg_text_bytes(text, s, 1);
    }
    return *s == ',' ? s + 1 : NULL;
}

static dg_status add_elements(const dg_option *o, void *fields, const char *s, dg_err *err)
{
    dg_status st = DG_OK;
    while (s != NULL && st == DG_OK) {
        dg_text key = {0}, text = {0};
        s = split_element(s, &key, &text, o->type == DG_OPT_MAP);
        if (key.failed || text.failed)
            st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory reading a list");
        else
            st = dg_option_add(o, fields, key.at, text.at == NULL ? "" : text.at, err);
        dg_text_free(&key);
        dg_text_free(&text);
    }
    return st;
}

static void free_field(const dg_option *o, void *fields)
{
    if (o->type == DG_OPT_TEXT) {
        char **text = field_of(o, fields);
        dg_free(*text);
        *text = NULL;
    } else if (o->type == DG_OPT_LIST) {
        dg_strings_free(field_of(o, fields));
    } else if (o->type == DG_OPT_MAP) {
        dg_map *m = field_of(o, fields);
        dg_strings_free(&m->key);
        dg_strings_free(&m->value);
    }
}

/* Into a fresh list or map first, so that a refused text leaves the old one standing. */
static dg_status set_elements(const dg_option *o, void *fields, const char *text, dg_err *err)
{
    union {
        dg_strings list;
        dg_map map;
    } fresh;
    dg_option there = *o;
    memset(&fresh, 0, sizeof fresh);
    there.offset = 0;
    const dg_status st = text[0] == '\0' ? DG_OK : add_elements(&there, &fresh, text, err);
    if (st != DG_OK) {
        free_field(&there, &fresh);
        return st;
    }
    free_field(o, fields);
    if (o->type == DG_OPT_LIST)
        *(dg_strings *)field_of(o, fields) = fresh.list;
    else
        *(dg_map *)field_of(o, fields) = fresh.map;
    return DG_OK;
}

dg_status dg_option_set(const dg_option *o, void *fields, const char *text, dg_err *err)
{
    switch (o->type) {
    case DG_OPT_BOOL: return set_bool(o, field_of(o, fields), text, err);
    case DG_OPT_INT: return set_int(o, field_of(o, fields), text, err);
    case DG_OPT_REAL: return set_real(o, field_of(o, fields), text, err);
    case DG_OPT_TEXT: return set_text(field_of(o, fields), text, err);
    case DG_OPT_CHOICE: return set_choice(o, field_of(o, fields), text, err);
    case DG_OPT_DURATION: return set_duration(o, field_of(o, fields), text, err);
    case DG_OPT_LIST:
    case DG_OPT_MAP: return set_elements(o, fields, text, err);
    }
    return DG_FAIL(err, DG_ERR_INTERNAL, "%s has no such option type", o->key);
}

dg_status dg_options_default(const dg_option *table, size_t n, void *fields, dg_err *err)
{
    for (size_t k = 0; k < n; k++) {
        dg_err why;
        const bool text = table[k].type == DG_OPT_TEXT;
        const char *fallback = table[k].fallback == NULL && text ? "" : table[k].fallback;
        if (fallback == NULL) continue;
        const dg_status st = dg_option_set(&table[k], fields, fallback, &why);
        if (st != DG_OK)
            return DG_FAIL(err, st == DG_ERR_NOMEM ? st : DG_ERR_INTERNAL, "default of %s: %s",
                           table[k].key, why.text);
    }
    return DG_OK;
}

void dg_options_free(const dg_option *table, size_t n, void *fields)
{
    static const size_t size[] = {
        [DG_OPT_BOOL] = sizeof(bool),       [DG_OPT_INT] = sizeof(int64_t),
        [DG_OPT_REAL] = sizeof(double),     [DG_OPT_TEXT] = sizeof(char *),
        [DG_OPT_CHOICE] = sizeof(int),      [DG_OPT_DURATION] = sizeof(double),
        [DG_OPT_LIST] = sizeof(dg_strings), [DG_OPT_MAP] = sizeof(dg_map),
    };
    for (size_t k = 0; k < n; k++) {
        free_field(&table[k], fields);
        memset(field_of(&table[k], fields), 0, size[table[k].type]);
    }
}

/* The fewest digits that read back as the same double. */
static void add_real(dg_text *t, double v)
{
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        double back;
        const int n = snprintf(digits, sizeof digits, "%.*g", precision, v);
        if (dg_parse_double(digits, (size_t)n, &back) && back == v) break;
    }
    dg_text_add(t, "%s", digits);
}

/* In the largest unit that divides it, else in seconds. */
static void add_duration(dg_text *t, double seconds)
{
    static const struct {
        double seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
    for (size_t k = 0; k < sizeof units / sizeof *units && seconds > 0; k++) {
        const double count = seconds / units[k].seconds;
        if (fmod(seconds, units[k].seconds) != 0 || count * units[k].seconds != seconds) continue;
        add_real(t, count);
        dg_text_bytes(t, &units[k].unit, 1);
        return;
    }
    add_real(t, seconds);
    dg_text_bytes(t, "s", 1);
}

static void add_escaped(dg_text *t, const dg_strings *s, int64_t k, const char *special)
{
    size_t n;
    const char *at = dg_strings_at(s, k, &n);
    for (size_t i = 0; i < n; i++) {
        if (strchr(special, at[i]) != NULL) dg_text_bytes(t, "\\", 1);
        dg_text_bytes(t, at + i, 1);
    }
}

static void add_list(dg_text *t, const dg_strings *list)
{
    for (int64_t k = 0; k < list->n; k++) {
        if (k > 0) dg_text_bytes(t, ",", 1);
        add_escaped(t, list, k, ",\\");
    }
}

static void add_map(dg_text *t, const dg_map *m)
{
    for (int64_t k = 0; k < m->key.n; k++) {
        if (k > 0) dg_text_bytes(t, ",", 1);
        add_escaped(t, &m->key, k, ",=\\");
        dg_text_bytes(t, "=", 1);
        add_escaped(t, &m->value, k, ",\\");
    }
}

dg_status dg_option_show(const dg_option *o, const void *fields, char **out, dg_err *err)
{
    const void *field = (const char *)fields + o->offset;
    dg_text t = {0};
    dg_text_bytes(&t, "", 0);
    switch (o->type) {
    case DG_OPT_BOOL: dg_text_add(&t, "%s", *(const bool *)field ? "true" : "false"); break;
    case DG_OPT_INT: dg_text_add(&t, "%lld", (long long)*(const int64_t *)field); break;
    case DG_OPT_REAL: add_real(&t, *(const double *)field); break;
    case DG_OPT_TEXT: dg_text_add(&t, "%s", *(char *const *)field); break;
    case DG_OPT_CHOICE: dg_text_add(&t, "%s", o->choices[*(const int *)field]); break;
    case DG_OPT_DURATION: add_duration(&t, *(const double *)field); break;
    case DG_OPT_LIST: add_list(&t, field); break;
    case DG_OPT_MAP: add_map(&t, field); break;
    }
    if (t.failed) {
        dg_text_free(&t);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory printing %s", o->key);
    }
    *out = t.at;
    return DG_OK;
}

/* Is `key` the row's key with `alias` in place of the last part? */
static bool is_alias(const char *row, const char *alias, const char *key)
{
    const char *dot = strrchr(row, '.');
    const size_t head = dot == NULL ? 0 : (size_t)(dot + 1 - row);
    return strncmp(row, key, head) == 0 && strcmp(key + head, alias) == 0;
}

const dg_option *dg_options_find(const dg_option *table, size_t n, const char *key)
{
    for (size_t k = 0; k < n; k++)
        if (strcmp(table[k].key, key) == 0) return &table[k];
    for (size_t k = 0; k < n; k++)
        for (size_t a = 0; table[k].aliases != NULL && table[k].aliases[a] != NULL; a++)
            if (is_alias(table[k].key, table[k].aliases[a], key)) return &table[k];
    return NULL;
}
