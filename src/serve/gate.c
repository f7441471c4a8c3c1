#include "serve/gate.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "serve/guard/rates.h"

#include <math.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct dg_gate {
    dg_gate_options o;
    dg_rates *rates; /* NULL: no limit */
    _Atomic int64_t body_bytes;
    dg_histogram *waited;
};

dg_status dg_gate_create(const dg_gate_options *options, dg_metrics *m, dg_gate **out, dg_err *err)
{
    int n;
    const double *bound = dg_latency_bounds(&n);
    dg_gate *g = *out = dg_alloc(1, sizeof *g);
    if (g == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the server");
    g->o = *options;
    g->waited = dg_metrics_histogram(m, "daogou_queue_seconds", "",
                                     "Time a request lay unread in its socket.", bound, n);
    if (!(options->rate > 0)) return DG_OK;
    const double burst = options->burst > 0 ? options->burst : options->rate;
    const dg_status st = dg_rates_create(options->rate, burst > 1 ? burst : 1, &g->rates, err);
    if (st != DG_OK) dg_gate_destroy(out);
    return st;
}

void dg_gate_destroy(dg_gate **g)
{
    if (*g == NULL) return;
    dg_rates_destroy(&(*g)->rates);
    dg_free(*g);
    *g = NULL;
}

/* Since the last byte came from the network, which for what is read just now is how long it lay
 * there. The kernel counts it in milliseconds; 0 where it does not know. */
static double time_unread(int fd)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0) return 0;
    if (n < offsetof(struct tcp_info, tcpi_last_data_recv) + sizeof info.tcpi_last_data_recv)
        return 0;
    return 1e-3 * info.tcpi_last_data_recv;
}

static bool in_time(dg_gate *g, const dg_visit *v, dg_refusal *no)
{
    if (!(g->o.longest_wait > 0)) return true;
    const double waited = time_unread(v->fd);
    dg_observe(g->waited, waited);
    if (waited <= g->o.longest_wait) return true;
    dg_refuse(no, 503, "overloaded", "this node has more to answer than it can");
    no->retry_after = 1;
    return false;
}

static bool has_role(dg_gate *g, dg_visit *v, const char *authorization, dg_refusal *no)
{
    static const char *const name[] = {
        [DG_ROLE_READ] = "read", [DG_ROLE_EVENTS] = "events", [DG_ROLE_ADMIN] = "admin"};
    if (g->o.tokens == NULL) return true;
    switch (dg_tokens_check(g->o.tokens, authorization, (int64_t)time(NULL), &v->who)) {
    case DG_TOKEN_GOOD: break;
    case DG_TOKEN_NONE:
        return dg_refuse(no, 401, "no_token", "give a token: Authorization: Bearer TOKEN");
    case DG_TOKEN_EXPIRED:
        v->who = (dg_bearer){.roles = 0};
        return dg_refuse(no, 401, "expired_token", "the token has expired");
    case DG_TOKEN_WRONG: return dg_refuse(no, 401, "bad_token", "the token is not known here");
    }
    if (v->route == NULL || (v->who.roles & v->route->role) != 0) return true;
    return dg_refuse(no, 403, "wrong_role", "this path asks for the role %s, which %s has not",
                     name[v->route->role], v->who.name);
}

static bool within_rate(dg_gate *g, const dg_visit *v, dg_refusal *no)
{
    double wait;
    const uint64_t key =
        v->who.name[0] != '\0' ? dg_hash64(v->who.name, strlen(v->who.name), 1) : v->address_hash;
    if (g->rates == NULL || dg_rates_admit(g->rates, key, v->began, &wait)) return true;
    dg_refuse(no, 429, "too_many", "more than %g requests a second", g->o.rate);
    no->retry_after = (int)ceil(wait);
    return false;
}

static bool has_room(dg_gate *g, size_t n_body, dg_refusal *no)
{
    const int64_t n = (int64_t)n_body;
    if (n == 0 || atomic_fetch_add(&g->body_bytes, n) + n <= g->o.body_bytes) return true;
    atomic_fetch_sub(&g->body_bytes, n);
    dg_refuse(no, 503, "overloaded", "this node has more bodies on their way than it can hold");
    no->retry_after = 1;
    return false;
}

bool dg_gate_admit(dg_gate *g, dg_visit *v, const char *authorization, size_t n_body,
                   dg_refusal *no)
{
    dg_refusal rate;
    if (v->route != NULL && v->route->role == 0) return true;
    if (!in_time(g, v, no)) return false;
    const bool known = has_role(g, v, authorization, no);
    if (!within_rate(g, v, &rate)) { /* also of who guesses at tokens */
        *no = rate;
        return false;
    }
    return known && has_room(g, n_body, no);
}

void dg_gate_leave(dg_gate *g, size_t n_body) { atomic_fetch_sub(&g->body_bytes, (int64_t)n_body); }
