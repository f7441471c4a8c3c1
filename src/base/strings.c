#include "base/strings.h"

#include "base/memory.h"

#include <string.h>

dg_status dg_strings_add(dg_strings *s, const char *bytes, size_t n, dg_err *err)
{
    const size_t used = s->n == 0 ? 0 : (size_t)s->offset[s->n];
    int64_t *offset = dg_grow(s->offset, (size_t)s->n + (s->offset != NULL), (size_t)s->n + 2,
                              &s->offset_capacity, sizeof *offset);
    if (offset == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %lld strings", (long long)s->n);
    s->offset = offset;
    char *grown = dg_grow(s->bytes, used, used + n, &s->bytes_capacity, 1);
    if (grown == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory after %zu bytes of strings", used);
    s->bytes = grown;
    if (n > 0) memcpy(s->bytes + used, bytes, n);
    s->offset[++s->n] = (int64_t)(used + n);
    return DG_OK;
}

void dg_strings_free(dg_strings *s)
{
    dg_free(s->offset);
    dg_free(s->bytes);
    *s = (dg_strings){0};
}
