/* server.h - HTTP in front of a node: bounded connections, sizes and times, and a graceful stop. */
#ifndef DG_SERVE_SERVER_H
#define DG_SERVE_SERVER_H
#include "serve/listen.h"
#include "serve/node.h"

typedef struct dg_server dg_server;

typedef struct dg_server_options {
    const char *listen;   /* HOST:PORT, see dg_listen */
    int threads;          /* 1 to DG_MAX_THREADS */
    double phase_seconds; /* limit for each of: request in, answer out, pause in between */
} dg_server_options;

enum {
    DG_MAX_THREADS = 256,
    DG_CONNECTIONS = 768,        /* at once; more wait in the listen queue */
    DG_HEADER_BYTES = 32 * 1024, /* buffer of a connection: request line and headers */
    DG_BODY_BYTES = 64 * 1024    /* of a request whose path has no use for a body: it is skipped */
};

/** Defaults: loopback, a thread per processor this process may use, 15 seconds. LOCAL. */
dg_server_options dg_server_defaults(void);

/**
 * Listen and answer from now on, in threads of its own. LOCAL.
 *
 * @param[in]  node  borrowed until stop; dg_server_swap takes its place
 * The caller should block the signals it waits for before this call, so that the threads inherit
 * the mask, and ignore SIGPIPE.
 * Errors  as dg_listen; DG_ERR_USAGE options out of range; DG_ERR_NOMEM; DG_ERR_IO no thread.
 */
dg_status dg_server_start(const dg_node *node, const dg_server_options *options, dg_server **out,
                          dg_err *err);

/** Answer from another node from now on. Requests in flight are answered by the one before, which
 * is closed when the last of them is done, unless it is that of dg_server_start. LOCAL,
 * thread-safe; takes the node and sets *node to NULL. Errors DG_ERR_NOMEM, *node untouched. */
dg_status dg_server_swap(dg_server *s, dg_node **node, dg_err *err);

/** Where it listens, with the port taken: "127.0.0.1:8080". LOCAL. */
const char *dg_server_address(const dg_server *s);

/** Stop gracefully: take no new connections, answer /readyz with 503, finish what has begun, but
 *  give up after `patience` seconds. LOCAL, NULL-safe. */
void dg_server_stop(dg_server **s, double patience);

#endif
