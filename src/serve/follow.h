/* follow.h - a server that follows a registry: when another version becomes champion, it is opened
 * beside the one that answers, and takes its place without a request lost. */
#ifndef DG_SERVE_FOLLOW_H
#define DG_SERVE_FOLLOW_H
#include "registry/registry.h"
#include "serve/server.h"

typedef struct dg_follow dg_follow;

typedef struct dg_champion_seen {
    int64_t event; /* of the registry */
    char version[DG_VERSION_SIZE];
} dg_champion_seen;

/* Whom to follow, and what is asked of each artifact. Everything borrowed. */
typedef struct dg_followed {
    const char *dir, *model;
    const dg_access *access; /* NULL: nothing but that it is whole */
} dg_followed;

/** Open the champion of a model. LOCAL. Errors as dg_registry_current and dg_node_open_for. */
dg_status dg_follow_open(const dg_followed *who, dg_champion_seen *seen, dg_node **node,
                         dg_err *err);

/**
 * Look at the registry every so often, and swap the server's node when the champion changes, from a
 * thread of its own. A champion that cannot be opened, or is not to be trusted, is told on stderr
 * and left; the server answers as before, until the registry changes again. A registry that is out
 * of reach is looked at again. LOCAL.
 *
 * @param[in] seen     what the server answers from now
 * @param[in] seconds  between two looks
 * @param[in] who,server  what they point to stays until stop
 * Errors  DG_ERR_NOMEM, DG_ERR_IO no thread.
 */
dg_status dg_follow_start(dg_server *server, const dg_followed *who, const dg_champion_seen *seen,
                          double seconds, dg_follow **out, dg_err *err);

/** Stop looking. LOCAL, NULL-safe; before dg_server_stop. */
void dg_follow_stop(dg_follow **f);

#endif
