#include "serve/whom.h"

#include "base/memory.h"
#include "serve/answers.h"

#include <string.h>

bool dg_refuse_status(dg_refusal *no, const dg_node *node, dg_status st, const dg_err *err)
{
    if (st == DG_ERR_NOMEM) return dg_refuse(no, 500, "out_of_memory", "out of memory");
    if (st == DG_ERR_IO || st == DG_ERR_DATA)
        return dg_refuse(no, 500, "events_unread", "%s", err->text);
    return dg_refuse(no, 500, "not_finite", "the model \"%s\" cannot rank here: %s",
                     node->artifact->name, err->text);
}

static bool has_items(const dg_request *r)
{
    return r->list[DG_LIST_SESSION].n + r->list[DG_LIST_POSITIVE].n + r->list[DG_LIST_NEGATIVE].n >
           0;
}

static dg_status meet_all(const dg_artifact *a, dg_whom *w, const dg_ids *ids, bool liked,
                          dg_err *err)
{
    const float worth = dg_person_worth(a, liked);
    dg_status st = DG_OK;
    for (size_t k = 0; k < ids->n && st == DG_OK; k++) {
        const int64_t item = dg_names_find(&a->item_id, ids->at[k].at, ids->at[k].n);
        if (item < 0)
            w->unknown++;
        else
            st = dg_person_meet(w->own, (int32_t)item, worth, err);
    }
    return st;
}

/* What happened to a user is applied again for the request, below what the request brings. */
static dg_status open_own(const dg_node *node, const dg_request *r, dg_whom *w, dg_err *err)
{
    const dg_artifact *a = node->artifact;
    dg_lived *held = NULL;
    dg_status st = DG_OK;
    if (node->live != NULL && r->n_id > 0)
        st = dg_live_take(node->live, r->id, r->n_id, w->user, &held, err);
    if (st == DG_OK && held != NULL)
        st = dg_person_copy(dg_lived_person(held), &w->own, err);
    else if (st == DG_OK)
        st = dg_person_create(a, w->user, &w->own, err);
    w->lived = held != NULL;
    dg_live_leave(node->live, held);
    return st;
}

/* The user as they are known, and the items of the request. */
static dg_status meet_items(const dg_node *node, const dg_request *r, dg_whom *w, dg_err *err)
{
    const dg_artifact *a = node->artifact;
    dg_status st = open_own(node, r, w, err);
    if (st == DG_OK) st = meet_all(a, w, &r->list[DG_LIST_SESSION], true, err);
    if (st == DG_OK) st = meet_all(a, w, &r->list[DG_LIST_POSITIVE], true, err);
    if (st == DG_OK) st = meet_all(a, w, &r->list[DG_LIST_NEGATIVE], false, err);
    if (st == DG_OK) st = dg_person_taste(w->own, &w->taste, err);
    if (st == DG_OK) w->unseen = dg_person_unseen(w->own);
    return st;
}

static void *copy_of(const void *at, int64_t n, size_t size)
{
    void *out = dg_alloc((size_t)n, size);
    if (out != NULL && n > 0) memcpy(out, at, (size_t)n * size);
    return out;
}

/* The taste of somebody others may ask for at the same time, as a copy. */
static dg_status copy_taste(const dg_artifact *a, dg_person *p, float *room, dg_whom *w,
                            dg_err *err)
{
    const dg_status st = dg_person_taste(p, &w->taste, err);
    if (st != DG_OK) return st;
    const dg_allowed unseen = dg_person_unseen(p);
    w->seen = copy_of(unseen.skip, unseen.n_skip, sizeof *w->seen);
    w->item = copy_of(w->taste.item, w->taste.n, sizeof *w->item);
    w->value = copy_of(w->taste.value, w->taste.n, sizeof *w->value);
    if (w->seen == NULL || w->item == NULL || w->value == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a user's taste");
    w->unseen = (dg_allowed){.skip = w->seen, .n_skip = unseen.n_skip};
    w->taste.item = w->item;
    w->taste.value = w->value;
    if (w->taste.factor == NULL) return DG_OK;
    memcpy(room, w->taste.factor, (size_t)a->n_cols * sizeof *room);
    w->taste.factor = room;
    return DG_OK;
}

/* A user whose events the artifact does not know; *w stays as it is for others. */
static dg_status find_lived(const dg_node *node, const dg_request *r, float *room, dg_whom *w,
                            dg_err *err)
{
    dg_lived *held;
    if (node->live == NULL || r->n_id == 0) return DG_OK;
    dg_status st = dg_live_take(node->live, r->id, r->n_id, w->user, &held, err);
    if (st != DG_OK || held == NULL) return st;
    w->lived = true;
    st = copy_taste(node->artifact, dg_lived_person(held), room, w, err);
    dg_live_leave(node->live, held);
    return st;
}

bool dg_whom_find(const dg_node *node, const dg_request *request, float *room, dg_whom *out,
                  dg_refusal *no)
{
    const dg_artifact *a = node->artifact;
    dg_status st;
    dg_err err;
    *out = (dg_whom){.user = -1};
    if (request->n_id > 0) out->user = dg_names_find(&a->user_id, request->id, request->n_id);
    if (has_items(request)) {
        if (!dg_person_learns(a))
            return dg_refuse(no, 409, "no_fold_in", "the model \"%s\" (%s) cannot learn from items",
                             a->name, a->algorithm);
        st = meet_items(node, request, out, &err);
    } else {
        st = find_lived(node, request, room, out, &err);
        if (st == DG_OK && !out->lived) {
            out->taste = dg_taste_of(a, out->user, room);
            out->unseen = dg_allowed_unseen(a, out->user);
        }
    }
    return st == DG_OK || dg_refuse_status(no, node, st, &err);
}

dg_status dg_whom_person(const dg_node *node, const dg_request *request, int64_t user,
                         dg_person **out, dg_lived **held, dg_err *err)
{
    dg_status st = DG_OK;
    *held = NULL;
    if (node->live != NULL)
        st = dg_live_take(node->live, request->id, request->n_id, user, held, err);
    if (st == DG_OK && *held == NULL) return dg_person_create(node->artifact, user, out, err);
    if (st == DG_OK) *out = dg_lived_person(*held);
    return st;
}

void dg_whom_close(dg_whom *w)
{
    dg_person_destroy(&w->own);
    dg_free(w->seen);
    dg_free(w->item);
    dg_free(w->value);
    w->seen = w->item = NULL;
    w->value = NULL;
}

bool dg_whom_is_learned(const dg_artifact *a, const dg_whom *w)
{
    return w->taste.factor != NULL || w->taste.n > 0 ||
           (a->user_weights.ptr != NULL && w->user >= 0);
}
