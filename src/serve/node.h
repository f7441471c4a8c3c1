/* node.h - one artifact made ready to answer: opened, ranked over, and turned into JSON.
 *
 * Knows nothing of sockets: the HTTP server hands it checked requests, tests do the same. */
#ifndef DG_SERVE_NODE_H
#define DG_SERVE_NODE_H
#include "artifact/artifact.h"
#include "serve/request.h"

typedef struct dg_node dg_node;

typedef struct dg_reply {
    int http;         /* status */
    const char *body; /* (n,) JSON */
    size_t n;
    char
        *owned; /* the body again where the receiver must dg_free it; else it lives with the node */
} dg_reply;

/** Open the artifact and prepare all that requests share. LOCAL. Errors as dg_artifact_open and
 *  dg_ranker_create, and DG_ERR_DATA for metrics that are not JSON. */
dg_status dg_node_open(const char *path, dg_node **out, dg_err *err);

/** LOCAL, NULL-safe. No request may be in flight. */
void dg_node_close(dg_node **node);

/** What it serves; borrowed. LOCAL. */
const dg_artifact *dg_node_artifact(const dg_node *node);

/** Answer a request. Always yields a reply, errors included: 404 unknown_item
 *  or unknown_user, 409 no_reasons, 500 not_finite or
 *  out_of_memory. Readiness is the server's to know, so DG_ROUTE_READY is answered as ready.
 *  LOCAL, thread-safe; allocates the reply only. */
dg_reply dg_node_answer(const dg_node *node, const dg_request *request);

/** {"error": {"code", "message"}} with the refusal's status. LOCAL, thread-safe. */
dg_reply dg_reply_refusal(const dg_refusal *no);

#endif
