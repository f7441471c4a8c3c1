#include "table/csv.h"

#include <string.h>

static bool needs_quotes(const char *s, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (s[k] == '"' || s[k] == ',' || s[k] == '\n' || s[k] == '\r') return true;
    return false;
}

void dg_csv_field(dg_text *t, const char *s, size_t n)
{
    if (!needs_quotes(s, n)) {
        dg_text_bytes(t, s, n);
        return;
    }
    dg_text_bytes(t, "\"", 1);
    for (const char *quote; (quote = memchr(s, '"', n)) != NULL;) { /* twice */
        const size_t part = (size_t)(quote - s) + 1;
        dg_text_bytes(t, s, part);
        dg_text_bytes(t, "\"", 1);
        s += part;
        n -= part;
    }
    dg_text_bytes(t, s, n);
    dg_text_bytes(t, "\"", 1);
}
