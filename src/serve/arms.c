#include "serve/arms.h"

#include "base/digest.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

struct dg_arms {
    dg_shift *shift[DG_N_ARMS]; /* those that answer now; guarded by lock */
    dg_split split;
    pthread_mutex_t lock;
};

const char *dg_arm_name(dg_arm arm) { return arm == DG_ARM_CHAMPION ? "champion" : "challenger"; }

const dg_split *dg_arms_split(const dg_arms *a) { return &a->split; }

static dg_shift *new_shift(dg_arm arm, const dg_node *node, dg_node *owned, dg_err *err)
{
    struct timespec now;
    dg_shift *shift = dg_alloc(1, sizeof *shift);
    if (shift == NULL) {
        DG_FAIL(err, DG_ERR_NOMEM, "out of memory for another model");
        return NULL;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    *shift = (dg_shift){.node = node,
                        .arm = arm,
                        .since = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec,
                        .owned = owned,
                        .users = 1};
    return shift;
}

dg_status dg_arms_create(const dg_node *champion, const dg_split *split, dg_arms **out, dg_err *err)
{
    dg_arms *a = *out = dg_alloc(1, sizeof *a);
    if (a == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for the server");
    a->split = *split;
    a->shift[DG_ARM_CHAMPION] = new_shift(DG_ARM_CHAMPION, champion, NULL, err);
    if (a->shift[DG_ARM_CHAMPION] == NULL) {
        dg_free(a);
        *out = NULL;
        return DG_ERR_NOMEM;
    }
    pthread_mutex_init(&a->lock, NULL);
    return DG_OK;
}

/* The last one out closes the node: a reply may stand in its memory. */
void dg_arms_leave(dg_arms *a, dg_shift *shift)
{
    if (shift == NULL) return;
    pthread_mutex_lock(&a->lock);
    const bool last = --shift->users == 0;
    pthread_mutex_unlock(&a->lock);
    if (!last) return;
    dg_node_close(&shift->owned);
    dg_free(shift);
}

void dg_arms_destroy(dg_arms **a)
{
    if (*a == NULL) return;
    for (int k = 0; k < DG_N_ARMS; k++) dg_arms_leave(*a, (*a)->shift[k]);
    pthread_mutex_destroy(&(*a)->lock);
    dg_free(*a);
    *a = NULL;
}

dg_status dg_arms_swap(dg_arms *a, dg_arm arm, dg_node **node, dg_err *err)
{
    dg_shift *fresh = NULL;
    if (*node != NULL && (fresh = new_shift(arm, *node, *node, err)) == NULL) return DG_ERR_NOMEM;
    *node = NULL;
    pthread_mutex_lock(&a->lock);
    dg_shift *before = a->shift[arm];
    a->shift[arm] = fresh;
    pthread_mutex_unlock(&a->lock);
    dg_arms_leave(a, before);
    return DG_OK;
}

bool dg_split_challenges(const dg_split *split, const char *id, size_t n)
{
    const char *name = split->experiment != NULL ? split->experiment : "";
    if (n == 0 || split->shadow || !(split->share > 0)) return false;
    const uint64_t place = dg_hash64(id, n, dg_hash64(name, strlen(name), 0));
    return (double)(place >> 11) < split->share * 0x1p53;
}

dg_shift *dg_arms_take(dg_arms *a, const char *id, size_t n, double *chance)
{
    const bool challenges = dg_split_challenges(&a->split, id, n);
    const bool drawn = n > 0 && !a->split.shadow && a->split.share > 0;
    pthread_mutex_lock(&a->lock);
    const bool both = drawn && a->shift[DG_ARM_CHALLENGER] != NULL;
    dg_shift *shift = a->shift[both && challenges ? DG_ARM_CHALLENGER : DG_ARM_CHAMPION];
    shift->users++;
    pthread_mutex_unlock(&a->lock);
    *chance = !both ? 1 : challenges ? a->split.share : 1 - a->split.share;
    return shift;
}

dg_shift *dg_arms_take_arm(dg_arms *a, dg_arm arm)
{
    pthread_mutex_lock(&a->lock);
    dg_shift *shift = a->shift[arm];
    if (shift != NULL) shift->users++;
    pthread_mutex_unlock(&a->lock);
    return shift;
}
