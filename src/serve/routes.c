#include "serve/answers.h"
#include "serve/guard/tokens.h"
#include "serve/platforms.h"

#include <string.h>

enum { BODY = 64 * 1024, LARGE_BODY = 1024 * 1024 }; /* bytes */

static const dg_route routes[] = {
    {.path = "/v1/recommend/",
     .id = {"user"},
     .takes = DG_TAKES_K | DG_TAKES_EXCLUDE_SEEN | DG_TAKES_TERMS,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_recommend},
    {.path = "/v1/recommend",
     .takes = DG_TAKES_K | DG_TAKES_EXCLUDE_SEEN | DG_TAKES_USER | DG_TAKES_TASTE |
              DG_TAKES_LIMITS | DG_TAKES_TERMS | DG_TAKES_RULES,
     .body = BODY,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_recommend},
    {.path = "/v1/recommend/batch",
     .takes = DG_TAKES_K | DG_TAKES_EXCLUDE_SEEN | DG_TAKES_USERS | DG_TAKES_LIMITS |
              DG_TAKES_TERMS | DG_TAKES_RULES,
     .body = LARGE_BODY,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_batch},
    {.path = "/v1/rank",
     .takes = DG_TAKES_USER | DG_TAKES_TASTE | DG_TAKES_ITEMS | DG_TAKES_TERMS | DG_TAKES_RULES,
     .body = BODY,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_rank},
    {.path = "/v1/similar/",
     .id = {"item"},
     .takes = DG_TAKES_K | DG_TAKES_TERMS,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_similar},
    {.path = "/v1/similar-users/",
     .id = {"user"},
     .takes = DG_TAKES_K,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_similar_users},
    {.path = "/v1/explain/",
     .id = {"user", "item"},
     .takes = DG_TAKES_K,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_explain},
    {.path = "/v1/events",
     .takes = DG_TAKES_EVENTS,
     .body = LARGE_BODY,
     .role = DG_ROLE_EVENTS,
     .while_stopping = true,
     .waits = true,
     .answer = dg_answer_events},
    {.path = "/v1/items/",
     .id = {"item"},
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_item},
    {.path = "/v1/users/",
     .id = {"user"},
     .tail = "/profile",
     .takes = DG_TAKES_K,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_profile},
    {.path = "/v1/model", .role = DG_ROLE_READ, .while_stopping = true, .answer = dg_answer_model},
    {.path = "/metrics", .role = DG_ROLE_READ, .while_stopping = true},
    {.path = "/v1/admin/reload", .body = BODY, .role = DG_ROLE_ADMIN, .while_stopping = true},
    {.path = "/healthz", .while_stopping = true, .answer = dg_answer_health},
    {.path = "/readyz", .answer = dg_answer_ready},
    {.path = "/ping", .answer = dg_answer_health},
    {.path = "/invocations",
     .takes = DG_TAKES_K | DG_TAKES_EXCLUDE_SEEN | DG_TAKES_USER | DG_TAKES_USERS | DG_TAKES_TASTE |
              DG_TAKES_LIMITS | DG_TAKES_TERMS | DG_TAKES_RULES,
     .body = LARGE_BODY,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_invocations},
    {.path = "/v2", .role = DG_ROLE_READ, .while_stopping = true, .answer = dg_answer_v2_server},
    {.path = "/v2/health/live", .while_stopping = true, .answer = dg_answer_v2_live},
    {.path = "/v2/health/ready", .answer = dg_answer_v2_ready},
    {.path = "/v2/models/", .id = {"model"}, .tail = "/ready", .answer = dg_answer_v2_model_ready},
    {.path = "/v2/models/",
     .id = {"model"},
     .tail = "/infer",
     .takes = DG_TAKES_K | DG_TAKES_EXCLUDE_SEEN | DG_TAKES_USERS | DG_TAKES_TENSORS,
     .body = LARGE_BODY,
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_v2_infer},
    {.path = "/v2/models/",
     .id = {"model"},
     .role = DG_ROLE_READ,
     .while_stopping = true,
     .answer = dg_answer_v2_model},
};

const dg_route *dg_routes(size_t *n)
{
    *n = sizeof routes / sizeof *routes;
    return routes;
}

static bool leads(const dg_route *route, const char *path)
{
    const size_t n = strlen(route->path), whole = strlen(path);
    if (route->id[0] == NULL) return strcmp(path, route->path) == 0;
    if (strncmp(path, route->path, n) != 0) return false;
    const size_t tail = route->tail != NULL ? strlen(route->tail) : 0;
    return tail == 0 || (whole >= n + tail && strcmp(path + whole - tail, route->tail) == 0);
}

static bool takes_method(const dg_route *route, const char *method)
{
    if (route->body > 0) return strcmp(method, "POST") == 0;
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

const dg_route *dg_route_find(const char *method, const char *path, dg_refusal *no)
{
    const dg_route *other = NULL;
    for (size_t k = 0; k < sizeof routes / sizeof *routes; k++) {
        if (!leads(&routes[k], path)) continue;
        if (takes_method(&routes[k], method)) return &routes[k];
        other = &routes[k];
    }
    if (other == NULL) {
        dg_refuse(no, 404, "not_found", "no such path");
        return NULL;
    }
    const char *allow = other->body > 0 ? "POST" : "GET, HEAD";
    dg_refuse(no, 405, "method_not_allowed", "%s answers %s only", other->path, allow);
    no->allow = allow;
    return NULL;
}
