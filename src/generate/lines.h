/* lines.h - rows of text written fast: a growing buffer, and numbers without printf.
 *
 * Make room for a whole row once, then add its fields: the adders do not check. */
#ifndef DG_GENERATE_LINES_H
#define DG_GENERATE_LINES_H
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DG_LINES_NUMBER = 20 }; /* most bytes one number takes, its separator included */

typedef struct dg_lines { /* zero-initialise; free with dg_lines_free */
    char *at;
    size_t n, capacity;
} dg_lines;

/** Make sure that n more bytes fit. LOCAL, amortised O(n). Errors DG_ERR_NOMEM. */
dg_status dg_lines_room(dg_lines *l, size_t n, dg_err *err);

/** LOCAL, twice-safe. */
void dg_lines_free(dg_lines *l);

/** One character. LOCAL. */
static inline void dg_lines_char(dg_lines *l, char c) { l->at[l->n++] = c; }

/** Bytes as they stand. LOCAL. */
static inline void dg_lines_bytes(dg_lines *l, const char *s, size_t n)
{
    memcpy(l->at + l->n, s, n);
    l->n += n;
}

/** A whole string. LOCAL. */
static inline void dg_lines_text(dg_lines *l, const char *s) { dg_lines_bytes(l, s, strlen(s)); }

/** A number of at most 19 digits and the separator that follows it. LOCAL, O(digits). */
void dg_lines_number(dg_lines *l, int64_t v, char separator);

/** A CSV field in quotes, those inside it doubled; takes up to 2n + 3 bytes. LOCAL. */
void dg_lines_quoted(dg_lines *l, const char *s, size_t n, char separator);

#endif
