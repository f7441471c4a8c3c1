/* daogou-serve - the serving node: maps one artifact, or a registry's champion, and answers HTTP
 * until told to stop. */
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "serve/follow.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double patience = 10; /* seconds for requests in flight when told to stop */

static const double look_every = 1; /* seconds between looks at the registry */

typedef struct arguments {
    const char *artifact;
    const char *registry, *model; /* in place of the artifact */
    const char *trusted, *key;    /* files; NULL: none */
    dg_server_options server;
} arguments;

static const struct argp_option options[] = {
    {"artifact", 'a', "FILE", 0, "The artifact.h5 to serve, made by daogou export", 0},
    {"registry", 'r', "DIR", 0, "Serve the champion of this registry, and those that follow it", 0},
    {"model", 'm', "NAME", 0, "Which model of the registry", 0},
    {"trusted-keys", 'k', "FILE", 0,
     "Serve only what one of these public keys signed (daogou keygen, daogou sign)", 0},
    {"encryption-key", 'e', "FILE", 0,
     "Key of encrypted artifacts (default: DAOGOU_ENCRYPTION_KEY of the environment)", 0},
    {"listen", 'l', "HOST:PORT", 0,
     "Address to answer on (default 127.0.0.1:8080; port 0 takes a free one)", 0},
    {"threads", 't', "N", 0, "Threads that answer (default: one per processor)", 0},
    {0}};

static error_t parse(int key, char *text, struct argp_state *state)
{
    arguments *a = state->input;
    int64_t n;
    switch (key) {
    case 'a': a->artifact = text; return 0;
    case 'r': a->registry = text; return 0;
    case 'm': a->model = text; return 0;
    case 'k': a->trusted = text; return 0;
    case 'e': a->key = text; return 0;
    case 'l': a->server.listen = text; return 0;
    case 't':
        if (!dg_parse_int64(text, strlen(text), &n) || n < 1 || n > DG_MAX_THREADS)
            argp_error(state, "--threads must be a number from 1 to %d", DG_MAX_THREADS);
        a->server.threads = (int)n;
        return 0;
    case ARGP_KEY_ARG: argp_error(state, "unexpected argument \"%s\"", text); return 0;
    case ARGP_KEY_END:
        if (a->artifact == NULL && a->registry == NULL)
            argp_error(state, "which artifact? give --artifact FILE, or --registry DIR and --model "
                              "NAME");
        if ((a->artifact != NULL) == (a->registry != NULL) ||
            (a->registry == NULL) != (a->model == NULL))
            argp_error(state, "give either --artifact FILE, or --registry DIR and --model NAME");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_version(FILE *out, struct argp_state *state)
{
    (void)state;
    fprintf(out, "daogou-serve %s (%s)\n", dg_version(), dg_revision());
}

static int fail(dg_status st, const dg_err *err)
{
    fprintf(stderr, "daogou-serve: %s\n", err->text);
    if (err->hint[0] != '\0') fprintf(stderr, "hint: %s\n", err->hint);
    return dg_status_exit(st);
}

static void announce(const dg_artifact *a, const dg_server *server)
{
    char users[32], items[32];
    dg_log(DG_LOG_INFO, "ready", "daogou-serve: %s (%s), %s users, %s items, on http://%s", a->name,
           a->algorithm, dg_show_count(a->n_users, users, sizeof users),
           dg_show_count(a->n_items, items, sizeof items), dg_server_address(server));
}

/* What is asked of artifacts, and the keys for it. */
typedef struct demands {
    dg_keyring trusted;
    dg_key key;
    dg_access access;
} demands;

static dg_status read_keys(const arguments *a, demands *d, dg_err *err)
{
    dg_status st = DG_OK;
    if (a->trusted != NULL) st = dg_keyring_read(a->trusted, &d->trusted, err);
    if (a->trusted != NULL) d->access.trusted = &d->trusted;
    if (st == DG_OK && a->key != NULL) st = dg_key_read(a->key, DG_KEY_ENCRYPT, &d->key, err);
    if (a->key != NULL) d->access.decrypt = &d->key;
    return st;
}

/* Serve until SIGTERM or SIGINT, which every thread blocks and this one waits for. */
static dg_status serve(const arguments *a, const dg_access *access, dg_node **node, dg_err *err)
{
    const dg_followed who = {a->registry, a->model, access};
    sigset_t ends;
    int which;
    dg_server *server;
    dg_follow *follow = NULL;
    dg_champion_seen seen = {0};
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    dg_status st = a->artifact != NULL ? dg_node_open_for(a->artifact, access, node, err)
                                       : dg_follow_open(&who, &seen, node, err);
    if (st == DG_OK) st = dg_server_start(*node, &a->server, &server, err);
    if (st != DG_OK) return st;
    announce(dg_node_artifact(*node), server);
    if (a->registry != NULL) st = dg_follow_start(server, &who, &seen, look_every, &follow, err);
    while (st == DG_OK && sigwait(&ends, &which) != 0) continue;
    dg_follow_stop(&follow);
    dg_server_stop(&server, patience);
    if (st == DG_OK)
        dg_log(DG_LOG_INFO, "stopped", "daogou-serve: stopped by %s", strsignal(which));
    return st;
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        options,
        parse,
        NULL,
        "Answer recommendations over HTTP from one artifact, or from a registry's champion.",
        NULL,
        NULL,
        NULL};
    arguments a = {.server = dg_server_defaults()};
    demands d = {0};
    dg_node *node = NULL;
    dg_err err;
    argp_program_version_hook = print_version;
    argp_parse(&parser, argc, argv, 0, NULL, &a);
    dg_status st = read_keys(&a, &d, &err);
    if (st == DG_OK) st = serve(&a, &d.access, &node, &err);
    dg_node_close(&node);
    dg_keyring_free(&d.trusted);
    dg_key_wipe(&d.key);
    return st == DG_OK ? EXIT_SUCCESS : fail(st, &err);
}
