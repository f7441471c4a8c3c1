/* strings.h - many short strings in two arrays: ids, titles, categories. */
#ifndef DG_BASE_STRINGS_H
#define DG_BASE_STRINGS_H
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; free with dg_strings_free. String k is bytes[offset[k] .. offset[k+1]). */
typedef struct dg_strings {
    int64_t n;
    int64_t *offset; /* (n+1,) offset[0] = 0; NULL only while nothing was ever added */
    char *bytes;     /* (offset[n],) no NULs between strings */
    size_t offset_capacity, bytes_capacity;
} dg_strings;

/** Append one string; bytes may be anything. LOCAL, amortised O(len). Errors DG_ERR_NOMEM. */
dg_status dg_strings_add(dg_strings *s, const char *bytes, size_t n, dg_err *err);

/** Borrow string k, not NUL-terminated; valid until the next add. LOCAL. */
static inline const char *dg_strings_at(const dg_strings *s, int64_t k, size_t *n)
{
    *n = (size_t)(s->offset[k + 1] - s->offset[k]);
    return s->bytes + s->offset[k];
}

/** LOCAL, twice-safe. */
void dg_strings_free(dg_strings *s);

#endif
