#include "generate/lines.h"

#include "base/memory.h"

dg_status dg_lines_room(dg_lines *l, size_t n, dg_err *err)
{
    char *grown = dg_grow(l->at, l->n, l->n + n, &l->capacity, 1);
    if (grown == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %zu bytes of rows", n);
    l->at = grown;
    return DG_OK;
}

void dg_lines_free(dg_lines *l)
{
    dg_free(l->at);
    *l = (dg_lines){0};
}

void dg_lines_number(dg_lines *l, int64_t v, char separator)
{
    char digits[DG_LINES_NUMBER];
    size_t at = sizeof digits;
    uint64_t rest = (uint64_t)v;
    do digits[--at] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    dg_lines_bytes(l, digits + at, sizeof digits - at);
    dg_lines_char(l, separator);
}

void dg_lines_quoted(dg_lines *l, const char *s, size_t n, char separator)
{
    dg_lines_char(l, '"');
    for (size_t k = 0; k < n; k++) {
        if (s[k] == '"') dg_lines_char(l, '"');
        dg_lines_char(l, s[k]);
    }
    dg_lines_char(l, '"');
    dg_lines_char(l, separator);
}
