#include "generate/behaviour.h"

#include "base/memory.h"

#include <math.h>

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

/* The local stage: all the room that making a unit needs. */
static dg_status make_room(dg_behaviour *b, dg_err *err)
{
    const dg_shop *s = b->shop;
    const int64_t most = b->portions.most;
    b->taste = dg_alloc((size_t)s->n_factors, sizeof *b->taste);
    b->mixed = dg_alloc((size_t)s->n_factors, sizeof *b->mixed);
    b->sessions = dg_alloc((size_t)(most / DG_EVENTS_PER_SESSION + 1), sizeof *b->sessions);
    if (b->taste == NULL || b->mixed == NULL || b->sessions == NULL)
        return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for one shopper's rows");
    return dg_picker_create(s, most, &b->picker, err);
}

dg_status dg_behaviour_create(const dg_comm *c, const dg_shop *s, int64_t rows, dg_behaviour *out,
                              dg_err *err)
{
    const dg_generate_options *o = s->options;
    *out = (dg_behaviour){.shop = s, .scale = (float)(1 / sqrt((double)s->n_factors))};
    out->portions = (dg_portions){.n_rows = o->users,
                                  .least = at_most(o->fewest, rows / o->users),
                                  .most = dg_generate_most(o),
                                  .weight = dg_shop_activity,
                                  .from = s};
    out->portions.least = at_most(out->portions.least, out->portions.most);
    dg_status st = dg_agree(c, make_room(out, err), err);
    if (st == DG_OK) st = dg_portions_find(c, rows, &out->portions, err);
    if (st != DG_OK) dg_behaviour_free(out);
    return st;
}

void dg_behaviour_free(dg_behaviour *b)
{
    dg_portions_free(&b->portions);
    dg_picker_free(&b->picker);
    dg_free(b->taste);
    dg_free(b->mixed);
    dg_free(b->sessions);
    *b = (dg_behaviour){0};
}
