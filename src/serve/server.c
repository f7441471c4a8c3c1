#include "serve/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "serve/watch.h"

#include <microhttpd.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How far a request has come. What the library keeps for us of a request begins with it: nothing
 * else, or an upload, or the shift that answers it. */
typedef enum dg_stage { DG_RECEIVING, DG_UPLOADING, DG_ANSWERING } dg_stage;

/* A body that is wanted, while it comes in. */
typedef struct dg_upload {
    dg_stage stage; /* DG_UPLOADING */
    size_t n, room;
    char at[]; /* (room,) as the client said it would send */
} dg_upload;

/* A node while it is answered from: by the server, and by each answer on its way. */
typedef struct dg_shift {
    dg_stage stage; /* DG_ANSWERING */
    const dg_node *node;
    dg_node *owned; /* the same where the server closes it; NULL for the node of the start */
    int users;      /* guarded by the server's lock */
} dg_shift;

struct dg_server {
    dg_shift *shift; /* the one that answers now; guarded by lock */
    pthread_mutex_t lock;
    struct MHD_Daemon *daemon;
    dg_watch *watch;
    atomic_int answering; /* requests that are all in and whose answer is not all out */
    atomic_bool stopping;
    char address[DG_ADDRESS_SIZE];
};

dg_server_options dg_server_defaults(void)
{
    cpu_set_t own;
    const int n = sched_getaffinity(0, sizeof own, &own) == 0 ? CPU_COUNT(&own) : 1;
    return (dg_server_options){.listen = "127.0.0.1:8080",
                               .threads = n < DG_MAX_THREADS ? n : DG_MAX_THREADS,
                               .phase_seconds = 15};
}

const char *dg_server_address(const dg_server *s) { return s->address; }

static dg_watched *watched(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static enum MHD_Result send_reply(dg_server *s, struct MHD_Connection *connection, dg_reply reply)
{
    void *body = (void *)(uintptr_t)reply.body; /* only read: the library's interface lacks const */
    struct MHD_Response *response =
        reply.owned != NULL
            ? MHD_create_response_from_buffer_with_free_callback(reply.n, body, dg_free)
            : MHD_create_response_from_buffer(reply.n, body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        dg_free(reply.owned);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", "application/json; charset=utf-8");
    if (reply.allow != NULL) MHD_add_response_header(response, "Allow", reply.allow);
    if (atomic_load(&s->stopping)) MHD_add_response_header(response, "Connection", "close");
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

static dg_reply answer(dg_server *s, const dg_node *node, struct MHD_Connection *connection,
                       const char *method, const char *path, const dg_upload *upload)
{
    dg_request request;
    dg_refusal no;
    gathering g = {&request, &no, dg_request_start(&request, method, path, &no)};
    if (!g.good) return dg_reply_refusal(&no);
    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, gather, &g);
    if (g.good && request.route->body > 0)
        g.good = dg_request_body(&request, upload != NULL ? upload->at : "",
                                 upload != NULL ? upload->n : 0, &no);
    if (g.good && !request.route->while_stopping && atomic_load(&s->stopping))
        g.good = dg_refuse(&no, 503, "stopping", "this node is stopping");
    const dg_reply reply = g.good ? dg_node_answer(node, &request) : dg_reply_refusal(&no);
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

/* The headers are in: make room for a body that is wanted, any other is skipped. */
static bool expect(struct MHD_Connection *connection, const char *method, const char *path,
                   void **request, dg_refusal *no)
{
    static dg_stage receiving = DG_RECEIVING;
    dg_refusal later; /* told when the request is all in */
    int64_t n;
    const dg_route *route = dg_route_find(method, path, &later);
    const size_t wanted = route != NULL ? route->body : 0;
    *request = &receiving;
    if (!body_fits(connection, wanted > 0 ? wanted : DG_BODY_BYTES, &n, no)) return false;
    if (wanted == 0 || n == 0) return true;
    dg_upload *upload = dg_alloc(1, sizeof *upload + (size_t)n);
    if (upload == NULL) return dg_refuse(no, 500, "out_of_memory", "out of memory");
    *upload = (dg_upload){.stage = DG_UPLOADING, .room = (size_t)n};
    *request = upload;
    return true;
}

static dg_upload *upload_of(void *request)
{
    return *(const dg_stage *)request == DG_UPLOADING ? request : NULL;
}

static dg_shift *take_shift(dg_server *s)
{
    pthread_mutex_lock(&s->lock);
    dg_shift *shift = s->shift;
    shift->users++;
    pthread_mutex_unlock(&s->lock);
    return shift;
}

/* The last one out closes the node: a reply may stand in its memory. */
static void leave_shift(dg_server *s, dg_shift *shift)
{
    pthread_mutex_lock(&s->lock);
    const bool last = --shift->users == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last) return;
    dg_node_close(&shift->owned);
    dg_free(shift);
}

/* The next piece of a body. */
static void receive(void *request, const char *piece, size_t n)
{
    dg_upload *upload = upload_of(request);
    if (upload == NULL) return;
    if (n > upload->room - upload->n) n = upload->room - upload->n; /* the library never says so */
    memcpy(upload->at + upload->n, piece, n);
    upload->n += n;
}

/* Called with the headers, then with each piece of the body, then once more at its end. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *piece,
                              size_t *n_piece, void **request)
{
    dg_server *s = context;
    (void)version;
    if (*request == NULL) {
        dg_refusal no;
        if (expect(connection, method, path, request, &no)) return MHD_YES;
        return send_reply(s, connection, dg_reply_refusal(&no));
    }
    if (*n_piece > 0) {
        receive(*request, piece, *n_piece);
        *n_piece = 0;
        return MHD_YES;
    }
    dg_upload *upload = upload_of(*request);
    dg_shift *shift = take_shift(s);
    *request = shift;
    atomic_fetch_add(&s->answering, 1);
    dg_watch_touch(watched(connection));
    const dg_reply reply = answer(s, shift->node, connection, method, path, upload);
    dg_free(upload);
    return send_reply(s, connection, reply);
}

static void request_done(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    dg_server *s = context;
    (void)why;
    dg_watch_touch(watched(connection));
    if (*request != NULL && *(const dg_stage *)*request == DG_ANSWERING) {
        leave_shift(s, *request);
        atomic_fetch_sub(&s->answering, 1);
    } else if (*request != NULL) {
        dg_free(upload_of(*request));
    }
    *request = NULL;
}

static void connection_changed(void *context, struct MHD_Connection *connection, void **own,
                               enum MHD_ConnectionNotificationCode what)
{
    dg_server *s = context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *own = info == NULL ? NULL : dg_watch_enter(s->watch, info->connect_fd);
    } else {
        dg_watch_leave(s->watch, *own);
        *own = NULL;
    }
}

/* The library would decode %XX in place, and with it the difference between / and %2F. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *s)
{
    (void)context, (void)connection;
    return strlen(s);
}

static struct MHD_Daemon *start_daemon(dg_server *s, int fd, const dg_server_options *o)
{
    const unsigned idle = (unsigned)o->phase_seconds + 1; /* the watch is the sharper limit */
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, handle, s,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)(o->threads > 1 ? o->threads : 0), MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)DG_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, idle,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)DG_HEADER_BYTES, MHD_OPTION_STRICT_FOR_CLIENT,
        1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        request_done, s, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s, MHD_OPTION_END);
}

static void free_server(dg_server *s)
{
    leave_shift(s, s->shift);
    pthread_mutex_destroy(&s->lock);
    dg_free(s);
}

dg_status dg_server_start(const dg_node *node, const dg_server_options *options, dg_server **out,
                          dg_err *err)
{
    int fd;
    *out = NULL;
    if (options->threads < 1 || options->threads > DG_MAX_THREADS)
        return DG_FAIL(err, DG_ERR_USAGE, "%d threads: must be 1 to %d", options->threads,
                       DG_MAX_THREADS);
    dg_server *s = dg_alloc(1, sizeof *s);
    if (s == NULL || (s->shift = dg_alloc(1, sizeof *s->shift)) == NULL) {
        dg_free(s);
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the server");
    }
    *s->shift = (dg_shift){.stage = DG_ANSWERING, .node = node, .users = 1};
    pthread_mutex_init(&s->lock, NULL);
    dg_status st = dg_watch_create(DG_CONNECTIONS, options->phase_seconds, &s->watch, err);
    if (st == DG_OK) st = dg_listen(options->listen, &fd, s->address, err);
    if (st == DG_OK && (s->daemon = start_daemon(s, fd, options)) == NULL) {
        close(fd);
        st = DG_FAIL(err, DG_ERR_IO, "cannot start %d threads to answer on %s", options->threads,
                     s->address);
    }
    if (st != DG_OK) {
        dg_watch_destroy(&s->watch);
        free_server(s);
        return st;
    }
    *out = s;
    return DG_OK;
}

dg_status dg_server_swap(dg_server *s, dg_node **node, dg_err *err)
{
    dg_shift *fresh = dg_alloc(1, sizeof *fresh);
    if (fresh == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for another model");
    *fresh = (dg_shift){.stage = DG_ANSWERING, .node = *node, .owned = *node, .users = 1};
    *node = NULL;
    pthread_mutex_lock(&s->lock);
    dg_shift *before = s->shift;
    s->shift = fresh;
    pthread_mutex_unlock(&s->lock);
    leave_shift(s, before);
    return DG_OK;
}

static unsigned connections(const dg_server *s)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL ? 0 : info->num_connections;
}

/* Requests that are in get their answer. A connection with none is cut after a moment in which one
 * on its way can still arrive; it may also belong to a client that is long gone. */
static void drain(const dg_server *s, double patience)
{
    static const double moment = 1;
    const struct timespec nap = {.tv_nsec = 5000000};
    const double begin = dg_now();
    for (double waited = 0; waited < patience; waited = dg_now() - begin) {
        if (connections(s) == 0) return;
        if (atomic_load(&s->answering) == 0 && waited > moment) return;
        nanosleep(&nap, NULL);
    }
}

void dg_server_stop(dg_server **s, double patience)
{
    if (*s == NULL) return;
    atomic_store(&(*s)->stopping, true);
    const int fd = MHD_quiesce_daemon((*s)->daemon);
    drain(*s, patience);
    MHD_stop_daemon((*s)->daemon);
    if (fd >= 0) close(fd);
    dg_watch_destroy(&(*s)->watch);
    free_server(*s);
    *s = NULL;
}
