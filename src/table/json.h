/* json.h - the values at a few paths of one JSON text, in one pass and without a tree.
 *
 * A path is keys with dots between them: "event.user.id" is 7 in {"event":{"user":{"id":7}}}.
 * Arrays are passed over. */
#ifndef DG_TABLE_JSON_H
#define DG_TABLE_JSON_H
#include "table/dialect.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DG_JSON_PATHS = 32, /* at most */
    DG_JSON_DEPTH = 64  /* objects and arrays in each other; deeper texts are refused */
};

typedef struct dg_json_paths { /* plain data, but for the texts, which are borrowed */
    int n;
    struct {
        int keys; /* of the path */
        dg_slice key[DG_JSON_DEPTH];
    } at[DG_JSON_PATHS];
} dg_json_paths;

/** Add a path. LOCAL. Errors DG_ERR_CONFIG an empty key, too many keys or paths. */
dg_status dg_json_paths_add(dg_json_paths *p, const char *path, dg_err *err);

/**
 * Read one object. LOCAL, O(n); a strict reader of RFC 8259, for UTF-8.
 *
 * @param[in,out] text   (n,) strings of interest are unescaped in place
 * @param[out]    value  (p->n,) what stands at each path: the text of a string, a number or true
 * and false as they are written; n == 0 for null, for "" and for nothing there
 * @param[out]    wrong  a static text of what is wrong with it, at byte *where
 *
 * False where it is no such object, or a path leads to an object, an array, or to two values.
 */
bool dg_json_read(const dg_json_paths *p, char *text, size_t n, dg_slice *value, const char **wrong,
                  size_t *where);

#endif
