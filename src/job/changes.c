#include "job/changes.h"

#include "job/schema.h"

#include <stdio.h>
#include <string.h>

/* Reads a text of dg_job_show line by line: two blanks of indentation a level. */
typedef struct dg_shown {
    const char *next;     /* the line after */
    char key[DG_MAX_KEY]; /* whole key of the current line: "model.factors" */
    const char *value;    /* of it, value_n bytes */
    size_t value_n;
} dg_shown;

/* The key of a line, below the parents that its indentation leaves. */
static void take_key(dg_shown *s, size_t depth, const char *name, size_t n)
{
    size_t keep = 0; /* bytes of the parents, with the dot behind them */
    for (size_t level = 0; level < depth; level++) {
        const char *dot = strchr(s->key + keep, '.');
        if (dot == NULL) break;
        keep = (size_t)(dot - s->key) + 1;
    }
    snprintf(s->key + keep, sizeof s->key - keep, "%.*s", (int)n, name);
}

/* Go on to the next key that has a value; false at the end. */
static bool next_key(dg_shown *s)
{
    while (*s->next != '\0') {
        const char *line = s->next;
        const size_t n = strcspn(line, "\n"), indent = strspn(line, " ");
        s->next += n + (line[n] == '\n');
        const char *colon = indent < n ? memchr(line + indent, ':', n - indent) : NULL;
        if (colon == NULL) continue;
        take_key(s, indent / 2, line + indent, (size_t)(colon - line) - indent);
        const size_t used = (size_t)(colon - line) + 2; /* with ": " */
        if (used <= n) {
            s->value = line + used;
            s->value_n = n - used;
            return true;
        }
        const size_t end = strlen(s->key);
        snprintf(s->key + end, sizeof s->key - end, "."); /* a parent */
    }
    return false;
}

static bool find(const char *shown, const char *key, dg_shown *out)
{
    *out = (dg_shown){.next = shown};
    while (next_key(out))
        if (strcmp(out->key, key) == 0) return true;
    return false;
}

bool dg_job_value(const char *shown, const char *key, char *out, size_t n)
{
    dg_shown s;
    if (!find(shown, key, &s)) return false;
    snprintf(out, n, "%.*s", (int)s.value_n, s.value);
    return true;
}

static bool is_one_of(const char *key, const char *const *keys)
{
    for (; keys != NULL && *keys != NULL; keys++)
        if (strcmp(key, *keys) == 0) return true;
    return false;
}

enum { LONGEST = 60 }; /* bytes of a value that are told */

static void add(dg_text *out, size_t begin, const char *key, const dg_shown *was,
                const dg_shown *now)
{
    static const dg_shown absent = {.value = "absent", .value_n = sizeof "absent" - 1};
    if (was == NULL) was = &absent;
    if (now == NULL) now = &absent;
    dg_text_add(out, "%s%s %.*s, now %.*s", out->n > begin ? "; " : "", key,
                (int)(was->value_n < LONGEST ? was->value_n : LONGEST), was->value,
                (int)(now->value_n < LONGEST ? now->value_n : LONGEST), now->value);
}

dg_status dg_job_changes(const char *was, const char *now, const char *const *but, dg_text *out,
                         dg_err *err)
{
    const size_t begin = out->n;
    dg_shown a = {.next = was}, b;
    while (next_key(&a)) {
        if (is_one_of(a.key, but)) continue;
        const bool there = find(now, a.key, &b);
        if (there && a.value_n == b.value_n && memcmp(a.value, b.value, a.value_n) == 0) continue;
        add(out, begin, a.key, &a, there ? &b : NULL);
    }
    for (b = (dg_shown){.next = now}; next_key(&b);)
        if (!is_one_of(b.key, but) && !find(was, b.key, &a)) add(out, begin, b.key, NULL, &b);
    return out->failed ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory comparing two jobs") : DG_OK;
}
