#include "serve/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#include "serve/door.h"
#include "serve/later.h"
#include "serve/measure/process.h"
#include "serve/shadow.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAITING_THREADS = 16 }; /* as many requests' events are made durable together */

struct dg_server {
    dg_arms *arms;
    dg_gate *gate;
    dg_ledger *ledger;
    dg_later *later;                   /* answers that wait for a disk */
    dg_shadow *shadow;                 /* NULL: none */
    dg_metrics *metrics, *own_metrics; /* the second where the caller brought none */
    dg_counter *swaps[DG_N_ARMS], *refused[DG_N_ARMS];
    dg_status (*reload)(void *context, const char *who, dg_err *err);
    void *reloader;
    struct MHD_Daemon *daemon;
    dg_door *door;
    dg_watch *watch;
    atomic_int connections; /* that were let in and are not closed */
    atomic_int begun;       /* requests whose headers are in and whose answer is not all out */
    atomic_int answering;   /* those of them that are all in */
    atomic_bool stopping;
    char address[DG_ADDRESS_SIZE];
};

dg_server_options dg_server_defaults(void)
{
    cpu_set_t own;
    const int n = sched_getaffinity(0, sizeof own, &own) == 0 ? CPU_COUNT(&own) : 1;
    return (dg_server_options){.listen = "127.0.0.1:8080",
                               .socket = -1,
                               .threads = n < DG_MAX_THREADS ? n : DG_MAX_THREADS,
                               .phase_seconds = 15,
                               .per_address = DG_CONNECTIONS / 3,
                               .gate = {.longest_wait = 0.5, .body_bytes = DG_BODIES_BYTES},
                               .ledger = {.access_every = 1}};
}

const char *dg_server_address(const dg_server *s) { return s->address; }

static dg_visit *visit_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static void add_headers(struct MHD_Response *response, const dg_visit *v, const dg_reply *reply)
{
    char seconds[16];
    MHD_add_response_header(response, "Content-Type",
                            reply->type != NULL ? reply->type : "application/json; charset=utf-8");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Request-Id", v->id);
    if (reply->allow != NULL) MHD_add_response_header(response, "Allow", reply->allow);
    if (reply->http == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (reply->retry_after > 0) {
        snprintf(seconds, sizeof seconds, "%d", reply->retry_after);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (v->last) MHD_add_response_header(response, "Connection", "close");
}

static enum MHD_Result send_reply(dg_server *s, struct MHD_Connection *connection, dg_visit *v,
                                  dg_reply reply)
{
    void *body = (void *)(uintptr_t)reply.body; /* only read: the library's interface lacks const */
    struct MHD_Response *response =
        reply.owned != NULL
            ? MHD_create_response_from_buffer_with_free_callback(reply.n, body, dg_free)
            : MHD_create_response_from_buffer(reply.n, body, MHD_RESPMEM_PERSISTENT);
    v->http = reply.http;
    v->n_reply = reply.n;
    dg_ledger_answered(s->ledger, v, reply.code);
    if (response == NULL) {
        dg_free(reply.owned);
        return MHD_NO;
    }
    add_headers(response, v, &reply);
    const enum MHD_Result queued = MHD_queue_response(connection, (unsigned)reply.http, response);
    MHD_destroy_response(response);
    return queued;
}

/* Gathers the query into a request; stops at the first refusal. */
typedef struct gathering {
    dg_request *request;
    dg_refusal *no;
    bool good;
} gathering;

static enum MHD_Result gather(void *context, enum MHD_ValueKind kind, const char *key, size_t n_key,
                              const char *value, size_t n_value)
{
    gathering *g = context;
    (void)kind;
    g->good = dg_request_option(g->request, key, n_key, value, n_value, g->no);
    return g->good ? MHD_YES : MHD_NO;
}

/* Who hears of a list, and of whose request it is. */
typedef struct hearing {
    dg_server *server;
    const dg_visit *visit;
} hearing;

static void hear(void *context, const dg_request *request, const struct dg_list *list)
{
    const hearing *h = context;
    dg_ledger_listed(h->server->ledger, h->visit, request, list);
    dg_shadow_offer(h->server->shadow, h->visit, request, list);
}

static dg_reply answer_from_model(dg_server *s, dg_visit *v, dg_request *request)
{
    size_t n;
    const char *user = dg_request_user(request, &n);
    hearing h = {s, v};
    request->hear = hear;
    request->hearer = &h;
    request->name = v->id;
    v->shift = dg_arms_take(s->arms, user, n, &v->chance);
    return dg_node_answer(v->shift->node, request);
}

static dg_reply answer_metrics(dg_server *s)
{
    dg_text page = {0};
    dg_metrics_page(s->metrics, &page);
    dg_reply reply = dg_reply_take(200, &page);
    if (reply.http == 200) reply.type = "text/plain; version=0.0.4; charset=utf-8";
    return reply;
}

static dg_reply answer_reload(dg_server *s, const dg_visit *v)
{
    static const char done[] = "{\"status\":\"reloaded\"}";
    dg_err err;
    if (s->reload == NULL || s->reload(s->reloader, v->who.name, &err) == DG_OK)
        return dg_reply_borrow(200, done, sizeof done - 1);
    return dg_reply_refuse(409, "not_reloaded", "%s", err.text);
}

/* What is asked of the server and not of a model. */
static dg_reply answer_itself(dg_server *s, const dg_visit *v, const dg_request *request)
{
    return strcmp(request->route->path, "/metrics") == 0 ? answer_metrics(s) : answer_reload(s, v);
}

static dg_reply answer(dg_server *s, dg_visit *v, struct MHD_Connection *connection,
                       const char *method, const char *path)
{
    dg_request request;
    dg_refusal no;
    gathering g = {&request, &no, dg_request_start(&request, method, path, &no)};
    if (!g.good) return dg_reply_refusal(&no);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, gather, &g);
    if (g.good && request.route->body > 0 && (v->n_body > 0 || request.route->answer != NULL))
        g.good = dg_request_body(&request, v->body != NULL ? v->body : "", v->n_body, &no);
    if (g.good && !request.route->while_stopping && v->last)
        g.good = dg_refuse(&no, 503, "stopping", "this node is stopping");
    const dg_reply reply = !g.good                         ? dg_reply_refusal(&no)
                           : request.route->answer == NULL ? answer_itself(s, v, &request)
                                                           : answer_from_model(s, v, &request);
    dg_request_close(&request);
    return reply;
}

/* How much body is to come; refused before it is read where that is too much or not said. */
static bool body_fits(struct MHD_Connection *connection, size_t most, int64_t *n, dg_refusal *no)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    *n = 0;
    if (MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") == NULL &&
        (length == NULL ||
         (dg_parse_int64(length, strlen(length), n) && *n >= 0 && *n <= (int64_t)most)))
        return true;
    return dg_refuse(no, 413, "body_too_large",
                     "a request body must state its length, of at most %zu bytes", most);
}

/* Let a request in and make room for a body that is wanted; any other is skipped. */
static bool admit(dg_server *s, dg_visit *v, struct MHD_Connection *connection, dg_refusal *no)
{
    int64_t n;
    dg_refusal too_large;
    const size_t wanted = v->route != NULL ? v->route->body : 0;
    const bool fits = body_fits(connection, wanted > 0 ? wanted : DG_BODY_BYTES, &n, &too_large);
    const size_t room = fits && wanted > 0 ? (size_t)n : 0;
    const char *shown = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    if (!dg_gate_admit(s->gate, v, shown, room, no)) return false;
    if (!fits) {
        *no = too_large;
        return false;
    }
    v->room = room; /* given back with the request */
    if (room == 0 || (v->body = dg_alloc(room, 1)) != NULL) return true;
    return dg_refuse(no, 500, "out_of_memory", "out of memory");
}

static bool brings_body(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

/* The headers are in. A refusal now ends the connection, as the library reads no more of it: right
 * where a body would come, else it waits until the request is at its end. */
static enum MHD_Result begin(dg_server *s, dg_visit *v, struct MHD_Connection *connection,
                             const char *method, const char *path)
{
    dg_refusal no, later; /* a path that is not there is told when the request is all in */
    v->begun = true;
    atomic_fetch_add(&s->begun, 1);
    v->began = dg_now();
    v->method = method;
    v->route = dg_route_find(method, path, &later);
    dg_visit_name(v, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Request-Id"));
    if (admit(s, v, connection, &no)) return MHD_YES;
    const dg_reply reply = dg_reply_refusal(&no);
    if (brings_body(connection)) return send_reply(s, connection, v, reply);
    v->refusal = reply;
    return MHD_YES;
}

/* The next piece of a body. */
static void receive(dg_visit *v, const char *piece, size_t n)
{
    if (v->body == NULL) return;
    if (n > v->room - v->n_body) n = v->room - v->n_body; /* the library never brings more */
    memcpy(v->body + v->n_body, piece, n);
    v->n_body += n;
}

static void drop_body(dg_server *s, dg_visit *v)
{
    dg_gate_leave(s->gate, v->room);
    dg_free(v->body);
    v->body = NULL;
    v->room = 0;
}

/* By a thread that may wait. */
static void answer_late(void *context, void *of)
{
    dg_visit *v = of;
    v->reply = answer(context, v, v->connection, v->method, v->path);
    v->replied = true;
    MHD_resume_connection(v->connection);
}

/* Hand a request that is all in to those threads; `handle` is called once more when they have the
 * answer. */
static enum MHD_Result wait_for_disk(dg_server *s, dg_visit *v, struct MHD_Connection *connection,
                                     const char *path)
{
    v->connection = connection;
    v->path = path;
    MHD_suspend_connection(connection);
    if (!dg_later_put(s->later, v)) answer_late(s, v); /* about to stop: there is no hurry */
    return MHD_YES;
}

/* Called with the headers, then with each piece of the body, then once more at its end. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *piece,
                              size_t *n_piece, void **request)
{
    dg_server *s = context;
    dg_visit *v = visit_of(connection);
    (void)version;
    if (v == NULL) return MHD_NO; /* no memory for it when the connection came */
    *request = v;
    v->last = atomic_load(&s->stopping); /* asked once: an answer agrees with its headers */
    if (!v->begun) return begin(s, v, connection, method, path);
    if (*n_piece > 0) {
        receive(v, piece, *n_piece);
        *n_piece = 0;
        return MHD_YES;
    }
    if (v->replied) {
        v->replied = false;
        drop_body(s, v);
        return send_reply(s, connection, v, v->reply);
    }
    if (v->room > 0) v->began = dg_now(); /* what came before was the client's time */
    v->answering = true;
    atomic_fetch_add(&s->answering, 1);
    dg_watch_touch(v->watched);
    if (v->refusal.http == 0 && v->route != NULL && v->route->waits)
        return wait_for_disk(s, v, connection, path);
    const dg_reply reply =
        v->refusal.http != 0 ? v->refusal : answer(s, v, connection, method, path);
    v->refusal = (dg_reply){.http = 0};
    drop_body(s, v);
    return send_reply(s, connection, v, reply);
}

static void request_done(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    dg_server *s = context;
    dg_visit *v = visit_of(connection);
    (void)why;
    *request = NULL;
    if (v == NULL) return;
    dg_watch_touch(v->watched);
    dg_arms_leave(s->arms, v->shift);
    drop_body(s, v);
    dg_free(v->refusal.owned);
    if (v->replied) dg_free(v->reply.owned);
    if (v->answering) atomic_fetch_sub(&s->answering, 1);
    if (v->begun) atomic_fetch_sub(&s->begun, 1);
    dg_visit_next(v);
}

static void connection_changed(void *context, struct MHD_Connection *connection, void **own,
                               enum MHD_ConnectionNotificationCode what)
{
    dg_server *s = context;
    dg_visit *v = *own;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *fd =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        const union MHD_ConnectionInfo *from =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        *own = v = fd != NULL ? dg_alloc(1, sizeof *v) : NULL;
        if (v == NULL) return;
        dg_visit_start(v, fd->connect_fd, from != NULL ? from->client_addr : NULL);
        v->watched = dg_watch_enter(s->watch, fd->connect_fd);
        return;
    }
    if (v != NULL) {
        dg_watch_leave(s->watch, v->watched);
        dg_free(v);
    }
    *own = NULL;
    atomic_fetch_sub(&s->connections, 1); /* last: another may come in now */
}

/* The library would decode %XX in place, and with it the difference between / and %2F. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *s)
{
    (void)context, (void)connection;
    return strlen(s);
}

/* An option that is not wanted takes no place. */
static struct MHD_Daemon *start_daemon(dg_server *s, const dg_server_options *o)
{
    const unsigned idle = (unsigned)o->phase_seconds + 1; /* the watch is the sharper limit */
    /* The door keeps the limit; here it is by thread, and none shall refuse what the door let in.
     */
    const unsigned most = (unsigned)(DG_CONNECTIONS * o->threads);
    struct MHD_OptionItem more[8];
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET |
                     MHD_ALLOW_SUSPEND_RESUME;
    int n = 0;
    if (o->threads > 1)
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, o->threads, NULL};
    if (o->per_address > 0)
        more[n++] =
            (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->per_address, NULL};
    if (o->tls != NULL) {
        flags |= MHD_USE_TLS;
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, DG_TLS_PRIORITIES};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
                                            (void *)(uintptr_t)dg_tls_retrieve};
        if (dg_tls_client_ca(o->tls) != NULL)
            more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0,
                                                (void *)(uintptr_t)dg_tls_client_ca(o->tls)};
    }
    more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(flags, 0, NULL, NULL, handle, s, MHD_OPTION_CONNECTION_LIMIT, most,
                            MHD_OPTION_CONNECTION_TIMEOUT, idle, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)DG_HEADER_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                            MHD_OPTION_NOTIFY_COMPLETED, request_done, s,
                            MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s, MHD_OPTION_ARRAY,
                            more, MHD_OPTION_END);
}

static bool has_room(void *context)
{
    const dg_server *s = context;
    return atomic_load(&s->connections) < DG_CONNECTIONS;
}

/* The library deals sockets out to its threads in turn, and closes what it does not take. */
static void enter(void *context, int fd, const struct sockaddr *from, socklen_t n)
{
    dg_server *s = context;
    atomic_fetch_add(&s->connections, 1);
    if (MHD_add_connection(s->daemon, fd, from, n) == MHD_NO) atomic_fetch_sub(&s->connections, 1);
}

static void write_model(dg_server *s, dg_arm arm, dg_text *page)
{
    dg_shift *shift = dg_arms_take_arm(s->arms, arm);
    if (shift == NULL) return;
    const dg_artifact *a = dg_node_artifact(shift->node);
    dg_text_add(page, "daogou_model_info{arm=\"%s\",model=\"", dg_arm_name(arm));
    dg_metrics_label(page, a->name, strlen(a->name));
    dg_text_add(page, "\",version=\"%s\",algorithm=\"%s\"} %.3f\n", dg_node_version(shift->node),
                a->algorithm, shift->since);
    dg_arms_leave(s->arms, shift);
}

static void write_lives(dg_server *s, dg_text *page)
{
    dg_node_lives of[DG_N_ARMS] = {0};
    for (int arm = 0; arm < DG_N_ARMS; arm++) {
        dg_shift *shift = dg_arms_take_arm(s->arms, (dg_arm)arm);
        if (shift != NULL) of[arm] = dg_node_look(shift->node);
        dg_arms_leave(s->arms, shift);
    }
    dg_metrics_family(page, "daogou_live_users", "gauge", "Users with events kept in memory.");
    for (int arm = 0; arm < DG_N_ARMS; arm++)
        dg_text_add(page, "daogou_live_users{arm=\"%s\"} %zu\n", dg_arm_name((dg_arm)arm),
                    of[arm].users);
    dg_metrics_family(page, "daogou_live_bytes", "gauge", "Memory they take.");
    for (int arm = 0; arm < DG_N_ARMS; arm++)
        dg_text_add(page, "daogou_live_bytes{arm=\"%s\"} %zu\n", dg_arm_name((dg_arm)arm),
                    of[arm].bytes);
    dg_metrics_family(page, "daogou_folds", "gauge",
                      "Events folded in by the model that answers now.");
    for (int arm = 0; arm < DG_N_ARMS; arm++)
        dg_text_add(page, "daogou_folds{arm=\"%s\"} %" PRIu64 "\n", dg_arm_name((dg_arm)arm),
                    of[arm].folds);
}

/* What is read of the server when its page is made. */
static void write_state(void *context, dg_text *page)
{
    dg_server *s = context;
    dg_metrics_family(
        page, "daogou_model_info", "gauge",
        "The models that answer; the value is when each came, in seconds since 1970.");
    for (int arm = 0; arm < DG_N_ARMS; arm++) write_model(s, (dg_arm)arm, page);
    write_lives(s, page);
    dg_metrics_family(page, "daogou_connections", "gauge", "Connections that are open.");
    dg_text_add(page, "daogou_connections %d\n", atomic_load(&s->connections));
    dg_metrics_family(page, "daogou_answering", "gauge",
                      "Requests that are in and whose answer is not out.");
    dg_text_add(page, "daogou_answering %d\n", atomic_load(&s->answering));
    dg_metrics_family(page, "daogou_ready", "gauge", "1 while more requests are wanted.");
    dg_text_add(page, "daogou_ready %d\n", atomic_load(&s->stopping) ? 0 : 1);
}

static dg_status make_metrics(dg_server *s, dg_metrics *given, dg_err *err)
{
    char labels[32];
    const dg_status st = given != NULL ? DG_OK : dg_metrics_create(&s->own_metrics, err);
    if (st != DG_OK) return st;
    s->metrics = given != NULL ? given : s->own_metrics;
    for (int arm = 0; arm < DG_N_ARMS; arm++) {
        snprintf(labels, sizeof labels, "arm=\"%s\"", dg_arm_name((dg_arm)arm));
        s->swaps[arm] = dg_metrics_counter(s->metrics, "daogou_swaps_total", labels,
                                           "Models put in place of others while serving.");
        s->refused[arm] = dg_metrics_counter(s->metrics, "daogou_refused_versions_total", labels,
                                             "Versions that could not be served.");
    }
    dg_process_metrics(s->metrics);
    dg_metrics_collect(s->metrics, write_state, s);
    return DG_OK;
}

static void free_server(dg_server *s)
{
    if (s == NULL) return;
    dg_watch_destroy(&s->watch);
    dg_later_destroy(&s->later);
    dg_shadow_stop(&s->shadow);
    dg_ledger_destroy(&s->ledger);
    dg_gate_destroy(&s->gate);
    dg_arms_destroy(&s->arms);
    dg_metrics_destroy(&s->own_metrics);
    dg_free(s);
}

static dg_status assemble(dg_server *s, const dg_node *node, const dg_server_options *o,
                          dg_err *err)
{
    s->reload = o->reload;
    s->reloader = o->reloader;
    dg_status st = make_metrics(s, o->metrics, err);
    if (st == DG_OK) st = dg_arms_create(node, &o->split, &s->arms, err);
    if (st == DG_OK) st = dg_gate_create(&o->gate, s->metrics, &s->gate, err);
    if (st == DG_OK) st = dg_ledger_create(&o->ledger, s->arms, s->metrics, &s->ledger, err);
    if (st == DG_OK && o->split.shadow)
        st = dg_shadow_start(s->arms, s->ledger, s->metrics, &s->shadow, err);
    if (st == DG_OK)
        st = dg_later_start(WAITING_THREADS, DG_CONNECTIONS, answer_late, s, &s->later, err);
    if (st == DG_OK) st = dg_watch_create(DG_CONNECTIONS, o->phase_seconds, &s->watch, err);
    if (st == DG_OK) st = dg_metrics_made(s->metrics, err);
    return st;
}

/* The address, where the caller has not taken one. */
static dg_status take_socket(dg_server *s, const dg_server_options *o, int *fd, dg_err *err)
{
    *fd = o->socket;
    return *fd < 0 ? dg_listen_bind(o->listen, fd, s->address, err)
                   : dg_listen_show(*fd, s->address, err);
}

dg_status dg_server_start(const dg_node *node, const dg_server_options *options, dg_server **out,
                          dg_err *err)
{
    int fd = options->socket;
    *out = NULL;
    dg_server *s = dg_alloc(1, sizeof *s);
    dg_status st = DG_OK;
    if (options->threads < 1 || options->threads > DG_MAX_THREADS)
        st = DG_FAIL(err, DG_ERR_USAGE, "%d threads: must be 1 to %d", options->threads,
                     DG_MAX_THREADS);
    else if (s == NULL)
        st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the server");
    if (st == DG_OK) st = assemble(s, node, options, err);
    if (st == DG_OK) st = take_socket(s, options, &fd, err);
    if (st == DG_OK && (s->daemon = start_daemon(s, options)) == NULL)
        st = DG_FAIL(err, DG_ERR_IO, "cannot start %d threads to answer on %s", options->threads,
                     s->address);
    if (st == DG_OK) st = dg_listen_begin(fd, s->address, err);
    if (st == DG_OK) {
        const dg_doorkeeper keeper = {has_room, enter, s};
        st = dg_door_open(fd, &keeper, &s->door, err);
        fd = -1;
    }
    if (st != DG_OK) {
        if (fd >= 0) close(fd);
        if (s != NULL && s->daemon != NULL) MHD_stop_daemon(s->daemon);
        free_server(s);
        return st;
    }
    *out = s;
    return DG_OK;
}

dg_status dg_server_swap(dg_server *s, dg_arm arm, dg_node **node, dg_err *err)
{
    const dg_status st = dg_arms_swap(s->arms, arm, node, err);
    if (st == DG_OK) dg_count(s->swaps[arm], 1);
    return st;
}

void dg_server_refused(dg_server *s, dg_arm arm) { dg_count(s->refused[arm], 1); }

/* Requests that have begun get their answer. A connection with none is cut after a moment in which
 * one on its way can still arrive; it may also belong to a client that is long gone. */
static void drain(const dg_server *s, double patience)
{
    static const double moment = 1;
    const struct timespec nap = {.tv_nsec = 5000000};
    const double begin = dg_now();
    for (double waited = 0; waited < patience; waited = dg_now() - begin) {
        if (atomic_load(&s->connections) == 0) return;
        if (atomic_load(&s->begun) == 0 && waited > moment) return;
        nanosleep(&nap, NULL);
    }
}

void dg_server_stop(dg_server **s, double patience)
{
    if (*s == NULL) return;
    atomic_store(&(*s)->stopping, true);
    dg_door_close(&(*s)->door);
    drain(*s, patience);
    dg_later_stop((*s)->later); /* none may be suspended when the library stops */
    MHD_stop_daemon((*s)->daemon);
    free_server(*s);
    *s = NULL;
}
