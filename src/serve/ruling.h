/* ruling.h - a file of rules that is read again when it changes.
 *
 * One thread looks at the file, and at the lists it names, every second. A file that cannot be used
 * is told on stderr once, and the rules before it go on. */
#ifndef DG_SERVE_RULING_H
#define DG_SERVE_RULING_H
#include "select/rules.h"

typedef struct dg_ruling dg_ruling;

/** Read the file, and keep looking. LOCAL. `goods` is borrowed until close, `path` copied.
 *  Errors as dg_rules_open; DG_ERR_IO no thread. */
dg_status dg_ruling_open(const char *path, dg_goods *goods, dg_ruling **out, dg_err *err);

/** The rules as they are; they stay until they are given back. NULL for no ruling. LOCAL,
 *  thread-safe; some 30 ns. */
const dg_rules *dg_ruling_take(dg_ruling *r);

/** LOCAL, thread-safe, NULL-safe. */
void dg_ruling_give(dg_ruling *r);

/** LOCAL, NULL-safe. Nothing may be taken. */
void dg_ruling_close(dg_ruling **r);

#endif
