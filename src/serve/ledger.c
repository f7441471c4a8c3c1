#include "serve/ledger.h"

#include "base/clock.h"
#include "base/memory.h"
#include "serve/answers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_ROUTES = 64, TEMPLATE = 96 };

struct dg_ledger {
    dg_ledger_options o;
    dg_arms *arms;
    char route[MAX_ROUTES + 1][TEMPLATE];  /* "/v1/recommend/{user}"; the last is of no route */
    dg_histogram *seconds[MAX_ROUTES + 1]; /* by route */
    dg_counters *codes, *errors;
    dg_counters *steps[DG_N_ARMS];
    dg_counter *requests[DG_N_ARMS];
    _Atomic int64_t turn;
};

/* Place of a route in the table, MAX_ROUTES for none. */
static size_t place(const dg_route *route)
{
    size_t n;
    const dg_route *first = dg_routes(&n);
    return route == NULL ? MAX_ROUTES : (size_t)(route - first);
}

static void name_routes(dg_ledger *l)
{
    size_t n;
    const dg_route *route = dg_routes(&n);
    for (size_t k = 0; k < n && k < MAX_ROUTES; k++) {
        const char *first = route[k].id[0], *second = first != NULL ? route[k].id[1] : NULL;
        snprintf(l->route[k], TEMPLATE, "%s%s%s%s%s%s%s%s", route[k].path, first ? "{" : "",
                 first ? first : "", first ? "}" : "", second ? "/{" : "", second ? second : "",
                 second ? "}" : "", route[k].tail ? route[k].tail : "");
    }
    snprintf(l->route[MAX_ROUTES], TEMPLATE, "none");
}

static void make_series(dg_ledger *l, dg_metrics *m)
{
    size_t n_routes;
    int n;
    char labels[TEMPLATE + 32];
    const double *bound = dg_latency_bounds(&n);
    dg_routes(&n_routes);
    for (size_t k = 0; k <= MAX_ROUTES; k++) {
        if (k >= n_routes && k < MAX_ROUTES) continue;
        const bool post = k < n_routes && dg_routes(&n_routes)[k].body > 0;
        snprintf(labels, sizeof labels, "route=\"%s\",method=\"%s\"", l->route[k],
                 k == MAX_ROUTES ? "any"
                 : post          ? "POST"
                                 : "GET");
        l->seconds[k] = dg_metrics_histogram(
            m, "daogou_request_seconds", labels,
            "Time from the last byte of a request to its answer, by path.", bound, n);
    }
    l->codes = dg_metrics_counters(m, "daogou_responses_total", "", "status", "Answers by status.");
    l->errors = dg_metrics_counters(m, "daogou_errors_total", "", "code", "Errors by their code.");
    for (int k = 0; k < DG_N_ARMS; k++) {
        snprintf(labels, sizeof labels, "arm=\"%s\"", dg_arm_name((dg_arm)k));
        l->requests[k] = dg_metrics_counter(m, "daogou_arm_requests_total", labels,
                                            "Requests answered from the model of each arm.");
        l->steps[k] = dg_metrics_counters(m, "daogou_lists_total", labels, "step",
                                          "Lists by the step of the ladder that made them.");
    }
}

dg_status dg_ledger_create(const dg_ledger_options *options, dg_arms *arms, dg_metrics *m,
                           dg_ledger **out, dg_err *err)
{
    dg_ledger *l = *out = dg_alloc(1, sizeof *l);
    if (l == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the server");
    l->o = *options;
    l->arms = arms;
    name_routes(l);
    make_series(l, m);
    return DG_OK;
}

void dg_ledger_destroy(dg_ledger **l)
{
    dg_free(*l);
    *l = NULL;
}

/* "2026-11-22T08:00:00.123Z" */
static const char *time_now(char out[32])
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    const size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
    return out;
}

static const char *status_text(int http)
{
    static const struct {
        int http;
        const char *text;
    } known[] = {{200, "200"}, {202, "202"}, {400, "400"}, {401, "401"}, {403, "403"},
                 {404, "404"}, {405, "405"}, {409, "409"}, {413, "413"}, {414, "414"},
                 {429, "429"}, {500, "500"}, {503, "503"}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (known[k].http == http) return known[k].text;
    return "other";
}

/* Method and path are told by the route alone: the path itself would name a user. */
static void write_access(dg_ledger *l, const dg_visit *v, double seconds, const char *code)
{
    char line[768], when[32];
    const dg_shift *shift = v->shift;
    const int n = snprintf(
        line, sizeof line,
        "{\"time\":\"%s\",\"request\":\"%s\",\"address\":\"%s\",\"token\":\"%s\",\"method\":\"%s\","
        "\"route\":\"%s\",\"status\":%d,\"code\":\"%s\",\"bytes\":%zu,\"us\":%.0f,\"version\":"
        "\"%s\",\"arm\":\"%s\"}",
        time_now(when), v->id, v->address, v->who.name, v->route == NULL ? "" : v->method,
        l->route[place(v->route)], v->http, code != NULL ? code : "", v->n_reply, 1e6 * seconds,
        shift != NULL ? dg_node_version(shift->node) : "",
        shift != NULL ? dg_arm_name(shift->arm) : "");
    if (n > 0 && (size_t)n < sizeof line) dg_journal_line(l->o.access, line, (size_t)n);
}

void dg_ledger_answered(dg_ledger *l, const dg_visit *v, const char *code)
{
    const double seconds = dg_now() - v->began;
    dg_observe(l->seconds[place(v->route)], seconds);
    dg_count_value(l->codes, status_text(v->http));
    if (code != NULL) dg_count_value(l->errors, code);
    if (v->shift != NULL) dg_count(l->requests[v->shift->arm], 1);
    if (l->o.access == NULL) return;
    if (code != NULL || atomic_fetch_add(&l->turn, 1) % l->o.access_every == 0)
        write_access(l, v, seconds, code);
}

static void add_user(const dg_ledger *l, dg_text *t, const char *id, size_t n)
{
    char pseudonym[DG_PSEUDONYM_SIZE];
    if (l->o.pseudonym == NULL) {
        dg_json_string(t, id, n);
        return;
    }
    dg_key_pseudonym(l->o.pseudonym, id, n, pseudonym);
    dg_json_string(t, pseudonym, sizeof pseudonym - 1);
}

static void add_policy(const dg_ledger *l, dg_text *t, const dg_visit *v)
{
    const dg_shift *shift = v->shift;
    const dg_split *split = dg_arms_split(l->arms);
    dg_json_member(t, "model", dg_node_artifact(shift->node)->name);
    dg_json_member(t, "version", dg_node_version(shift->node));
    dg_json_member(t, "arm", dg_arm_name(shift->arm));
    dg_json_member(t, "experiment", split->experiment != NULL ? split->experiment : "");
    dg_text_add(t, ",\"propensity\":%.9g", v->chance);
}

static void add_slate(dg_text *t, const dg_artifact *a, const dg_list *list)
{
    dg_json_member(t, "source", dg_source_name(list->source));
    if (list->reason != NULL) dg_json_member(t, "reason", list->reason);
    dg_text_add(t, ",\"items\":[");
    for (int k = 0; k < list->n; k++) {
        dg_text_add(t, "%s{\"item\":", k > 0 ? "," : "");
        dg_json_name(t, &a->item_id, list->hit[k].index);
        dg_text_add(t, ",\"position\":%d,\"score\":%.9g}", k + 1, (double)list->hit[k].score);
    }
    dg_text_add(t, "]}");
}

static void add_context(dg_text *t, const dg_request *r)
{
    const bool of_item = r->route->id[0] != NULL && strcmp(r->route->id[0], "item") == 0;
    dg_text_add(t, ",\"context\":{\"k\":%d,\"exclude_seen\":%s", r->k,
                r->exclude_seen ? "true" : "false");
    if (of_item || r->current.n > 0) {
        dg_text_add(t, ",\"item\":");
        dg_json_string(t, of_item ? r->id : r->current.at, of_item ? r->n_id : r->current.n);
    }
    if (r->n_scene > 0) {
        dg_text_add(t, ",\"scene\":");
        dg_json_string(t, r->scene, r->n_scene);
    }
    if (r->n_filter > 0) {
        dg_text_add(t, ",\"filter\":");
        dg_json_string(t, r->filter, r->n_filter);
    }
    dg_text_add(t, "}");
}

static void write_impression(dg_ledger *l, const dg_visit *v, const dg_request *r,
                             const dg_list *list, bool shown)
{
    char when[32];
    dg_text t = {0};
    size_t n_user;
    const char *user = dg_request_user(r, &n_user);
    dg_text_add(&t, "{\"v\":1,\"time\":\"%s\",\"request\":\"%s\",\"shown\":%s", time_now(when),
                v->id, shown ? "true" : "false");
    if (user != NULL && n_user > 0) {
        dg_text_add(&t, ",\"user\":");
        add_user(l, &t, user, n_user);
    }
    add_policy(l, &t, v);
    dg_json_member(&t, "route", l->route[place(v->route)]);
    add_context(&t, r);
    add_slate(&t, dg_node_artifact(v->shift->node), list);
    if (!t.failed) dg_journal_line(l->o.impressions, t.at, t.n);
    dg_text_free(&t);
}

void dg_ledger_listed(dg_ledger *l, const dg_visit *v, const dg_request *request,
                      const dg_list *list)
{
    dg_count_value(l->steps[v->shift->arm], dg_source_name(list->source));
    if (l->o.impressions != NULL) write_impression(l, v, request, list, true);
}

void dg_ledger_shadowed(dg_ledger *l, const dg_visit *v, const dg_request *request,
                        const dg_list *list)
{
    if (l->o.impressions != NULL) write_impression(l, v, request, list, false);
}
