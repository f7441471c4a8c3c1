/* follow.h - a server that follows a registry: when another version becomes champion, it is opened
 * beside the one that answers, and takes its place without a request lost. */
#ifndef DG_SERVE_FOLLOW_H
#define DG_SERVE_FOLLOW_H
#include "registry/registry.h"
#include "serve/guard/audit.h"
#include "serve/server.h"

typedef struct dg_follow dg_follow;

/* Whom to follow, and what is asked of each artifact. Everything borrowed. */
typedef struct dg_followed {
    const char *dir, *model;
    const dg_access *access;      /* NULL: nothing but that it is whole */
    const char *rules;            /* file of rules that hold for each; NULL: none */
    bool challenger;              /* follow that one as well; it may be missing */
    dg_audit *audit;              /* told of every swap and refusal; NULL: none */
    struct dg_eventstore *events; /* every node answers with them, and takes them; NULL: none */
    size_t event_bytes;           /* of memory for users with events, of each node */
} dg_followed;

/* What is served of it now. */
typedef struct dg_followed_seen {
    int64_t event;                            /* of the registry */
    char version[DG_N_ARMS][DG_VERSION_SIZE]; /* by arm; "" for none */
} dg_followed_seen;

/** Open the champion of a model. LOCAL. Errors as dg_registry_current and dg_node_open_for. */
dg_status dg_follow_open(const dg_followed *who, dg_followed_seen *seen, dg_node **node,
                         dg_err *err);

/**
 * Look at the registry every so often, and swap the server's models when champion or challenger
 * change, from a thread of its own; at once for a challenger that is there already. A version that
 * cannot be opened, or is not to be trusted, is told on stderr and left; the server answers as
 * before, until the registry changes again. A registry that is out of reach is looked at again.
 * LOCAL.
 *
 * @param[in] seen     what the server answers from now
 * @param[in] seconds  between two looks
 * @param[in] who,server  what they point to stays until stop
 * Errors  DG_ERR_NOMEM, DG_ERR_IO no thread.
 */
dg_status dg_follow_start(dg_server *server, const dg_followed *who, const dg_followed_seen *seen,
                          double seconds, dg_follow **out, dg_err *err);

/** Look now, and come back when that is done. LOCAL, thread-safe. */
void dg_follow_look(dg_follow *f);

/** Stop looking. LOCAL, NULL-safe; before dg_server_stop. */
void dg_follow_stop(dg_follow **f);

#endif
