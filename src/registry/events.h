/* events.h - the events of a registry as JSON: one object, one line. Internal to registry/.
 * All LOCAL. */
#ifndef DG_REGISTRY_EVENTS_H
#define DG_REGISTRY_EVENTS_H
#include "registry/registry.h"

/** A new event: number, time, who, and what `change` says; champion `from` becomes
 * change->champion. NULL when out of memory. */
json_t *dg_event_new(int64_t number, const dg_change *change, const char *from);

/** Its number; 0 where it has none. */
int64_t dg_event_number(const json_t *event);

/** Champion and challenger after it. Errors DG_ERR_DATA, naming `path`. */
dg_status dg_event_state(const json_t *event, dg_current *out, const char *path, dg_err *err);

/** Append it as a line with its end. Errors DG_ERR_NOMEM. */
dg_status dg_event_line(const json_t *event, dg_text *out, dg_err *err);

/** Read a file that holds one event. Errors DG_ERR_NOINPUT, DG_ERR_DATA, DG_ERR_IO. */
dg_status dg_event_read(const char *path, json_t **out, dg_err *err);

/** Add a line to FOLDER/history.jsonl, durably. Errors as base/file.h. */
dg_status dg_events_append(const char *folder, const json_t *event, dg_err *err);

/** Cut off a last line that has no end: its writer was killed. Errors as base/file.h. */
dg_status dg_events_mend(const char *folder, dg_err *err);

#endif
