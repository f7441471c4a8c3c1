#include "job/layers.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static dg_status out_of_memory(dg_err *err)
{
    return DG_FAIL(err, DG_ERR_NOMEM, "out of memory reading the job");
}

dg_status dg_layer_fail(const dg_layer *l, const dg_entry *e, dg_status st, dg_err *err)
{
    const dg_err why = *err;
    if (st == DG_ERR_NOMEM) return st;
    if (l->lined)
        DG_FAIL(err, st, "%.200s:%lld: %.150s: %.380s", l->name, (long long)e->line, e->path,
                why.text);
    else if (l->entries.n > 1) /* the name of the layer says less than the entry's path */
        DG_FAIL(err, st, "%.200s: %.150s: %.380s", l->name, e->path, why.text);
    else
        DG_FAIL(err, st, "%.200s: %.380s", l->name, why.text);
    return why.hint[0] == '\0' ? st : dg_err_hint(err, st, "%s", why.hint);
}

static dg_status add_layer(dg_layers *layers, const char *source, const char *name, size_t n,
                           dg_layer **out, dg_err *err)
{
    dg_text full = {0};
    dg_layer *grown =
        dg_grow(layers->at, layers->n, layers->n + 1, &layers->capacity, sizeof *grown);
    if (grown == NULL) return out_of_memory(err);
    layers->at = grown;
    *out = &layers->at[layers->n++];
    dg_text_add(&full, "%s", source);
    dg_text_bytes(&full, name, n);
    **out = (dg_layer){.name = full.at};
    return full.failed ? out_of_memory(err) : DG_OK;
}

static dg_status add_literal(dg_layer *l, const char *path, const char *text, dg_err *err)
{
    const bool unset = strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
    dg_entry *e = dg_grow(NULL, 0, 1, &l->entries.capacity, sizeof *e);
    if (e == NULL) return out_of_memory(err);
    l->entries.at = e;
    l->entries.n = 1;
    *e = (dg_entry){.kind = unset ? DG_ENTRY_NULL : DG_ENTRY_SCALAR, .line = 1};
    e->path = dg_strdup(path);
    e->text = dg_strdup(text);
    return e->path == NULL || e->text == NULL ? out_of_memory(err) : DG_OK;
}

/* The value of a flag or variable: YAML where it starts as a list, a map or a quoted text does,
 * otherwise the text as it stands, so that globs and separators need no second quoting. */
static dg_status add_value(dg_layer *l, const char *path, const char *text, dg_err *err)
{
    const size_t n = strlen(text);
    if (strlen(path) > DG_YAML_MAX_KEY)
        return DG_FAIL(err, DG_ERR_CONFIG, "%.100s: %.60s…: a key is too long", l->name, path);
    if (!dg_utf8_valid(path, strlen(path)) || !dg_utf8_valid(text, n))
        return DG_FAIL(err, DG_ERR_CONFIG, "%.100s: key or value is not UTF-8", l->name);
    if (n == 0 || strchr("[{\"", text[0]) == NULL) return add_literal(l, path, text, err);
    return dg_yaml_read(l->name, path, text, n, &l->entries, err);
}

bool dg_layers_is_overlay(const char *variable, size_t n)
{
    if (n <= 7 || memcmp(variable, "DAOGOU_", 7) != 0) return false;
    for (size_t k = 7; k < n; k++)
        if (variable[k] >= 'a' && variable[k] <= 'z') return true;
    return false;
}

static dg_status add_variable(dg_layers *layers, const char *assignment, dg_err *err)
{
    const char *equals = strchr(assignment, '=');
    const size_t n = equals == NULL ? 0 : (size_t)(equals - assignment);
    dg_text path = {0};
    dg_layer *l = NULL;
    if (!dg_layers_is_overlay(assignment, n)) return DG_OK;
    for (size_t k = 7; k < n; k++) {
        const bool dot = strncmp(assignment + k, "__", 2) == 0;
        dg_text_bytes(&path, dot ? "." : assignment + k, 1);
        k += dot;
    }
    dg_status st = path.failed ? out_of_memory(err)
                               : add_layer(layers, "environment ", assignment, n, &l, err);
    if (st == DG_OK) st = add_value(l, path.at, equals + 1, err);
    dg_text_free(&path);
    return st;
}

static dg_status add_flag(dg_layers *layers, const char *flag, dg_err *err)
{
    const char *equals = strchr(flag, '=');
    dg_text path = {0};
    dg_layer *l = NULL;
    if (equals == NULL || equals == flag) {
        const dg_status st =
            DG_FAIL(err, DG_ERR_USAGE, "--set %.100s: expected key.path=value", flag);
        return dg_err_hint(err, st, "as in --set model.factors=64");
    }
    dg_text_bytes(&path, flag, (size_t)(equals - flag));
    dg_status st =
        path.failed ? out_of_memory(err) : add_layer(layers, "--set ", path.at, path.n, &l, err);
    if (st == DG_OK) st = add_value(l, path.at, equals + 1, err);
    dg_text_free(&path);
    return st;
}

static dg_status add_file(dg_layers *layers, const dg_job_input *in, dg_err *err)
{
    dg_layer *l = NULL;
    if (in->text.n == 0) return DG_OK;
    const dg_status st = add_layer(layers, "", in->file, strlen(in->file), &l, err);
    if (st != DG_OK) return st;
    l->lined = true;
    return dg_yaml_read(in->file, NULL, in->text.at, in->text.n, &l->entries, err);
}

/* Copy of string k with its NUL; NULL when out of memory. */
static char *copy_string(const dg_strings *s, int64_t k)
{
    size_t n;
    const char *at = dg_strings_at(s, k, &n);
    char *copy = dg_alloc(n + 1, 1);
    return copy == NULL ? NULL : memcpy(copy, at, n);
}

static dg_status add_each(dg_layers *layers, const dg_strings *from,
                          dg_status (*add)(dg_layers *, const char *, dg_err *), dg_err *err)
{
    dg_status st = DG_OK;
    for (int64_t k = 0; k < from->n && st == DG_OK; k++) {
        char *copy = copy_string(from, k);
        st = copy == NULL ? out_of_memory(err) : add(layers, copy, err);
        dg_free(copy);
    }
    return st;
}

/* Value of NAME (n bytes) among "NAME=value" strings, not NUL-terminated; NULL when unset. */
static const char *variable(const dg_strings *env, const char *name, size_t n, size_t *length)
{
    for (int64_t k = 0; k < env->n; k++) {
        const char *at = dg_strings_at(env, k, length);
        if (*length <= n || at[n] != '=' || memcmp(at, name, n) != 0) continue;
        *length -= n + 1;
        return at + n + 1;
    }
    return NULL;
}

/* One ${…} at *s; *s is left behind its brace. */
static dg_status expand_one(const dg_strings *env, const char **s, dg_text *out, dg_err *err)
{
    const char *name = *s + 2, *end = strchr(name, '}');
    if (end == NULL)
        return DG_FAIL(err, DG_ERR_CONFIG, "\"${\" without \"}\"; $${ stands for the text ${");
    const char *dash = memmem(name, (size_t)(end - name), ":-", 2);
    const size_t n = (size_t)((dash == NULL ? end : dash) - name);
    size_t length = 0;
    const char *value = variable(env, name, n, &length);
    *s = end + 1;
    if (value != NULL && (length > 0 || dash == NULL))
        dg_text_bytes(out, value, length);
    else if (dash != NULL)
        dg_text_bytes(out, dash + 2, (size_t)(end - dash - 2));
    else
        return DG_FAIL(err, DG_ERR_CONFIG, "environment variable \"%.*s\" is not set",
                       n < 100 ? (int)n : 100, name);
    return DG_OK;
}

static dg_status expand(const dg_strings *env, const char *s, dg_text *out, dg_err *err)
{
    dg_text_bytes(out, "", 0);
    while (*s != '\0') {
        if (strncmp(s, "$${", 3) == 0) {
            dg_text_bytes(out, "${", 2);
            s += 3;
        } else if (strncmp(s, "${", 2) == 0) {
            const dg_status st = expand_one(env, &s, out, err);
            if (st != DG_OK) return st;
        } else {
            dg_text_bytes(out, s++, 1);
        }
    }
    if (out->failed) return out_of_memory(err);
    if (out->n > DG_YAML_MAX_BYTES) return DG_FAIL(err, DG_ERR_CONFIG, "the value grows too long");
    if (!dg_utf8_valid(out->at, out->n))
        return DG_FAIL(err, DG_ERR_CONFIG, "the environment's text is not UTF-8");
    return DG_OK;
}

static dg_status expand_list(const dg_strings *env, dg_strings *list, dg_err *err)
{
    dg_strings fresh = {0};
    dg_status st = DG_OK;
    for (int64_t k = 0; k < list->n && st == DG_OK; k++) {
        dg_text text = {0};
        char *raw = copy_string(list, k);
        st = raw == NULL ? out_of_memory(err) : expand(env, raw, &text, err);
        if (st == DG_OK) st = dg_strings_add(&fresh, text.at, text.n, err);
        dg_free(raw);
        dg_text_free(&text);
    }
    dg_strings_free(list);
    *list = fresh;
    return st;
}

static dg_status expand_entry(const dg_strings *env, dg_entry *e, dg_err *err)
{
    dg_text text = {0};
    if (e->kind == DG_ENTRY_LIST) return expand_list(env, &e->list, err);
    if (e->kind != DG_ENTRY_SCALAR || strchr(e->text, '$') == NULL) return DG_OK;
    const dg_status st = expand(env, e->text, &text, err);
    if (st != DG_OK) {
        dg_text_free(&text);
        return st;
    }
    dg_free(e->text);
    e->text = text.at;
    return DG_OK;
}

static dg_status expand_all(const dg_strings *env, const dg_layers *layers, dg_err *err)
{
    for (size_t k = 0; k < layers->n; k++) {
        const dg_layer *l = &layers->at[k];
        for (size_t i = 0; i < l->entries.n; i++) {
            const dg_status st = expand_entry(env, &l->entries.at[i], err);
            if (st != DG_OK) return dg_layer_fail(l, &l->entries.at[i], st, err);
        }
    }
    return DG_OK;
}

dg_status dg_layers_read(const dg_job_input *in, dg_layers *out, dg_err *err)
{
    dg_status st = add_each(out, &in->env, add_variable, err);
    if (st == DG_OK) st = add_file(out, in, err);
    if (st == DG_OK) st = add_each(out, &in->flags, add_flag, err);
    return st == DG_OK ? expand_all(&in->env, out, err) : st;
}

void dg_layers_free(dg_layers *layers)
{
    for (size_t k = 0; k < layers->n; k++) {
        dg_free(layers->at[k].name);
        dg_entries_free(&layers->at[k].entries);
    }
    dg_free(layers->at);
    *layers = (dg_layers){0};
}
