/* gate.h - whether a request is let in, judged by its headers alone: before its body is read and
 * before anything is looked up. */
#ifndef DG_SERVE_GATE_H
#define DG_SERVE_GATE_H
#include "serve/measure/metrics.h"
#include "serve/visit.h"

typedef struct dg_gate dg_gate;

typedef struct dg_gate_options {
    dg_tokens *tokens;   /* borrowed; NULL: everybody has every role */
    double rate;         /* requests per second of a token, else of an address; 0: no limit */
    double burst;        /* at once; 0: as many as rate */
    double longest_wait; /* seconds a request may have lain unread; 0: however long */
    int64_t body_bytes;  /* of all bodies on their way together */
} dg_gate_options;

/** LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_gate_create(const dg_gate_options *options, dg_metrics *m, dg_gate **out, dg_err *err);

/** LOCAL, NULL-safe. */
void dg_gate_destroy(dg_gate **g);

/**
 * Let a request in, whose method, route and start are in the visit. LOCAL, thread-safe.
 *
 * Paths without a role (/healthz, /readyz) are always let in. A request that has lain in the
 * socket for longer than longest_wait is refused, as whoever sent it will hardly wait for the
 * answer: so a node with too much to do answers part of it in time, in place of all of it too late.
 *
 * @param[in] authorization  the header, or NULL
 * @param[in] n_body         bytes it says will come, for a body that is wanted
 * Errors  false and `no`: 401 no_token, bad_token, expired_token; 403 wrong_role; 429 too_many;
 *         503 overloaded. v->who is set where a token was good.
 */
bool dg_gate_admit(dg_gate *g, dg_visit *v, const char *authorization, size_t n_body,
                   dg_refusal *no);

/** The body of a request let in is no longer held. LOCAL, thread-safe. */
void dg_gate_leave(dg_gate *g, size_t n_body);

#endif
