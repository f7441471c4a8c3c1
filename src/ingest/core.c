#include "ingest/core.h"

#include "base/memory.h"

#include <string.h>

typedef struct dg_core_side {
    const dg_directory *directory;
    int64_t min;
    int64_t *own;   /* (own ids,) ratings of each, then 1 where it stays */
    int64_t *local; /* (n_local,) the same for this rank's codes */
    uint8_t *stays; /* (n_local,) */
} dg_core_side;

static dg_status open_side(const dg_directory *d, int64_t min, dg_core_side *s, dg_err *err)
{
    *s = (dg_core_side){.directory = d, .min = min};
    s->own = dg_alloc((size_t)d->ids.text.n, sizeof *s->own);
    s->local = dg_alloc((size_t)d->n_local, sizeof *s->local);
    s->stays = dg_alloc((size_t)d->n_local, sizeof *s->stays);
    return s->own != NULL && s->local != NULL && s->stays != NULL
               ? DG_OK
               : DG_FAIL(err, DG_ERR_NOMEM, "out of memory counting ratings");
}

static void close_side(dg_core_side *s)
{
    dg_free(s->own);
    dg_free(s->local);
    dg_free(s->stays);
}

static dg_status count(dg_core_side *user, dg_core_side *item, const dg_events *events, dg_err *err)
{
    memset(user->local, 0, (size_t)user->directory->n_local * sizeof *user->local);
    memset(item->local, 0, (size_t)item->directory->n_local * sizeof *item->local);
    dg_events_count(events, user->local, item->local);
    const dg_status st = dg_directory_sum(user->directory, user->local, user->own, err);
    return st == DG_OK ? dg_directory_sum(item->directory, item->local, item->own, err) : st;
}

static int64_t too_few(const dg_core_side *s)
{
    int64_t n = 0;
    for (int64_t k = 0; k < s->directory->ids.text.n; k++) n += s->own[k] > 0 && s->own[k] < s->min;
    return n;
}

static dg_status learn_who_stays(dg_core_side *s, dg_err *err)
{
    for (int64_t k = 0; k < s->directory->ids.text.n; k++) s->own[k] = s->own[k] >= s->min;
    const dg_status st = dg_directory_answer(s->directory, s->own, s->local, err);
    for (int64_t k = 0; k < s->directory->n_local && st == DG_OK; k++)
        s->stays[k] = s->local[k] != 0;
    return st;
}

static int64_t count_everywhere(const dg_comm *c, const dg_events *events)
{
    int64_t n = events->n;
    dg_sum_int64(c, &n, 1);
    return n;
}

/* Users with too many ratings, all at once; the counts are taken anew after them. */
static dg_status drop_crowd(const dg_comm *c, dg_core_side *user, dg_core_side *item,
                            int64_t max_user, dg_events *events, dg_core *out, dg_err *err)
{
    dg_status st = count(user, item, events, err);
    if (st != DG_OK) return st;
    int64_t crowd[2] = {0};
    for (int64_t k = 0; k < user->directory->ids.text.n; k++)
        if (user->own[k] > max_user) {
            crowd[0]++;
            crowd[1] += user->own[k];
            user->own[k] = 0;
        }
    dg_sum_int64(c, crowd, 2);
    out->crowd_users = crowd[0];
    out->crowd = crowd[1];
    if (crowd[0] == 0) return DG_OK;
    st = dg_directory_answer(user->directory, user->own, user->local, err);
    if (st != DG_OK) return st;
    for (int64_t k = 0; k < user->directory->n_local; k++) user->stays[k] = user->local[k] != 0;
    memset(item->stays, 1, (size_t)item->directory->n_local);
    dg_events_keep(events, user->stays, item->stays);
    return DG_OK;
}

static dg_status run(const dg_comm *c, dg_core_side *user, dg_core_side *item, dg_events *events,
                     dg_core *out, dg_err *err)
{
    const int64_t before = out->left = count_everywhere(c, events);
    for (;;) {
        dg_status st = count(user, item, events, err);
        if (st != DG_OK) return st;
        int64_t bad = too_few(user) + too_few(item);
        dg_sum_int64(c, &bad, 1);
        if (bad == 0) return DG_OK;
        st = learn_who_stays(user, err);
        if (st == DG_OK) st = learn_who_stays(item, err);
        if (st != DG_OK) return st;
        dg_events_keep(events, user->stays, item->stays);
        out->left = count_everywhere(c, events);
        out->dropped = before - out->left;
        if (out->passes < DG_CORE_PASSES_NOTED) out->pass_left[out->passes] = out->left;
        out->passes++;
    }
}

dg_status dg_core_run(const dg_comm *c, const dg_directory *users, const dg_directory *items,
                      int64_t max_user, int64_t min_user, int64_t min_item, dg_events *events,
                      dg_core *out, dg_err *err)
{
    dg_core_side user, item;
    *out = (dg_core){0};
    dg_status st = open_side(users, min_user, &user, err);
    const dg_status other = open_side(items, min_item, &item, err);
    st = dg_agree(c, st == DG_OK ? other : st, err);
    if (st == DG_OK && max_user > 0) st = drop_crowd(c, &user, &item, max_user, events, out, err);
    if (st == DG_OK) st = run(c, &user, &item, events, out, err);
    if (st == DG_OK) {
        out->user_count = user.own;
        out->item_count = item.own;
        user.own = item.own = NULL;
    }
    close_side(&user);
    close_side(&item);
    return st;
}

void dg_core_free(dg_core *k)
{
    dg_free(k->user_count);
    dg_free(k->item_count);
    *k = (dg_core){0};
}
