#include "serve/whom.h"

#include "serve/answers.h"

bool dg_refuse_status(dg_refusal *no, const dg_node *node, dg_status st, const dg_err *err)
{
    if (st == DG_ERR_NOMEM) return dg_refuse(no, 500, "out_of_memory", "out of memory");
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

/* The user as they are known, and the items of the request. */
static dg_status meet_items(const dg_artifact *a, const dg_request *r, dg_whom *w, dg_err *err)
{
    dg_status st = dg_person_create(a, w->user, &w->own, err);
    if (st == DG_OK) st = meet_all(a, w, &r->list[DG_LIST_SESSION], true, err);
    if (st == DG_OK) st = meet_all(a, w, &r->list[DG_LIST_POSITIVE], true, err);
    if (st == DG_OK) st = meet_all(a, w, &r->list[DG_LIST_NEGATIVE], false, err);
    if (st == DG_OK) st = dg_person_taste(w->own, &w->taste, err);
    if (st == DG_OK) w->unseen = dg_person_unseen(w->own);
    return st;
}

bool dg_whom_find(const dg_node *node, const dg_request *request, float *room, dg_whom *out,
                  dg_refusal *no)
{
    const dg_artifact *a = node->artifact;
    dg_err err;
    *out = (dg_whom){.user = -1};
    if (request->n_id > 0) out->user = dg_names_find(&a->user_id, request->id, request->n_id);
    if (!has_items(request)) {
        out->taste = dg_taste_of(a, out->user, room);
        out->unseen = dg_allowed_unseen(a, out->user);
        return true;
    }
    if (!dg_person_learns(a))
        return dg_refuse(no, 409, "no_fold_in", "the model \"%s\" (%s) cannot learn from items",
                         a->name, a->algorithm);
    const dg_status st = meet_items(a, request, out, &err);
    return st == DG_OK || dg_refuse_status(no, node, st, &err);
}

void dg_whom_close(dg_whom *w) { dg_person_destroy(&w->own); }
