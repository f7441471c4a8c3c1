#include "table/yaml.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct reader {
    yaml_parser_t parser;
    const char *file;
    bool whole; /* a document with lines, not the value of a flag */
    const char *text;
    size_t n;
    dg_text path; /* of the key being read */
    int64_t line; /* of that key */
    int depth;
    dg_entries *out;
    dg_err *err;
} reader;

static dg_status out_of_memory(reader *r)
{
    return DG_FAIL(r->err, DG_ERR_NOMEM, "%s: out of memory reading it", r->file);
}

static dg_status fail_at(reader *r, int64_t line, const char *what)
{
    if (!r->whole) return DG_FAIL(r->err, DG_ERR_CONFIG, "%s: %s", r->file, what);
    return DG_FAIL(r->err, DG_ERR_CONFIG, "%s:%lld: %s", r->file, (long long)line, what);
}

static int64_t line_of(const yaml_event_t *event) { return (int64_t)event->start_mark.line + 1; }

/* libyaml counts bytes, not lines, when it meets bytes that are no text. */
static dg_status check_text(reader *r)
{
    int64_t line = 1;
    if (r->n > DG_YAML_MAX_BYTES)
        return DG_FAIL(r->err, DG_ERR_CONFIG, "%s: more than %d bytes, too long", r->file,
                       DG_YAML_MAX_BYTES);
    for (size_t k = 0; k < r->n;) {
        const size_t step = dg_utf8_step(r->text + k, r->n - k);
        if (step == 0) {
            char what[40];
            snprintf(what, sizeof what, "byte 0x%02X is not UTF-8", (unsigned char)r->text[k]);
            return fail_at(r, line, what);
        }
        line += r->text[k] == '\n';
        k += step;
    }
    return DG_OK;
}

static dg_status next_event(reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event)) return DG_OK;
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) return out_of_memory(r);
    char what[200];
    snprintf(what, sizeof what, "not valid YAML: %s", p->problem == NULL ? "unknown" : p->problem);
    const dg_status st = fail_at(r, (int64_t)p->problem_mark.line + 1, what);
    if (strstr(what, "cannot start any token") == NULL) return st;
    return dg_err_hint(r->err, st, "quote text that starts with @, %% or `");
}

static dg_status add_entry(reader *r, dg_entry_kind kind, dg_entry **out)
{
    if (r->out->n >= DG_YAML_MAX_KEYS) return fail_at(r, r->line, "too many keys");
    dg_entry *grown =
        dg_grow(r->out->at, r->out->n, r->out->n + 1, &r->out->capacity, sizeof *grown);
    if (grown == NULL) return out_of_memory(r);
    r->out->at = grown;
    dg_entry *e = &r->out->at[r->out->n++];
    *e = (dg_entry){.kind = kind, .line = r->line, .path = dg_strdup(r->path.at)};
    *out = e;
    return e->path == NULL ? out_of_memory(r) : DG_OK;
}

/* What a plain value may carry; `scalar` is left pointing into the event. */
static dg_status check_scalar(reader *r, const yaml_event_t *event)
{
    const int64_t line = line_of(event);
    const size_t n = event->data.scalar.length;
    if (event->data.scalar.anchor != NULL) return fail_at(r, line, "anchors are not allowed");
    if (event->data.scalar.tag != NULL) return fail_at(r, line, "tags are not allowed");
    if (memchr(event->data.scalar.value, '\0', n) != NULL)
        return fail_at(r, line, "a value has a NUL byte");
    return DG_OK;
}

static bool is_null(const yaml_event_t *event)
{
    const char *s = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (s[0] == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0);
}

static dg_status read_scalar(reader *r, const yaml_event_t *event)
{
    dg_entry *e = NULL;
    dg_status st = check_scalar(r, event);
    if (st != DG_OK) return st;
    st = add_entry(r, is_null(event) ? DG_ENTRY_NULL : DG_ENTRY_SCALAR, &e);
    if (st != DG_OK || e->kind == DG_ENTRY_NULL) return st;
    e->text = dg_strdup((const char *)event->data.scalar.value);
    return e->text == NULL ? out_of_memory(r) : DG_OK;
}

static dg_status add_element(reader *r, size_t entry, const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(r, line_of(event), "a list holds plain values only");
    const dg_status st = check_scalar(r, event);
    if (st != DG_OK) return st;
    return dg_strings_add(&r->out->at[entry].list, (const char *)event->data.scalar.value,
                          is_null(event) ? 0 : event->data.scalar.length, r->err);
}

static dg_status read_list(reader *r, const yaml_event_t *start)
{
    dg_entry *e = NULL;
    if (start->data.sequence_start.anchor != NULL)
        return fail_at(r, line_of(start), "anchors are not allowed");
    if (start->data.sequence_start.tag != NULL)
        return fail_at(r, line_of(start), "tags are not allowed");
    dg_status st = add_entry(r, DG_ENTRY_LIST, &e);
    const size_t entry = r->out->n - 1;
    for (bool more = true; st == DG_OK && more;) {
        yaml_event_t event;
        st = next_event(r, &event);
        if (st != DG_OK) return st;
        more = event.type != YAML_SEQUENCE_END_EVENT;
        if (more) st = add_element(r, entry, &event);
        yaml_event_delete(&event);
    }
    return st;
}

static dg_status read_value(reader *r, const yaml_event_t *event);

static dg_status push_key(reader *r, const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(r, line_of(event), "a key is plain text, not a list, map or alias");
    const dg_status st = check_scalar(r, event);
    if (st != DG_OK) return st;
    const size_t n = event->data.scalar.length;
    if (n == 0 || n > DG_YAML_MAX_KEY)
        return fail_at(r, line_of(event), n == 0 ? "a key is empty" : "a key is too long");
    r->line = line_of(event);
    if (r->path.n > 0) dg_text_bytes(&r->path, ".", 1);
    dg_text_bytes(&r->path, (const char *)event->data.scalar.value, n);
    return r->path.failed ? out_of_memory(r) : DG_OK;
}

static void cut_path(reader *r, size_t n)
{
    r->path.n = n;
    if (r->path.at != NULL) r->path.at[n] = '\0';
}

/* One key and its value; *more is false at the end of the map. */
static dg_status read_pair(reader *r, bool *more)
{
    yaml_event_t event;
    const size_t parent = r->path.n;
    dg_status st = next_event(r, &event);
    if (st != DG_OK) return st;
    *more = event.type != YAML_MAPPING_END_EVENT;
    if (*more) st = push_key(r, &event);
    yaml_event_delete(&event);
    if (st != DG_OK || !*more) return st;
    st = next_event(r, &event);
    if (st != DG_OK) return st;
    st = read_value(r, &event);
    yaml_event_delete(&event);
    cut_path(r, parent);
    return st;
}

static dg_status read_map(reader *r, const yaml_event_t *start)
{
    dg_entry *e = NULL;
    dg_status st = DG_OK;
    if (start->data.mapping_start.anchor != NULL)
        return fail_at(r, line_of(start), "anchors are not allowed");
    if (start->data.mapping_start.tag != NULL)
        return fail_at(r, line_of(start), "tags are not allowed");
    if (r->depth >= DG_YAML_MAX_DEPTH)
        return fail_at(r, line_of(start), "maps are nested too deep");
    if (r->path.n > 0) st = add_entry(r, DG_ENTRY_MAP, &e);
    r->depth++;
    for (bool more = true; st == DG_OK && more;) st = read_pair(r, &more);
    r->depth--;
    return st;
}

static dg_status read_value(reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: return read_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT: return read_list(r, event);
    case YAML_MAPPING_START_EVENT: return read_map(r, event);
    case YAML_ALIAS_EVENT: return fail_at(r, line_of(event), "aliases are not allowed");
    default: return fail_at(r, line_of(event), "a value is missing");
    }
}

/* The document's root: a map of keys, or for the value of a flag anything. */
static dg_status read_root(reader *r)
{
    yaml_event_t event;
    dg_status st = next_event(r, &event);
    if (st != DG_OK) return st;
    const bool nothing = event.type == YAML_SCALAR_EVENT && is_null(&event);
    if (!r->whole || event.type == YAML_MAPPING_START_EVENT)
        st = read_value(r, &event);
    else if (!nothing)
        st = fail_at(r, line_of(&event), "the text starts with a key, as in \"name: shop\"");
    yaml_event_delete(&event);
    return st;
}

/* Stream start, document, stream end; an empty text has no document. */
static dg_status read_stream(reader *r)
{
    bool had_document = false;
    for (;;) {
        yaml_event_t event;
        dg_status st = next_event(r, &event);
        if (st != DG_OK) return st;
        const yaml_event_type_t type = event.type;
        const int64_t line = line_of(&event);
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT) return DG_OK;
        if (type != YAML_DOCUMENT_START_EVENT) continue;
        if (had_document) return fail_at(r, line, "a second document starts here; one is allowed");
        had_document = true;
        st = read_root(r);
        if (st != DG_OK) return st;
    }
}

static int by_path_then_order(const void *a, const void *b)
{
    const dg_entry *const *x = a, *const *y = b;
    const int order = strcmp((*x)->path, (*y)->path);
    return order != 0 ? order : (*x > *y) - (*x < *y);
}

static dg_status refuse_duplicates(reader *r, size_t first)
{
    const size_t n = r->out->n - first;
    const dg_entry **sorted = dg_alloc(n, sizeof(dg_entry *));
    dg_status st = DG_OK;
    if (sorted == NULL) return out_of_memory(r);
    for (size_t k = 0; k < n; k++) sorted[k] = &r->out->at[first + k];
    qsort(sorted, n, sizeof(dg_entry *), by_path_then_order);
    for (size_t k = 1; k < n && st == DG_OK; k++) {
        if (strcmp(sorted[k - 1]->path, sorted[k]->path) != 0) continue;
        char what[400];
        snprintf(what, sizeof what, "key \"%.256s\" stands here again; line %lld has it already",
                 sorted[k]->path, (long long)sorted[k - 1]->line);
        st = fail_at(r, sorted[k]->line, what);
    }
    dg_free(sorted);
    return st;
}

dg_status dg_yaml_read(const char *file, const char *root, const char *text, size_t n,
                       dg_entries *out, dg_err *err)
{
    reader r = {.file = file,
                .whole = root == NULL,
                .text = text,
                .n = n,
                .line = 1,
                .out = out,
                .err = err};
    const size_t first = out->n;
    dg_status st = check_text(&r);
    if (st != DG_OK) return st;
    dg_text_add(&r.path, "%s", root == NULL ? "" : root);
    if (r.path.failed || !yaml_parser_initialize(&r.parser)) {
        dg_text_free(&r.path);
        return out_of_memory(&r);
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    st = read_stream(&r);
    if (st == DG_OK) st = refuse_duplicates(&r, first);
    yaml_parser_delete(&r.parser);
    dg_text_free(&r.path);
    return st;
}

void dg_entries_free(dg_entries *e)
{
    for (size_t k = 0; k < e->n; k++) {
        dg_free(e->at[k].path);
        dg_free(e->at[k].text);
        dg_strings_free(&e->at[k].list);
    }
    dg_free(e->at);
    *e = (dg_entries){0};
}
