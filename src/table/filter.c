#include "table/filter.h"

#include "base/memory.h"
#include "base/text.h"

#include <string.h>

static dg_slice trimmed(const char *at, size_t n)
{
    while (n > 0 && *at == ' ') at++, n--;
    while (n > 0 && at[n - 1] == ' ') n--;
    return (dg_slice){at, n};
}

typedef struct bound {
    bool below, equal; /* else above, strictly */
    dg_slice number;
} bound;

static bool is_bound(dg_slice test, bound *out)
{
    if (test.n == 0 || (test.at[0] != '<' && test.at[0] != '>')) return false;
    const size_t sign = test.n > 1 && test.at[1] == '=' ? 2 : 1;
    *out = (bound){test.at[0] == '<', sign == 2, trimmed(test.at + sign, test.n - sign)};
    return true;
}

static bool within(bound b, dg_slice field)
{
    double value, limit;
    if (!dg_parse_double(field.at, field.n, &value)) return false;
    if (!dg_parse_double(b.number.at, b.number.n, &limit)) return false;
    return b.below ? value < limit || (b.equal && value <= limit)
                   : value > limit || (b.equal && value >= limit);
}

/* Greedy with one place to go back to: the last star. */
static bool matches(dg_slice pattern, dg_slice text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.at[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && pattern.at[p] == text.at[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.at[p] == '*') p++;
    return p == pattern.n;
}

/* The next alternative; *test becomes what follows it, NULL after the last. */
static dg_slice next_alternative(const char **test)
{
    const size_t n = strcspn(*test, "|");
    const dg_slice one = trimmed(*test, n);
    *test = (*test)[n] == '|' ? *test + n + 1 : NULL;
    return one;
}

bool dg_filter_passes(const char *test, dg_slice field)
{
    while (test != NULL) {
        bound b;
        const dg_slice one = next_alternative(&test);
        if (is_bound(one, &b) ? within(b, field) : matches(one, field)) return true;
    }
    return false;
}

int32_t dg_filters_find(const dg_filters *f, const dg_slice *field, const int32_t *column)
{
    for (int32_t k = 0; k < f->n; k++)
        if (dg_filter_passes(f->at[k].test, field[column[k]]) != f->at[k].keep) return k;
    return -1;
}

static dg_status check(const char *key, const char *column, const char *test, dg_err *err)
{
    while (test != NULL) {
        bound b;
        double number;
        const dg_slice one = next_alternative(&test);
        if (is_bound(one, &b) && !dg_parse_double(b.number.at, b.number.n, &number))
            return DG_FAIL(err, DG_ERR_CONFIG, "%s.%s: \"%.*s\" is not a number", key, column,
                           (int)b.number.n, b.number.at);
    }
    return DG_OK;
}

static char *copy_of(const dg_strings *s, int64_t k)
{
    size_t n;
    const char *at = dg_strings_at(s, k, &n);
    char *copy = dg_alloc(n + 1, 1);
    return copy == NULL ? NULL : memcpy(copy, at, n);
}

static dg_status add_all(const dg_map *map, bool keep, dg_filters *out, dg_err *err)
{
    const char *key = keep ? "keep" : "drop";
    dg_status st = DG_OK;
    for (int64_t k = 0; k < map->key.n && st == DG_OK; k++) {
        if (out->n == DG_FILTERS_MAX)
            return DG_FAIL(err, DG_ERR_CONFIG, "%s: more than %d filters", key, DG_FILTERS_MAX);
        dg_filter *f = &out->at[out->n++];
        *f = (dg_filter){copy_of(&map->key, k), copy_of(&map->value, k), keep};
        st = f->column == NULL || f->test == NULL
                 ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %s", key)
                 : check(key, f->column, f->test, err);
    }
    return st;
}

dg_status dg_filters_read(const dg_map *drop, const dg_map *keep, dg_filters *out, dg_err *err)
{
    *out = (dg_filters){0};
    dg_status st = add_all(drop, false, out, err);
    if (st == DG_OK) st = add_all(keep, true, out, err);
    if (st != DG_OK) dg_filters_free(out);
    return st;
}

void dg_filters_free(dg_filters *f)
{
    for (int32_t k = 0; k < f->n; k++) {
        dg_free(f->at[k].column);
        dg_free(f->at[k].test);
    }
    *f = (dg_filters){0};
}
