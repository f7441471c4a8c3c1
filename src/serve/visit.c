#include "serve/visit.h"

#include "base/clock.h"
#include "base/digest.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void dg_visit_start(dg_visit *v, int fd, const struct sockaddr *from)
{
    *v = (dg_visit){.fd = fd};
    if (from == NULL) return;
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        inet_ntop(AF_INET, &in->sin_addr, v->address, sizeof v->address);
        v->address_hash = dg_hash64(&in->sin_addr, sizeof in->sin_addr, 4);
    } else if (from->sa_family == AF_INET6) { /* a customer has a /64 to choose addresses from */
        const struct sockaddr_in6 *in = (const void *)from;
        inet_ntop(AF_INET6, &in->sin6_addr, v->address, sizeof v->address);
        v->address_hash = dg_hash64(&in->sin6_addr, 8, 6);
    }
}

static bool is_id(const char *s)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(s);
    return n > 0 && n < DG_REQUEST_ID && strspn(s, letters) == n;
}

void dg_visit_name(dg_visit *v, const char *own)
{
    static atomic_uint_fast64_t turn;
    static _Atomic uint64_t seed; /* of this process; two threads at first may use two */
    if (own != NULL && is_id(own)) {
        strcpy(v->id, own);
        return;
    }
    if (atomic_load(&seed) == 0) {
        const double begin[] = {dg_now(), (double)time(NULL)};
        atomic_store(&seed, dg_hash64(begin, sizeof begin, 1) | 1);
    }
    const uint64_t k = atomic_fetch_add(&turn, 1);
    snprintf(v->id, sizeof v->id, "%016llx",
             (unsigned long long)dg_hash64(&k, sizeof k, atomic_load(&seed)));
}

void dg_visit_next(dg_visit *v)
{
    v->begun = v->answering = false;
    v->id[0] = '\0';
    v->method = NULL;
    v->route = NULL;
    v->who = (dg_bearer){.roles = 0};
    v->body = NULL;
    v->n_body = v->room = 0;
    v->refusal = (dg_reply){.http = 0};
    v->connection = NULL;
    v->replied = false;
    v->shift = NULL;
    v->http = 0;
    v->n_reply = 0;
}
