/* node.h - one artifact made ready to answer: opened, and ranked over.
 *
 * Knows nothing of sockets: the HTTP server hands it checked requests, tests do the same. */
#ifndef DG_SERVE_NODE_H
#define DG_SERVE_NODE_H
#include "artifact/artifact.h"
#include "serve/request.h"

typedef struct dg_node dg_node;

/** Open the artifact and prepare all that requests share. LOCAL. Errors as dg_artifact_open and
 *  dg_ranker_create, and DG_ERR_DATA for metrics that are not JSON. */
dg_status dg_node_open(const char *path, dg_node **out, dg_err *err);

/** The same, with more asked of the file: dg_artifact_open_for. LOCAL. */
dg_status dg_node_open_for(const char *path, const dg_access *access, dg_node **out, dg_err *err);

/** Let a file of rules hold for its lists, as it is from now on (ruling.h); NULL: none. LOCAL,
 * once, before the node answers. Errors as dg_rules_open. */
dg_status dg_node_rule(dg_node *node, const char *path, dg_err *err);

/** LOCAL, NULL-safe. No request may be in flight. */
void dg_node_close(dg_node **node);

/** What it serves; borrowed. LOCAL. */
const dg_artifact *dg_node_artifact(const dg_node *node);

/**
 * Say which version of the model this is, and in which arm of an experiment it stands; every answer
 * says so. Without it the version is the first 16 digits of the content digest. LOCAL, before the
 * node answers. @param[in] arm a literal; NULL: none. Errors DG_ERR_NOMEM.
 */
dg_status dg_node_mark(dg_node *node, const char *version, const char *arm, dg_err *err);

/** The version that answers name; borrowed. LOCAL. */
const char *dg_node_version(const dg_node *node);

/**
 * Answer with what happened since the artifact was made: users with events in the store, new ones
 * as well, have the taste that those give them, and events are taken. LOCAL, before the node
 * answers.
 * @param[in] store  borrowed until close; many nodes may share it
 * @param[in] bytes  of memory for users with events, about
 * Errors  as dg_live_create.
 */
struct dg_eventstore;
dg_status dg_node_take_events(dg_node *node, struct dg_eventstore *store, size_t bytes,
                              dg_err *err);

/** Users with events kept in memory, the bytes they take, and events folded in since the node was
 *  opened; zeros without a store. LOCAL, thread-safe. */
typedef struct dg_node_lives {
    size_t users, bytes;
    uint64_t folds;
} dg_node_lives;
dg_node_lives dg_node_look(const dg_node *node);

/** Answer a few requests to nobody, so that the first ones that count find everything in memory.
 *  LOCAL, some milliseconds; before the node answers others. */
void dg_node_warm(const dg_node *node);

/** Answer a request whose route has an answer, by the function of its route (answers.h). LOCAL,
 * thread-safe. */
dg_reply dg_node_answer(const dg_node *node, const dg_request *request);

#endif
