/* daogou-serve - the serving node: maps one artifact, or a registry's champion, and answers HTTP
 * until told to stop. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/daogou_serve_line.h"
#include "dense/blas.h"
#include "serve/follow.h"
#include "serve/guard/audit.h"
#include "serve/guard/sandbox.h"
#include "serve/live/eventstore.h"
#include "serve/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double patience = 10; /* seconds for requests in flight when told to stop */

/* All that one process serves with. Made from the top down, taken apart from the bottom up. */
typedef struct service {
    const dg_serve_line *line;
    dg_server_options options; /* as the line gave them, with what was opened for them */
    int notify;                /* a service manager, or -1 */
    dg_tls *tls;
    dg_tokens *tokens;
    dg_journal *access, *impressions;
    dg_audit *audit;
    dg_key pseudonym;
    dg_keyring trusted;
    dg_key key;
    dg_access demands; /* what is asked of artifacts, by the keys above */
    dg_metrics *metrics;
    dg_eventstore *events;
    dg_node *node;
    dg_server *server;
    dg_follow *follow;
    pthread_mutex_t reloading;
} service;

static int fail(dg_status st, const dg_err *err)
{
    fprintf(stderr, "daogou-serve: %s\n", err->text);
    if (err->hint[0] != '\0') fprintf(stderr, "hint: %s\n", err->hint);
    return dg_status_exit(st);
}

static void warn(const char *event, const dg_err *err)
{
    dg_log(DG_LOG_WARN, event, "daogou-serve: %s", err->text);
}

/* Beyond this machine anybody on the way could read and ask: both must be kept from them. */
static dg_status check_exposure(const dg_serve_line *l, const char *address, dg_err *err)
{
    const bool closed = l->tokens != NULL || l->tls.client_ca != NULL;
    if (l->insecure || dg_address_is_loopback(address) || (closed && l->tls.cert != NULL))
        return DG_OK;
    DG_FAIL(err, DG_ERR_CONFIG, "%s can be reached from other machines, %s", address,
            closed ? "where tokens would be read off the wire without TLS"
                   : "where anybody could ask without --tokens or --tls-client-ca");
    return dg_err_hint(err, DG_ERR_CONFIG,
                       "give --tokens, --tls-cert and --tls-key; or --insecure where something in "
                       "front of it sees to that");
}

/* The port and the private key may need more rights than serving does. */
static dg_status take_what_needs_rights(service *s, dg_err *err)
{
    const dg_serve_line *l = s->line;
    char address[DG_ADDRESS_SIZE];
    dg_status st = DG_OK;
    s->notify = dg_notify_open();
    if (l->tls.cert != NULL) st = dg_tls_open(&l->tls, &s->tls, err);
    if (st == DG_OK) st = dg_listen_bind(l->server.listen, &s->options.socket, address, err);
    if (st == DG_OK) st = check_exposure(l, address, err);
    if (st == DG_OK && l->user != NULL) st = dg_sandbox_user(l->user, err);
    return st;
}

static dg_status read_pseudonym_key(service *s, dg_err *err)
{
    const char *path = s->line->pseudonym_key;
    if (path == NULL) return DG_OK;
    s->options.ledger.pseudonym = &s->pseudonym;
    return dg_key_read(path, DG_KEY_PSEUDONYM, &s->pseudonym, err);
}

static dg_status read_artifact_keys(service *s, dg_err *err)
{
    const dg_serve_line *l = s->line;
    dg_status st = DG_OK;
    if (l->trusted_keys != NULL) st = dg_keyring_read(l->trusted_keys, &s->trusted, err);
    if (l->trusted_keys != NULL) s->demands.trusted = &s->trusted;
    if (st == DG_OK && l->encryption_key != NULL)
        st = dg_key_read(l->encryption_key, DG_KEY_ENCRYPT, &s->key, err);
    if (l->encryption_key != NULL) s->demands.decrypt = &s->key;
    return st;
}

static dg_status open_events(service *s, dg_err *err)
{
    char shown[32];
    int64_t n, cut;
    if (s->line->events == NULL) return DG_OK;
    const double started = dg_now();
    const dg_status st = dg_eventstore_open(s->line->events, &s->events, &n, &cut, err);
    if (st != DG_OK) return st;
    dg_log(DG_LOG_INFO, "events", "daogou-serve: %s: %s events (read in %.2f s)", s->line->events,
           dg_show_count(n, shown, sizeof shown), dg_now() - started);
    if (cut > 0)
        dg_log(DG_LOG_WARN, "events-cut",
               "daogou-serve: %s: %" PRId64 " bytes of an unfinished end were cut off",
               s->line->events, cut);
    return DG_OK;
}

static dg_status open_files(service *s, dg_err *err)
{
    const dg_serve_line *l = s->line;
    dg_status st = DG_OK;
    if (l->tokens != NULL) st = dg_tokens_open(l->tokens, &s->tokens, err);
    if (st == DG_OK && l->access != NULL) st = dg_journal_open(l->access, &s->access, err);
    if (st == DG_OK && l->impressions != NULL)
        st = dg_journal_open(l->impressions, &s->impressions, err);
    if (st == DG_OK && l->audit != NULL) st = dg_audit_open(l->audit, &s->audit, err);
    if (st == DG_OK) st = open_events(s, err);
    if (st == DG_OK) st = read_pseudonym_key(s, err);
    if (st == DG_OK) st = read_artifact_keys(s, err);
    s->options.tls = s->tls;
    s->options.gate.tokens = s->tokens;
    s->options.ledger.access = s->access;
    s->options.ledger.impressions = s->impressions;
    return st;
}

static dg_status give_up_rights(const service *s, dg_err *err)
{
    bool filtered;
    if (!s->line->sandbox) return DG_OK;
    const dg_status st = dg_sandbox_enter(&filtered, err);
    if (st == DG_OK && !filtered)
        dg_log(DG_LOG_DEBUG, "unfiltered", "daogou-serve: no filter of system calls here");
    return st;
}

static void write_events(const service *s, dg_text *page)
{
    const dg_eventstore_figures now = dg_eventstore_look(s->events);
    dg_metrics_family(page, "daogou_events_total", "counter", "Events by what became of them.");
    dg_text_add(page,
                "daogou_events_total{result=\"accepted\"} %" PRIu64
                "\ndaogou_events_total{result=\"duplicate\"} %" PRIu64
                "\ndaogou_events_total{result=\"refused\"} %" PRIu64 "\n",
                now.accepted, now.duplicates, now.refused);
    dg_metrics_family(page, "daogou_event_users", "gauge", "Users with events in the log.");
    dg_text_add(page, "daogou_event_users %zu\n", now.users);
}

static void write_logs(void *context, dg_text *page)
{
    service *s = context;
    dg_metrics_family(page, "daogou_log_lines_dropped_total", "counter",
                      "Lines of a log that the disk did not take.");
    dg_text_add(page, "daogou_log_lines_dropped_total{log=\"access\"} %" PRIu64 "\n",
                dg_journal_dropped(s->access));
    dg_text_add(page, "daogou_log_lines_dropped_total{log=\"impressions\"} %" PRIu64 "\n",
                dg_journal_dropped(s->impressions));
    if (s->events != NULL) write_events(s, page);
    if (s->tls == NULL) return;
    dg_metrics_family(page, "daogou_certificate_expiry_timestamp_seconds", "gauge",
                      "When the certificate expires, in seconds since 1970.");
    dg_text_add(page, "daogou_certificate_expiry_timestamp_seconds %" PRId64 "\n",
                dg_tls_expires(s->tls));
}

static void announce(const service *s)
{
    char users[32], items[32];
    const dg_artifact *a = dg_node_artifact(s->node);
    dg_log(DG_LOG_INFO, "ready", "daogou-serve: %s (%s), %s users, %s items, on %s://%s", a->name,
           a->algorithm, dg_show_count(a->n_users, users, sizeof users),
           dg_show_count(a->n_items, items, sizeof items), s->tls != NULL ? "https" : "http",
           dg_server_address(s->server));
}

static dg_status note_start(service *s, dg_err *err)
{
    const json_int_t tokens = s->tokens != NULL ? (json_int_t)dg_tokens_count(s->tokens) : -1;
    return dg_audit_note(
        s->audit, "start",
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:i}", "address", dg_server_address(s->server),
                  "model", dg_node_artifact(s->node)->name, "version", dg_node_version(s->node),
                  "content_digest", dg_node_artifact(s->node)->content, "tls", s->tls != NULL,
                  "tokens", tokens, "uid", (int)getuid()),
        err);
}

/* Tokens are looked at every second as well, so that one can be taken back without a signal. */
static dg_status refresh_tokens(service *s, dg_err *err)
{
    bool changed = false;
    dg_err other;
    if (s->tokens == NULL) return DG_OK;
    const dg_status st = dg_tokens_refresh(s->tokens, &changed, err);
    if (st != DG_OK)
        dg_audit_note(s->audit, "tokens-refused", json_pack("{s:s}", "why", err->text), &other);
    else if (changed)
        dg_audit_note(s->audit, "tokens",
                      json_pack("{s:I}", "tokens", (json_int_t)dg_tokens_count(s->tokens)), &other);
    return st;
}

static dg_status reload_certificate(service *s, dg_err *err)
{
    dg_err other;
    if (s->tls == NULL) return DG_OK;
    const dg_status st = dg_tls_reload(s->tls, err);
    if (st != DG_OK)
        dg_audit_note(s->audit, "certificate-refused", json_pack("{s:s}", "why", err->text),
                      &other);
    else
        dg_audit_note(s->audit, "certificate",
                      json_pack("{s:I}", "expires", (json_int_t)dg_tls_expires(s->tls)), &other);
    return st;
}

static dg_status reopen_access(service *s, dg_err *err)
{
    return dg_journal_reopen(s->access, err);
}

static dg_status reopen_impressions(service *s, dg_err *err)
{
    return dg_journal_reopen(s->impressions, err);
}

/* By SIGHUP, or POST /v1/admin/reload. All is tried; the first error is told. Nothing is done that
 * the audit log cannot tell of. */
static dg_status reload(void *context, const char *who, dg_err *err)
{
    static dg_status (*const parts[])(service *, dg_err *) = {reopen_access, reopen_impressions,
                                                              refresh_tokens, reload_certificate};
    service *s = context;
    pthread_mutex_lock(&s->reloading);
    dg_status st = dg_audit_note(s->audit, "reload", json_pack("{s:s}", "by", who), err);
    for (size_t k = 0; st == DG_OK && k < sizeof parts / sizeof *parts; k++) {
        dg_err why;
        const dg_status mine = parts[k](s, &why);
        if (mine != DG_OK) warn("not-reloaded", &why);
        if (mine == DG_OK || st != DG_OK) continue;
        st = mine;
        *err = why;
    }
    if (s->follow != NULL) dg_follow_look(s->follow);
    pthread_mutex_unlock(&s->reloading);
    return st;
}

/* What signals have asked for. Blocking them and waiting for them would not do: one that comes
 * while nobody waits goes to a thread that does not block it, a library's from before main, and
 * ends the process. So they have a handler, which runs there or in the main thread. */
static sem_t told;
static atomic_int end_by; /* SIGTERM or SIGINT, whichever came first; 0: none */
static atomic_bool reload_wanted;

static void hear(int signal)
{
    const int before = errno;
    int none = 0;
    if (signal == SIGHUP)
        atomic_store(&reload_wanted, true);
    else
        atomic_compare_exchange_strong(&end_by, &none, signal);
    sem_post(&told);
    errno = before;
}

/* Threads made from here on are left alone by them, and this one until it unblocks them. */
static void hear_signals(sigset_t *heard)
{
    static const int number[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action = {.sa_handler = hear, .sa_flags = SA_RESTART};
    sem_init(&told, 0, 0);
    sigemptyset(heard);
    sigfillset(&action.sa_mask);
    for (size_t k = 0; k < sizeof number / sizeof *number; k++) {
        sigaddset(heard, number[k]);
        sigaction(number[k], &action, NULL);
    }
    sigprocmask(SIG_BLOCK, heard, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Until it is told to stop. */
static void run(service *s)
{
    struct timespec until;
    dg_err err;
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        sem_clockwait(&told, CLOCK_MONOTONIC, &until);
        if (atomic_load(&end_by) != 0) return;
        if (atomic_exchange(&reload_wanted, false)) {
            reload(s, "SIGHUP", &err);
            continue;
        }
        pthread_mutex_lock(&s->reloading);
        if (refresh_tokens(s, &err) != DG_OK) warn("tokens-refused", &err);
        pthread_mutex_unlock(&s->reloading);
    }
}

static dg_status open_model(service *s, const dg_followed *who, dg_followed_seen *seen, dg_err *err)
{
    const char *path = s->line->artifact;
    if (path == NULL) return dg_follow_open(who, seen, &s->node, err);
    dg_status st = dg_node_open_for(path, &s->demands, &s->node, err);
    if (st == DG_OK && s->events != NULL)
        st = dg_node_take_events(s->node, s->events, s->line->event_bytes, err);
    if (st == DG_OK) st = dg_node_rule(s->node, s->line->rules, err);
    if (st == DG_OK) dg_node_warm(s->node);
    return st;
}

static dg_status start_server(service *s, dg_err *err)
{
    dg_metrics_collect(s->metrics, write_logs, s);
    s->options.metrics = s->metrics;
    s->options.reload = reload;
    s->options.reloader = s;
    const dg_status st = dg_server_start(s->node, &s->options, &s->server, err);
    s->options.socket = -1; /* the server's now, or closed */
    return st;
}

static dg_status start(service *s, dg_err *err)
{
    const dg_serve_line *l = s->line;
    dg_followed_seen seen = {0};
    dg_status st = dg_blas_reserve(l->server.threads, err);
    if (st == DG_OK) st = take_what_needs_rights(s, err);
    if (st == DG_OK) st = open_files(s, err);
    if (st == DG_OK) st = give_up_rights(s, err);
    if (st == DG_OK) st = dg_metrics_create(&s->metrics, err);
    const dg_followed who = {.dir = l->registry,
                             .model = l->model,
                             .access = &s->demands,
                             .rules = l->rules,
                             .challenger = l->challenger,
                             .audit = s->audit,
                             .events = s->events,
                             .event_bytes = l->event_bytes};
    if (st == DG_OK) st = open_model(s, &who, &seen, err);
    if (st == DG_OK) st = start_server(s, err);
    if (st == DG_OK) st = note_start(s, err);
    if (st == DG_OK && l->registry != NULL)
        st = dg_follow_start(s->server, &who, &seen, l->look_every, &s->follow, err);
    return st;
}

static void stop(service *s)
{
    dg_follow_stop(&s->follow);
    dg_server_stop(&s->server, patience);
    dg_node_close(&s->node);
    dg_eventstore_close(&s->events);
    dg_metrics_destroy(&s->metrics);
    dg_keyring_free(&s->trusted);
    dg_key_wipe(&s->key);
    dg_key_wipe(&s->pseudonym);
    dg_audit_close(&s->audit);
    dg_journal_close(&s->impressions);
    dg_journal_close(&s->access);
    dg_tokens_close(&s->tokens);
    dg_tls_close(&s->tls);
    if (s->options.socket >= 0) close(s->options.socket);
    if (s->notify >= 0) close(s->notify);
    pthread_mutex_destroy(&s->reloading);
}

static dg_status serve(service *s, dg_err *err)
{
    sigset_t heard;
    dg_err other;
    hear_signals(&heard);
    const dg_status st = start(s, err);
    if (st != DG_OK) return st;
    announce(s);
    dg_notify(s->notify, "READY=1");
    pthread_sigmask(SIG_UNBLOCK, &heard, NULL);
    run(s);
    const int which = atomic_load(&end_by);
    dg_notify(s->notify, "STOPPING=1");
    dg_audit_note(s->audit, "stop", json_pack("{s:s}", "by", sigabbrev_np(which)), &other);
    dg_follow_stop(&s->follow);
    dg_server_stop(&s->server, patience);
    dg_log(DG_LOG_INFO, "stopped", "daogou-serve: stopped by %s", strsignal(which));
    return DG_OK;
}

int main(int argc, char **argv)
{
    dg_serve_line line;
    dg_err err;
    dg_serve_parse(argc, argv, &line);
    service s = {.line = &line, .options = line.server, .notify = -1};
    pthread_mutex_init(&s.reloading, NULL);
    dg_status st = DG_OK;
    if (sodium_init() < 0) st = DG_FAIL(&err, DG_ERR_IO, "no source of random numbers");
    if (st == DG_OK) st = serve(&s, &err);
    stop(&s);
    return st == DG_OK ? EXIT_SUCCESS : fail(st, &err);
}
