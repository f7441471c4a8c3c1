/* visit.h - a connection and the request it is at: what the parts of the server that look at a
 * request one after the other know of it. Kept for as long as the connection, so that a request
 * asks for no memory but its answer. */
#ifndef DG_SERVE_VISIT_H
#define DG_SERVE_VISIT_H
#include "serve/arms.h"
#include "serve/guard/tokens.h"
#include "serve/watch.h"

#include <netinet/in.h>

enum { DG_REQUEST_ID = 65 }; /* bytes of a request's id, with its NUL */

typedef struct dg_visit {
    dg_watched *watched;
    int fd;
    char address[INET6_ADDRSTRLEN]; /* of the client, in numbers; "" where it has none */
    uint64_t address_hash;          /* of one IPv4 address, or of the /64 of an IPv6 one */

    bool begun;     /* a request is at work; what follows is of it */
    bool answering; /* it is all in */
    bool last;      /* the server was stopping when it came: the connection ends with its answer */
    char id[DG_REQUEST_ID];
    const char *method;
    const dg_route *route; /* NULL: no such path */
    dg_bearer who;         /* name "" where no tokens are asked for */
    double began;          /* dg_now(), when its headers were in; from its last byte on: when that
                              was */
    char *body;            /* (n_body,) of (room,); NULL where none is wanted */
    size_t n_body, room;
    dg_reply refusal; /* told when the request is all in; http 0: none */
    void *connection; /* the library's, of a request whose answer waits for a disk */
    const char *path; /* likewise */
    bool replied;     /* it has waited: `reply` is to be sent */
    dg_reply reply;
    dg_shift *shift; /* what answers it; NULL for refusals */
    double chance;   /* that it meets this arm */
    int http;        /* status of the answer */
    size_t n_reply;  /* bytes of its body */
} dg_visit;

/** Begin a visit: who it is. LOCAL. */
void dg_visit_start(dg_visit *v, int fd, const struct sockaddr *from);

/** Give the request its id: the client's own, if it is one (up to 64 letters, digits and . _ -), or
 *  a new one. LOCAL, thread-safe. */
void dg_visit_name(dg_visit *v, const char *own);

/** Forget the request, but not the connection. LOCAL. */
void dg_visit_next(dg_visit *v);

#endif
