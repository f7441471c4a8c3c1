#include "base/memory.h"
#include "job/schema.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the character at s (valid UTF-8) and its code point. */
static size_t decode(const char *s, size_t n, uint32_t *code)
{
    static const uint32_t mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t step = dg_utf8_step(s, n);
    if (step == 0) step = 1; /* never: values are checked when read */
    *code = (unsigned char)s[0] & mask[step];
    for (size_t k = 1; k < step; k++) *code = *code << 6 | ((unsigned char)s[k] & 0x3F);
    return step;
}

/* May the character stand as it is between double quotes? YAML 1.1 takes some for line ends. */
static bool is_printable(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
    if (code == 0x2028 || code == 0x2029 || code == 0xFEFF) return false;
    return code < 0xFFFE || code > 0xFFFF;
}

static void add_character(dg_text *t, const char *s, size_t n, uint32_t code)
{
    if (code == '"' || code == '\\')
        dg_text_add(t, "\\%c", (int)code);
    else if (code == '\t')
        dg_text_add(t, "\\t");
    else if (code == '\n')
        dg_text_add(t, "\\n");
    else if (is_printable(code))
        dg_text_bytes(t, s, n);
    else if (code <= 0xFF)
        dg_text_add(t, "\\x%02X", code);
    else
        dg_text_add(t, "\\u%04X", code);
}

/* Safe without quotes: letters, digits and ._/-, not a word YAML or jobs give a meaning. */
static bool is_plain(const char *s, size_t n)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._/+-";
    if (n == 0 || (n == 4 && memcmp(s, "null", 4) == 0)) return false;
    if (s[0] == '-' || s[0] == '.' || s[0] == '+') {
        double number;
        return dg_parse_double(s, n, &number);
    }
    for (size_t k = 0; k < n; k++)
        if (s[k] == '\0' || strchr(safe, s[k]) == NULL) return false;
    return true;
}

/* Keys are not expanded, so only values need their ${ kept from it. */
static void add_text(dg_text *t, const char *s, size_t n, bool value)
{
    if (is_plain(s, n)) {
        dg_text_bytes(t, s, n);
        return;
    }
    dg_text_bytes(t, "\"", 1);
    for (size_t k = 0; k < n;) {
        uint32_t code;
        const size_t step = decode(s + k, n - k, &code);
        if (value && n - k >= 2 && memcmp(s + k, "${", 2) == 0) dg_text_bytes(t, "$", 1);
        add_character(t, s + k, step, code);
        k += step;
    }
    dg_text_bytes(t, "\"", 1);
}

static void add_at(dg_text *t, const dg_strings *s, int64_t k, bool value)
{
    size_t n;
    const char *at = dg_strings_at(s, k, &n);
    add_text(t, at, n, value);
}

static void add_list(dg_text *t, const dg_strings *list)
{
    dg_text_add(t, "[");
    for (int64_t k = 0; k < list->n; k++) {
        if (k > 0) dg_text_add(t, ", ");
        add_at(t, list, k, true);
    }
    dg_text_add(t, "]");
}

static void add_map(dg_text *t, const dg_map *m)
{
    dg_text_add(t, "{");
    for (int64_t k = 0; k < m->key.n; k++) {
        if (k > 0) dg_text_add(t, ", ");
        add_at(t, &m->key, k, false);
        dg_text_add(t, ": ");
        add_at(t, &m->value, k, true);
    }
    dg_text_add(t, "}");
}

static dg_status add_value(dg_text *t, const dg_option *row, const void *fields, dg_err *err)
{
    const void *field = (const char *)fields + row->offset;
    char *text = NULL;
    if (row->type == DG_OPT_LIST) {
        add_list(t, field);
        return DG_OK;
    }
    if (row->type == DG_OPT_MAP) {
        add_map(t, field);
        return DG_OK;
    }
    const dg_status st = dg_option_show(row, fields, &text, err);
    if (st == DG_OK) add_text(t, text, strlen(text), true);
    dg_free(text);
    return st;
}

/* The lines "a:" and "  b:" that lead to key a.b.c and do not stand above the line before. */
static void add_parents(dg_text *t, const char *key, const char *before)
{
    int depth = 0;
    bool open = true; /* the parents so far are those of the line before */
    for (const char *dot = strchr(key, '.'); dot != NULL; dot = strchr(dot + 1, '.'), depth++) {
        const size_t n = (size_t)(dot - key) + 1;
        const char *last = dot;
        while (last > key && last[-1] != '.') last--;
        open = open && strncmp(key, before, n) == 0;
        if (!open) dg_text_add(t, "%*s%.*s:\n", 2 * depth, "", (int)(dot - last), last);
    }
    const char *last = strrchr(key, '.');
    dg_text_add(t, "%*s%s: ", 2 * depth, "", last == NULL ? key : last + 1);
}

/* Is the key `section`, or below it? */
static bool is_in(const char *key, const char *section)
{
    const size_t n = strlen(section);
    return strncmp(key, section, n) == 0 && (key[n] == '\0' || key[n] == '.');
}

/* What runs only where named shows only where named; a job without data has nothing to prepare. */
static bool is_shown(const dg_job *job, const char *key, const char *const *sections)
{
    static const char *const optional[] = {"evaluate", "export", "publish", "generate", "train",
                                           "drift",    "watch",  "cache",   "tune",     "report"};
    if (sections != NULL) {
        for (; *sections != NULL; sections++)
            if (is_in(key, *sections)) return true;
        return false;
    }
    for (size_t k = 0; k < sizeof optional / sizeof *optional; k++)
        if (is_in(key, optional[k])) return dg_job_names(job, optional[k]);
    if (is_in(key, "prepare")) return job->data.ratings.path.n > 0 || dg_job_names(job, "prepare");
    if (is_in(key, "checkpoint"))
        return job->model.table != NULL || dg_job_names(job, "checkpoint");
    return !is_in(key, "model") || job->model.table != NULL;
}

/* A split by files has maps where the others have shares. */
static bool is_replaced(const dg_job *job, const char *key)
{
    return (strcmp(key, "prepare.split.test") == 0 && job->prepare.split.test_files.path.n > 0) ||
           (strcmp(key, "prepare.split.valid") == 0 && job->prepare.split.valid_files.path.n > 0);
}

/* Rows that show only where set: does this one hold its default? */
static dg_status is_unset(const dg_mount *m, const dg_option *row, bool *out, dg_err *err)
{
    char *own = NULL, *base = NULL;
    *out = false;
    if (!row->if_set) return DG_OK;
    dg_status st = dg_option_show(row, m->fields, &own, err);
    if (st == DG_OK && m->base != NULL) st = dg_option_show(row, m->base, &base, err);
    const char *unset = base != NULL ? base : row->fallback != NULL ? row->fallback : "";
    if (st == DG_OK) *out = strcmp(own, unset) == 0;
    dg_free(own);
    dg_free(base);
    return st;
}

dg_status dg_job_show(const dg_job *job, const char *const *sections, char **out, dg_err *err)
{
    dg_mount mounts[DG_MAX_MOUNTS];
    char key[DG_MAX_KEY], before[DG_MAX_KEY] = "";
    dg_text t = {0};
    dg_status st = DG_OK;
    const size_t n = dg_job__mounts(job, mounts);
    dg_text_bytes(&t, "", 0);
    for (size_t m = 0; m < n; m++) {
        if (mounts[m].part != NULL && mounts[m].part->path.n == 0) continue;
        for (size_t k = 0; k < mounts[m].n && st == DG_OK; k++) {
            dg_job__key(&mounts[m], &mounts[m].rows[k], key, sizeof key);
            if (!is_shown(job, key, sections) || is_replaced(job, key)) continue;
            if (sections != NULL && mounts[m].rows[k].speed_only) continue;
            bool unset;
            st = is_unset(&mounts[m], &mounts[m].rows[k], &unset, err);
            if (st != DG_OK || unset) continue;
            add_parents(&t, key, before);
            st = add_value(&t, &mounts[m].rows[k], mounts[m].fields, err);
            dg_text_add(&t, "\n");
            memcpy(before, key, sizeof before);
        }
    }
    if (st == DG_OK && t.failed) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory showing the job");
    if (st == DG_OK)
        *out = t.at;
    else
        dg_text_free(&t);
    return st;
}

static void help_row(const dg_mount *m, const dg_option *row, const char *of, dg_text *out)
{
    char key[DG_MAX_KEY];
    dg_text_add(out, "%s\n    ", dg_job__key(m, row, key, sizeof key));
    if (of != NULL) dg_text_add(out, "%s: ", of);
    dg_text_add(out, "%s\n    ", row->help == NULL ? "" : row->help);
    dg_option_describe(row, out);
    if (row->fallback != NULL && row->fallback[0] != '\0')
        dg_text_add(out, "; default %s", row->fallback);
    for (size_t k = 0; row->aliases != NULL && row->aliases[k] != NULL; k++)
        dg_text_add(out, "%s%s", k == 0 ? "; also called " : ", ", row->aliases[k]);
    dg_text_add(out, "\n");
}

void dg_job_help(const dg_job_tables *tables, dg_text *out)
{
    dg_mount mounts[DG_MAX_MOUNTS];
    const dg_job none = {.generate.table = tables->generate};
    const size_t n = dg_job__mounts(&none, mounts);
    for (size_t m = 0; m < n; m++) {
        for (size_t k = 0; k < mounts[m].n; k++)
            help_row(&mounts[m], &mounts[m].rows[k], NULL, out);
        if (strcmp(mounts[m].prefix, "model") != 0) continue;
        for (size_t a = 0; a < tables->n_models; a++) {
            const dg_job_table *t = &tables->models[a];
            const dg_mount own = {.prefix = "", .rows = t->options, .n = t->n_options};
            for (size_t k = 0; k < t->n_options; k++) help_row(&own, &own.rows[k], t->name, out);
        }
    }
}

dg_status dg_job_show_key(const dg_job *job, const char *key, char **out, dg_err *err)
{
    dg_mount mount[DG_MAX_MOUNTS];
    char whole[DG_MAX_KEY];
    const size_t n = dg_job__mounts(job, mount);
    for (size_t m = 0; m < n; m++)
        for (size_t r = 0; r < mount[m].n; r++)
            if (strcmp(dg_job__key(&mount[m], &mount[m].rows[r], whole, sizeof whole), key) == 0)
                return dg_option_show(&mount[m].rows[r], mount[m].fields, out, err);
    return DG_FAIL(err, DG_ERR_INTERNAL, "a job has no key %s", key);
}
