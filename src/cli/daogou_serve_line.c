#include "cli/daogou_serve_line.h"

#include "base/text.h"
#include "base/version.h"

#include <argp.h>
#include <string.h>

enum {
    TLS_CERT = 256,
    TLS_KEY,
    TLS_CLIENT_CA,
    TOKENS,
    INSECURE,
    USER,
    NO_SANDBOX,
    RATE,
    BURST,
    LONGEST_WAIT,
    PER_ADDRESS,
    ACCESS,
    ACCESS_EVERY,
    AUDIT,
    IMPRESSIONS,
    PSEUDONYM_KEY,
    LOOK_EVERY,
    CHALLENGER,
    SHADOW,
    EXPERIMENT,
    EVENTS,
    EVENT_MEMORY
};

static const struct argp_option options[] = {
    {"artifact", 'a', "FILE", 0, "The artifact.h5 to serve, made by daogou export", 0},
    {"registry", 'r', "DIR", 0, "Serve the champion of this registry, and those that follow it", 0},
    {"model", 'm', "NAME", 0, "Which model of the registry", 0},
    {"trusted-keys", 'k', "FILE", 0,
     "Serve only what one of these public keys signed (daogou keygen, daogou sign)", 0},
    {"rules", 'R', "FILE", 0,
     "Rules of a merchandiser for every list (docs/merchandising.md); read again when they change",
     0},
    {"encryption-key", 'e', "FILE", 0,
     "Key of encrypted artifacts (default: DAOGOU_ENCRYPTION_KEY of the environment)", 0},
    {"look-every", LOOK_EVERY, "TIME", 0, "Between two looks at the registry (default 1s)", 0},
    {"listen", 'l', "HOST:PORT", 0,
     "Address to answer on (default 127.0.0.1:8080; port 0 takes a free one)", 0},
    {"threads", 't', "N", 0, "Threads that answer (default: one per processor)", 0},
    {"events", EVENTS, "DIR", 0,
     "Take events, keep them in this folder, and answer with what they say", 0},
    {"event-memory", EVENT_MEMORY, "MB", 0, "For users with events (default 256)", 0},
    {NULL, 0, NULL, 0, "Who may ask:", 1},
    {"tls-cert", TLS_CERT, "FILE", 0, "Certificate chain in PEM; SIGHUP reads it again", 1},
    {"tls-key", TLS_KEY, "FILE", 0, "Its private key in PEM", 1},
    {"tls-client-ca", TLS_CLIENT_CA, "FILE", 0,
     "Only clients with a certificate of this authority may connect", 1},
    {"tokens", TOKENS, "FILE", 0,
     "Bearer tokens and their roles, made by daogou token; a change counts within a second", 1},
    {"insecure", INSECURE, NULL, 0,
     "Answer beyond this machine without TLS or without tokens all the same", 1},
    {"user", USER, "NAME", 0, "Become this user once the port is open", 1},
    {"no-sandbox", NO_SANDBOX, NULL, 0, "Do without the filter of system calls", 1},
    {NULL, 0, NULL, 0, "How much:", 2},
    {"rate", RATE, "N", 0, "Requests per second of a token, else of an address (default: no limit)",
     2},
    {"burst", BURST, "N", 0, "Of them at once (default: as many as the rate)", 2},
    {"longest-wait", LONGEST_WAIT, "TIME", 0,
     "Refuse with 503 what has waited longer to be read (default 0.5s; 0: never)", 2},
    {"per-address", PER_ADDRESS, "N", 0,
     "Connections of one address (default 256; 0: no limit of its own)", 2},
    {NULL, 0, NULL, 0, "Two models:", 3},
    {"challenger", CHALLENGER, "SHARE", 0,
     "Give this share of users (10%, 0.1) to the registry's challenger", 3},
    {"shadow", SHADOW, NULL, 0, "The challenger answers beside the champion, to nobody", 3},
    {"experiment", EXPERIMENT, "NAME", 0,
     "Name of the split: another one gives the challenger other users", 3},
    {NULL, 0, NULL, 0, "What is written down (SIGHUP opens the files again):", 4},
    {"access-log", ACCESS, "FILE", 0, "A line for each request, without users; - is stdout", 4},
    {"access-every", ACCESS_EVERY, "N", 0, "Of those without error one in N (default 1)", 4},
    {"impressions", IMPRESSIONS, "FILE", 0, "A line for each list shown, for evaluation", 4},
    {"pseudonym-key", PSEUDONYM_KEY, "FILE", 0,
     "Users in impressions are their pseudonyms under this key (daogou keygen --pseudonyms)", 4},
    {"audit-log", AUDIT, "FILE", 0,
     "A chain of what was done to this node; daogou verify checks it", 4},
    {0}};

static double number(const char *text, const char *name, double min, double max,
                     struct argp_state *state)
{
    double value;
    if (!dg_parse_double(text, strlen(text), &value) || value < min || value > max)
        argp_error(state, "--%s must be a number from %g to %g", name, min, max);
    return value;
}

static int64_t whole(const char *text, const char *name, int64_t min, int64_t max,
                     struct argp_state *state)
{
    int64_t value;
    if (!dg_parse_int64(text, strlen(text), &value) || value < min || value > max)
        argp_error(state, "--%s must be a number from %lld to %lld", name, (long long)min,
                   (long long)max);
    return value;
}

static double duration(const char *text, const char *name, double min, struct argp_state *state)
{
    double value;
    if (!dg_parse_duration(text, &value) || value < min)
        argp_error(state, "--%s must be a time such as 0.5s or 1m", name);
    return value;
}

/* "10%" or "0.1". */
static double share(const char *text, struct argp_state *state)
{
    double value;
    size_t n = strlen(text);
    const bool percent = n > 0 && text[n - 1] == '%';
    const bool good = dg_parse_double(text, n - percent, &value);
    if (good && percent) value /= 100;
    if (!good || value <= 0 || value > 1)
        argp_error(state, "--challenger must be a share such as 10%% or 0.1");
    return value;
}

static void check(const dg_serve_line *l, struct argp_state *state)
{
    if (l->artifact == NULL && l->registry == NULL)
        argp_error(state,
                   "which artifact? give --artifact FILE, or --registry DIR and --model NAME");
    if ((l->artifact != NULL) == (l->registry != NULL) ||
        (l->registry == NULL) != (l->model == NULL))
        argp_error(state, "give either --artifact FILE, or --registry DIR and --model NAME");
    if (l->challenger && l->registry == NULL)
        argp_error(state, "--challenger and --shadow need --registry: the challenger is its alias");
    if ((l->tls.cert == NULL) != (l->tls.key == NULL) ||
        (l->tls.client_ca != NULL && l->tls.cert == NULL))
        argp_error(state, "give --tls-cert and --tls-key together, and --tls-client-ca with them");
    if (l->events != NULL && strstr(l->events, "://") != NULL)
        argp_error(state, "--events must be a folder: this version keeps events in files only");
    if (l->pseudonym_key != NULL && l->impressions == NULL)
        argp_error(state, "--pseudonym-key is for --impressions");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    dg_serve_line *l = state->input;
    dg_server_options *s = &l->server;
    switch (key) {
    case 'a': l->artifact = text; return 0;
    case 'r': l->registry = text; return 0;
    case 'm': l->model = text; return 0;
    case 'k': l->trusted_keys = text; return 0;
    case 'e': l->encryption_key = text; return 0;
    case 'R': l->rules = text; return 0;
    case LOOK_EVERY: l->look_every = duration(text, "look-every", 0.001, state); return 0;
    case 'l': s->listen = text; return 0;
    case 't': s->threads = (int)whole(text, "threads", 1, DG_MAX_THREADS, state); return 0;
    case TLS_CERT: l->tls.cert = text; return 0;
    case TLS_KEY: l->tls.key = text; return 0;
    case TLS_CLIENT_CA: l->tls.client_ca = text; return 0;
    case TOKENS: l->tokens = text; return 0;
    case INSECURE: l->insecure = true; return 0;
    case USER: l->user = text; return 0;
    case NO_SANDBOX: l->sandbox = false; return 0;
    case RATE: s->gate.rate = number(text, "rate", 0.001, 1e6, state); return 0;
    case BURST: s->gate.burst = number(text, "burst", 1, 1e6, state); return 0;
    case LONGEST_WAIT: s->gate.longest_wait = duration(text, "longest-wait", 0, state); return 0;
    case PER_ADDRESS: s->per_address = (int)whole(text, "per-address", 0, 1 << 20, state); return 0;
    case CHALLENGER:
        s->split.share = share(text, state);
        l->challenger = true;
        return 0;
    case SHADOW: s->split.shadow = l->challenger = true; return 0;
    case EXPERIMENT: s->split.experiment = text; return 0;
    case ACCESS: l->access = text; return 0;
    case ACCESS_EVERY:
        s->ledger.access_every = whole(text, "access-every", 1, 1000000000, state);
        return 0;
    case IMPRESSIONS: l->impressions = text; return 0;
    case PSEUDONYM_KEY: l->pseudonym_key = text; return 0;
    case AUDIT: l->audit = text; return 0;
    case EVENTS: l->events = text; return 0;
    case EVENT_MEMORY:
        l->event_bytes = (size_t)whole(text, "event-memory", 1, 1 << 20, state) << 20;
        return 0;
    case ARGP_KEY_ARG: argp_error(state, "unexpected argument \"%s\"", text); return 0;
    case ARGP_KEY_END: check(l, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_version(FILE *out, struct argp_state *state)
{
    (void)state;
    fprintf(out, "daogou-serve %s (%s)\n", dg_version(), dg_revision());
}

void dg_serve_parse(int argc, char **argv, dg_serve_line *out)
{
    static const struct argp parser = {
        options,
        parse,
        NULL,
        "Answer recommendations over HTTP from one artifact, or from a registry's champion.",
        NULL,
        NULL,
        NULL};
    *out = (dg_serve_line){.look_every = 1,
                           .sandbox = true,
                           .event_bytes = (size_t)256 << 20,
                           .server = dg_server_defaults()};
    argp_program_version_hook = print_version;
    argp_parse(&parser, argc, argv, 0, NULL, out);
}
