#include "base/memory.h"
#include "models/weights/weights.h"

#include <string.h>

typedef struct dg_weights_scorer_state {
    const dg_weights *weights;
    dg_row user[DG_SCORER_TILE]; /* profiles loaded */
    int n;
} state;

static dg_status load_users(void *self, const int64_t *user, int n, dg_err *err)
{
    (void)err;
    state *s = self;
    s->n = n;
    for (int i = 0; i < n; i++) s->user[i] = dg_weights_profile(s->weights, user[i]);
    return DG_OK;
}

/* Each score is summed over the profile in the order of items, whatever the range asked for. */
static void score_user(const state *s, dg_row user, int64_t begin, int64_t end, float *out)
{
    memset(out, 0, (size_t)(end - begin) * sizeof *out);
    for (int64_t k = 0; k < user.n; k++)
        dg_node_row_add(dg_node_csr_row(&s->weights->all, user.index[k]),
                        dg_weights_value(s->weights, user.value[k]), begin, end, out);
}

static void score(void *self, int64_t begin, int64_t end, float *out)
{
    const state *s = self;
    for (int i = 0; i < s->n; i++) score_user(s, s->user[i], begin, end, out + i * (end - begin));
}

static void score_row(void *self, int i, float *out)
{
    const state *s = self;
    score_user(s, s->user[i], 0, s->weights->all.n_rows, out);
}

static float score_one(void *self, int i, int64_t item)
{
    const state *s = self;
    float out;
    score_user(s, s->user[i], item, item + 1, &out);
    return out;
}

static void destroy(dg_scorer *out)
{
    dg_free(out->self);
    out->self = NULL;
}

dg_status dg_weights_scorer(dg_weights *w, dg_scorer *out, dg_err *err)
{
    const dg_shards *items = &w->data->items;
    state *s = dg_alloc(1, sizeof *s);
    *out = (dg_scorer){.self = s,
                       .n_items = items->begin[items->n],
                       .load = load_users,
                       .score = score,
                       .score_row = score_row,
                       .score_one = score_one,
                       .destroy = destroy};
    dg_status st = s == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring") : DG_OK;
    st = dg_agree(w->comm, st, err);
    if (st == DG_OK) {
        s->weights = w;
        dg_node_csr_destroy(&w->all);
        st = dg_node_csr_create(w->comm, items, &w->by_source, &w->all, err);
    }
    if (st != DG_OK) destroy(out);
    return st;
}
