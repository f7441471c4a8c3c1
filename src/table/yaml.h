/* yaml.h - YAML text to ordered entries: one for every key, with its dotted path and line.
 *
 * Jobs and rules need maps, lists of plain values and plain values; all else YAML can say (anchors,
 * aliases, tags, several documents, lists of lists) is refused by name, so that a hostile or
 * mistaken file costs no more memory than its own size and its depth bound allow. */
#ifndef DG_JOB_YAML_H
#define DG_JOB_YAML_H
#include "base/status.h"
#include "base/strings.h"

#include <stddef.h>
#include <stdint.h>

enum {
    DG_YAML_MAX_BYTES = 1 << 20, /* of one text */
    DG_YAML_MAX_DEPTH = 16,      /* maps inside maps */
    DG_YAML_MAX_KEY = 128,       /* bytes of one key */
    DG_YAML_MAX_KEYS = 10000     /* entries of one text */
};

typedef enum dg_entry_kind {
    DG_ENTRY_SCALAR,
    DG_ENTRY_NULL, /* nothing, "~" or "null", unquoted */
    DG_ENTRY_LIST,
    DG_ENTRY_MAP /* stands before the entries of its own keys */
} dg_entry_kind;

typedef struct dg_entry {
    dg_entry_kind kind;
    int64_t line;    /* from 1 */
    char *path;      /* "model.factors"; dots inside keys stay as they are */
    char *text;      /* scalars only */
    dg_strings list; /* lists only; an unquoted null is an empty string */
} dg_entry;

/* Zero-initialise; free with dg_entries_free. */
typedef struct dg_entries {
    dg_entry *at; /* (n,) in file order */
    size_t n, capacity;
} dg_entries;

/**
 * Append the entries of a text. LOCAL.
 *
 * @param[in] file   names the text in errors, "jobs/shop.yaml"
 * @param[in] root   path the text is the value of ("evaluate.k" for "[10, 20]"); NULL: the text is
 *                   a whole document, a map, or nothing at all
 * @param[in] text   (n,) bytes, need not end in NUL
 *
 * Cost    O(n log n) time, O(n) memory.
 * Errors  DG_ERR_CONFIG "FILE:LINE: what is wrong" (without line where root is given);
 *         DG_ERR_NOMEM. Either way free `out`.
 */
dg_status dg_yaml_read(const char *file, const char *root, const char *text, size_t n,
                       dg_entries *out, dg_err *err);

/** LOCAL, twice-safe. */
void dg_entries_free(dg_entries *e);

#endif
