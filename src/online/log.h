/* log.h - lines of the log of impressions that daogou-serve writes, and of logs of events
 * (docs/formats.md).
 *
 * A line of impressions is a list that was shown: who chose it, how likely that was, the items. A
 * line of events is what somebody did with an item. Keys that are not listed here are passed over.
 */
#ifndef DG_ONLINE_LOG_H
#define DG_ONLINE_LOG_H
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DG_ARM_NAME = 32, DG_KINDS = 16, DG_ITEMS_SHOWN = 1000 };

/* One item of a list that was shown; all hashes are dg_id_hash. */
typedef struct dg_shown {
    uint64_t list, user, item; /* user 0: not known */
    int64_t time;              /* milliseconds since 1970 */
    int32_t arm, position;     /* arm: the reader's number; position from 1 */
    double propensity;         /* of the list, by the policy that chose it; 1 where not given */
    double target;             /* of the list, by the policy to judge; NAN where not given */
    double predicted;          /* reward expected of the list, and of what the policy to judge would
                                  show; NAN where not given */
    double predicted_target;
    double item_propensity, item_target; /* the same two of this item in its place; NAN where not
                                            given */
} dg_shown;

typedef struct dg_done {       /* one event */
    uint64_t list, user, item; /* list, user 0: not known */
    int64_t time, open;        /* open: how much later it may have been, as whole seconds tell */
    int32_t kind;              /* the reader's number, -1: none it was asked for */
    bool converts;             /* what it is joined as and by, once that is settled */
    uint64_t key;
} dg_done;

enum { DG_ARMS = 8 };

/* Names met so far. Zero-initialise. */
typedef struct dg_arm_names {
    int n;
    char at[DG_ARMS][DG_ARM_NAME];
} dg_arm_names;

/**
 * Read a line of impressions. LOCAL.
 *
 * Lists that nobody saw ("shown": false) give no items.
 * @param[in,out] arms  gets names it does not have
 * @param[out]    out   (DG_ITEMS_SHOWN,)
 * @param[out]    why   (n_why,) what is wrong with the line
 * @return        items, -1 for a bad line
 */
int dg_log_shown(const char *line, size_t n, dg_arm_names *arms, dg_shown *out, char *why,
                 size_t n_why);

/** Read a line of events, whose kind is looked up among kinds (n_kinds,). LOCAL. False for a bad
 * line.
 */
bool dg_log_done(const char *line, size_t n, const char *const *kind, int n_kinds, dg_done *out,
                 char *why, size_t n_why);

#endif
