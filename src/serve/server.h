/* server.h - HTTP in front of a node: bounded connections, sizes and times, and a graceful stop. */
#ifndef DG_SERVE_SERVER_H
#define DG_SERVE_SERVER_H
#include "serve/gate.h"
#include "serve/guard/tls.h"
#include "serve/ledger.h"
#include "serve/listen.h"

typedef struct dg_server dg_server;

typedef struct dg_server_options {
    const char *listen;   /* HOST:PORT, see dg_listen_bind */
    int socket;           /* one that listens already, taken over; -1: listen */
    int threads;          /* 1 to DG_MAX_THREADS */
    double phase_seconds; /* limit for each of: request in, answer out, pause in between */
    int per_address;      /* connections of one address at once; 0: as many as there are */
    dg_gate_options gate;
    dg_ledger_options ledger;
    dg_split split;
    dg_tls *tls;         /* borrowed, the open one; NULL: plain HTTP */
    dg_metrics *metrics; /* borrowed; NULL: the server's own */
    /** Do what POST /v1/admin/reload asks for, by the token of this name. LOCAL, called by any
     *  thread; NULL: nothing. */
    dg_status (*reload)(void *context, const char *who, dg_err *err);
    void *reloader; /* its context */
} dg_server_options;

enum {
    DG_MAX_THREADS = 256,
    DG_CONNECTIONS = 768,        /* at once; more wait in the listen queue */
    DG_HEADER_BYTES = 32 * 1024, /* buffer of a connection: request line and headers */
    DG_BODIES_BYTES = 64 << 20,  /* of all bodies on their way together */
    DG_BODY_BYTES = 64 * 1024    /* of a request whose path has no use for a body: it is skipped */
};

/** Defaults: loopback, a thread per processor this process may use, 15 seconds, a third of the
 *  connections for one address, half a second unread, no tokens, no logs. LOCAL. */
dg_server_options dg_server_defaults(void);

/**
 * Listen and answer from now on, in threads of its own. LOCAL.
 *
 * @param[in]  node  borrowed until stop; dg_server_swap takes its place
 * The caller should block the signals it waits for before this call, so that the threads inherit
 * the mask, and ignore SIGPIPE.
 * Errors  as dg_listen_bind; DG_ERR_USAGE options out of range; DG_ERR_NOMEM; DG_ERR_IO no thread.
 */
dg_status dg_server_start(const dg_node *node, const dg_server_options *options, dg_server **out,
                          dg_err *err);

/** Answer from another node from now on, in this arm; no node leaves the challenger's empty.
 * Requests in flight are answered by the one before, which is closed when the last of them is done,
 * unless it is that of dg_server_start. LOCAL, thread-safe; takes the node and sets *node to NULL.
 * Errors DG_ERR_NOMEM, *node untouched. */
dg_status dg_server_swap(dg_server *s, dg_arm arm, dg_node **node, dg_err *err);

/** Count a version that an arm was to have and could not. LOCAL, thread-safe. */
void dg_server_refused(dg_server *s, dg_arm arm);

/** Where it listens, with the port taken: "127.0.0.1:8080". LOCAL. */
const char *dg_server_address(const dg_server *s);

/** Stop gracefully: take no new connections, answer /readyz with 503, finish what has begun, but
 *  give up after `patience` seconds. LOCAL, NULL-safe. */
void dg_server_stop(dg_server **s, double patience);

#endif
