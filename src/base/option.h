/* option.h - the one way options are declared, parsed, defaulted, checked and printed.
 *
 * A struct of options comes with a table of dg_option rows, one per field. Job files, --set,
 * environment and --print-config all go through such tables; models bring their own. */
#ifndef DG_BASE_OPTION_H
#define DG_BASE_OPTION_H
#include "base/status.h"
#include "base/strings.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dg_option_type {
    DG_OPT_BOOL,     /* bool       true | false */
    DG_OPT_INT,      /* int64_t    within [min, max] */
    DG_OPT_REAL,     /* double     within [min, max], finite */
    DG_OPT_TEXT,     /* char *     dg_alloc'ed, never NULL after defaults */
    DG_OPT_CHOICE,   /* int        index into choices */
    DG_OPT_DURATION, /* double     seconds, never negative: "90d", "15m", "30s" */
    DG_OPT_LIST,     /* dg_strings a scalar counts as a list of one; no element is empty */
    DG_OPT_MAP       /* dg_map     any keys, each once */
} dg_option_type;

typedef struct dg_map { /* key k has value k, in file order */
    dg_strings key, value;
} dg_map;

typedef struct dg_option {
    const char *key;      /* dotted path, e.g. "model.factors" */
    dg_option_type type;  /* decides the field's C type, as above */
    size_t offset;        /* of the field in the described struct */
    const char *fallback; /* default as it would be written; lists and maps: "a,b", "k=v,l=w";
                             NULL is false, 0, the first choice, "" or nothing */
    const char *help;     /* one line, with unit */
    double min, max;      /* numbers and durations only; both 0 means no bound; may be infinite */
    const char *const *choices; /* NULL-terminated, DG_OPT_CHOICE only */
    const char *const *aliases; /* NULL-terminated last parts of keys peers use, or NULL */
    bool speed_only; /* changes how fast, never what: no part of what a result was made from */
    bool if_set;     /* a job shows it only where it is not its default: so that a row added later
                        leaves the digests of earlier jobs as they were */
} dg_option;

/** Parse text into the field, replacing what it held; a failure leaves it as it was. In lists and
 *  maps a backslash makes the next byte (comma, equals sign, backslash) an ordinary one. err says
 *  what was wanted ("expected a whole number from 1 to 8192, found \"many\"") without naming key or
 *  place: the caller knows those. LOCAL. Errors DG_ERR_CONFIG, DG_ERR_NOMEM. */
dg_status dg_option_set(const dg_option *o, void *fields, const char *text, dg_err *err);

/** Add one element of a list (key NULL), or one key = value of a map, as they stand. LOCAL.
 *  Errors DG_ERR_CONFIG an empty element or key, a key twice; DG_ERR_NOMEM; DG_ERR_INTERNAL for
 *  other types. */
dg_status dg_option_add(const dg_option *o, void *fields, const char *key, const char *text,
                        dg_err *err);

/** Fill every field with its default. The struct starts zeroed. LOCAL. Errors DG_ERR_INTERNAL
 *  a default its own row refuses; DG_ERR_NOMEM: free with dg_options_free. */
dg_status dg_options_default(const dg_option *table, size_t n, void *fields, dg_err *err);

/** Free what the fields own and zero them. LOCAL, twice-safe. */
void dg_options_free(const dg_option *table, size_t n, void *fields);

/** The field as text that dg_option_set would read back; lists and maps comma-joined. LOCAL.
 *  @param[out] out dg_alloc'ed. Errors DG_ERR_NOMEM. */
dg_status dg_option_show(const dg_option *o, const void *fields, char **out, dg_err *err);

/** The row whose key, or whose alias in place of the key's last part, is `key`; NULL if none.
 *  LOCAL, O(n). */
const dg_option *dg_options_find(const dg_option *table, size_t n, const char *key);

/** Append what the option takes, as errors and help say it: "a whole number from 1 to 8192",
 *  "one of sum, max, last". LOCAL. */
void dg_option_describe(const dg_option *o, dg_text *out);

/** Value of `key` in a map (borrowed, not NUL-terminated, its length in *n), or NULL. LOCAL. */
const char *dg_map_get(const dg_map *m, const char *key, size_t *n);

#endif
