/* registry.h - published versions of a model in plain files: which one is served, and since when.
 *
 * DIR/NAME/VERSION/ holds one published run: artifact.h5 and what tells where it came from. Version
 * names sort by time. DIR/NAME/CURRENT says who champion and challenger are; it is replaced by
 * rename, so that both change at once, and a reader sees the state before or after. It is the last
 * event as one line of JSON; history.jsonl has all events (docs/registry.md).
 *
 * Publishers exclude each other by a lock on DIR/NAME/LOCK; readers need none. A publisher that is
 * killed at any instruction leaves a valid registry: the next one removes what was not finished and
 * adds what history lacks. Plain files, locks and renames alone, so that NFS will do. */
#ifndef DG_REGISTRY_REGISTRY_H
#define DG_REGISTRY_REGISTRY_H
#include "base/file.h"
#include "base/strings.h"

#include <jansson.h>

enum {
    DG_VERSION_SIZE = 32, /* "20261122T042711Z-1a2b3c4d" and its NUL */
    DG_MODEL_NAME_MAX = 64
};

/* What CURRENT says. */
typedef struct dg_current {
    int64_t event;                    /* number of the last event, from 1; 0: none yet */
    char champion[DG_VERSION_SIZE];   /* the version served; "" while there is none */
    char challenger[DG_VERSION_SIZE]; /* the newest one that was refused; "" for none */
} dg_current;

/* A change of the registry, as history tells it. */
typedef struct dg_change {
    const char *what; /* "publish", "refuse", "rollback" */
    const char *why;  /* one sentence */
    const char *version;
    const char *champion, *challenger; /* from now on; "" for none */
    json_t *more;                      /* further members of the event; borrowed, may be NULL */
    int64_t keep;                      /* versions kept, at least 1; 0: all */
} dg_change;

typedef struct dg_registry dg_registry; /* one model's, open for changes */

/** Who is champion and challenger. LOCAL, no lock; the state is that before or after a change.
 *  Errors DG_ERR_NOINPUT no such registry or model; DG_ERR_DATA CURRENT is damaged; DG_ERR_IO. */
dg_status dg_registry_current(const char *dir, const char *model, dg_current *out, dg_err *err);

/** DIR/NAME/VERSION/FILE into out, returned; FILE "" gives the folder. LOCAL. */
const char *dg_registry_path(const char *dir, const char *model, const char *version,
                             const char *file, char out[DG_PATH]);

/** Every event, oldest first, as an array of objects. LOCAL, no lock. The caller's reference.
 *  Errors DG_ERR_NOINPUT no such model; DG_ERR_DATA a line is damaged, with its number. */
dg_status dg_registry_history(const char *dir, const char *model, json_t **out, dg_err *err);

/** Names of the versions that are there, oldest first. LOCAL, no lock. Errors DG_ERR_NOMEM. */
dg_status dg_registry_versions(const char *dir, const char *model, dg_strings *out, dg_err *err);

/** Is this a name a model may have: letters, digits and . _ -, not first a dot? LOCAL. */
bool dg_registry_is_name(const char *model);

/**
 * Open for changes: make the folders, wait for the lock, mend what a killed publisher left. LOCAL.
 *
 * @param[in] patience  seconds to wait for another publisher; 0: none
 * @param[in] make      make a registry that is not there yet
 * Errors  DG_ERR_CONFIG the name; DG_ERR_UNAVAILABLE another publisher is at work, or the file
 *         system has no locks; DG_ERR_NOINPUT; DG_ERR_CANTCREATE; DG_ERR_DATA neither CURRENT nor
 *         history can be read; DG_ERR_IO.
 */
dg_status dg_registry_open(const char *dir, const char *model, double patience, bool make,
                           dg_registry **out, dg_err *err);

/** Let go of the lock; an unfinished version is removed. LOCAL, NULL-safe. */
void dg_registry_close(dg_registry **r);

/** The state now; borrowed. LOCAL. */
const dg_current *dg_registry_state(const dg_registry *r);

/**
 * Start a version: its name and an empty folder for its files, which nobody sees yet. LOCAL.
 * @param[in]  digest  content digest of its artifact; its first eight digits become part of the
 *                     name
 * @param[out] folder  write the files here, durably (base/file.h)
 */
dg_status dg_registry_begin(dg_registry *r, const char *digest, char version[DG_VERSION_SIZE],
                            char folder[DG_PATH], dg_err *err);

/**
 * Make a change: move the version begun, if any, to its place, switch CURRENT, note it in history,
 * drop the oldest versions beyond `keep`. LOCAL.
 *
 * Champion, challenger and the version that a rollback would go to are never dropped. The change is
 * made once CURRENT is renamed; a failure after that is reported, and mended by the next opening.
 * Errors  as base/file.h.
 */
dg_status dg_registry_change(dg_registry *r, const dg_change *change, dg_err *err);

/** The version that a rollback goes to: the newest one before the champion, still there, that was
 *  champion once. LOCAL. Errors DG_ERR_NOINPUT there is none. */
dg_status dg_registry_previous(const dg_registry *r, char version[DG_VERSION_SIZE], dg_err *err);

/** The version that `wish` names: a whole name, the beginning of exactly one, "champion" or
 *  "challenger". LOCAL. Errors DG_ERR_NOINPUT none, or several. */
dg_status dg_registry_find(const dg_registry *r, const char *wish, char version[DG_VERSION_SIZE],
                           dg_err *err);

#endif
