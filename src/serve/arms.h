/* arms.h - the models that answer side by side, and which of them answers whom.
 *
 * A request is answered by one model from its beginning to its end: what it took stays open until
 * it is given back, however often the model is swapped meanwhile. With a challenger, each user
 * always meets the same model: the split is a hash of the user's id and the experiment's name, so
 * that a user of the challenger's stays one when its share grows, and other experiments split
 * others. */
#ifndef DG_SERVE_ARMS_H
#define DG_SERVE_ARMS_H
#include "serve/node.h"

typedef enum dg_arm { DG_ARM_CHAMPION, DG_ARM_CHALLENGER, DG_N_ARMS } dg_arm;

typedef struct dg_split {
    double share;           /* of users who meet the challenger, 0 to 1 */
    bool shadow;            /* the challenger answers beside the champion, to nobody */
    const char *experiment; /* borrowed; NULL: "" */
} dg_split;

typedef struct dg_arms dg_arms;

/* A model while something is answered from it. */
typedef struct dg_shift {
    const dg_node *node;
    dg_arm arm;
    double since; /* seconds since 1970 at which it came */
    dg_node
        *owned; /* the same where it is closed with the last user; NULL for the first champion */
    int users;  /* guarded by the arms' lock */
} dg_shift;

/** "champion", "challenger". LOCAL. */
const char *dg_arm_name(dg_arm arm);

/** @param[in] champion borrowed until destroy. LOCAL. Errors DG_ERR_NOMEM. */
dg_status dg_arms_create(const dg_node *champion, const dg_split *split, dg_arms **out,
                         dg_err *err);

/** LOCAL, NULL-safe. Nothing may be taken. */
void dg_arms_destroy(dg_arms **a);

/** Another model for an arm, from now on; NULL leaves the challenger's arm empty. The one before is
 *  closed when nobody has it any more. LOCAL, thread-safe; takes the node and sets *node to NULL.
 *  Errors DG_ERR_NOMEM, *node untouched. */
dg_status dg_arms_swap(dg_arms *a, dg_arm arm, dg_node **node, dg_err *err);

/** Does the split give this user to the challenger, if there is one? No id, no. LOCAL. */
bool dg_split_challenges(const dg_split *split, const char *id, size_t n);

/** The model for a user; n == 0: nobody in particular, who meets the champion. LOCAL, thread-safe.
 *  Give it back with dg_arms_leave.
 *  @param[out] chance  that the split gives a user this arm: its share; 1 where nothing was drawn,
 *                      as there is nobody to draw for or no challenger at the moment */
dg_shift *dg_arms_take(dg_arms *a, const char *id, size_t n, double *chance);

/** The model of an arm, or NULL. LOCAL, thread-safe. */
dg_shift *dg_arms_take_arm(dg_arms *a, dg_arm arm);

/** LOCAL, thread-safe. */
void dg_arms_leave(dg_arms *a, dg_shift *shift);

const dg_split *dg_arms_split(const dg_arms *a); /* LOCAL */

#endif
