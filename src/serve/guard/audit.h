/* audit.h - what was done to a serving node, in lines of which each holds the hash of the one
 * before: none can be changed, taken out or put in without all that follow telling.
 *
 * A line is {"n", "time", "what", …, "before"}; "before" is BLAKE2b-256 of the bytes of the line
 * before, 64 zeros for the first. Cutting lines off the end leaves a valid chain, so keep the last
 * hash, which dg_audit_verify gives, where the node cannot write. */
#ifndef DG_SERVE_GUARD_AUDIT_H
#define DG_SERVE_GUARD_AUDIT_H
#include "base/digest.h"
#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct dg_audit dg_audit;

typedef struct dg_audit_seen {
    int64_t lines;
    char last[DG_HEX_SIZE]; /* hash of the last line */
} dg_audit_seen;

/** Is this file a log of this kind, to the eye? LOCAL. */
bool dg_audit_is(const char *path);

/** Check the whole chain. LOCAL, O(bytes). Errors DG_ERR_NOINPUT; DG_ERR_DATA with the first line
 *  that does not fit the one before, or is torn; DG_ERR_IO. */
dg_status dg_audit_verify(const char *path, dg_audit_seen *out, dg_err *err);

/** Go on with a log, made if it is not there, after checking it. A last line without its end, torn
 *  by a crash, is taken off and told in the next. LOCAL. Errors as dg_audit_verify, and
 *  DG_ERR_UNAVAILABLE another process writes it. */
dg_status dg_audit_open(const char *path, dg_audit **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_audit_close(dg_audit **a);

/** Add a line, durable when the call is back. LOCAL, thread-safe; a may be NULL.
 *  @param[in] more further members, reference stolen; may be NULL. Errors DG_ERR_IO, DG_ERR_NOMEM.
 */
dg_status dg_audit_note(dg_audit *a, const char *what, json_t *more, dg_err *err);

#endif
