#include "models/warm.h"

#include "base/memory.h"

static dg_status look_up(const dg_names *names, const dg_strings *own, int64_t **row,
                         int64_t *known, dg_err *err)
{
    *row = dg_alloc((size_t)own->n, sizeof **row);
    if (*row == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a warm start");
    for (int64_t k = 0; k < own->n; k++) {
        size_t n;
        const char *id = dg_strings_at(own, k, &n);
        (*row)[k] = dg_names_find(names, id, n);
        *known += (*row)[k] >= 0;
    }
    return DG_OK;
}

dg_status dg_warm_create(const dg_comm *c, const dg_dataset *d, const dg_artifact *from,
                         dg_warm *out, dg_err *err)
{
    int64_t known[2] = {0};
    *out = (dg_warm){.from = from};
    dg_status st = look_up(&from->user_id, &d->user_id, &out->user, &known[0], err);
    if (st == DG_OK) st = look_up(&from->item_id, &d->item_id, &out->item, &known[1], err);
    st = dg_agree(c, st, err);
    if (st != DG_OK) {
        dg_warm_free(out);
        return st;
    }
    dg_sum_int64(c, known, 2);
    out->users = known[0];
    out->items = known[1];
    return DG_OK;
}

void dg_warm_free(dg_warm *w)
{
    dg_free(w->user);
    dg_free(w->item);
    *w = (dg_warm){0};
}
