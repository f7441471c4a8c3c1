#include "evaluate/stored_head.h"

#include "base/memory.h"
#include "comm/matrix.h"
#include "dense/panel.h"

#include <string.h>

/* Two columns are added to the factors, so that all cases are one dot product: an item's
 * popularity, which meets 1 of a user who is offered what is popular, and 1 of an item that is not
 * known, which meets DG_STORED_BEHIND_ALL. */
enum { POPULARITY, UNKNOWN, MORE };

typedef struct dg_stored {
    dg_stored_head head;
    const dg_panel_kernels *kernels;
    dg_matrix items; /* (n_items, n_cols + MORE) */
    float *loaded;   /* (DG_SCORER_TILE, n_cols + MORE) */
    float start[DG_SCORER_TILE];
    int n;
} dg_stored;

/* Nothing was learned of somebody whose row is all zeros. */
static bool is_blank(const float *row, int n)
{
    for (int k = 0; k < n; k++)
        if (row[k] != 0) return false;
    return true;
}

dg_status dg_stored__find_users(dg_stored_head *s, dg_err *err)
{
    const dg_strings *ids = &s->data->user_id;
    s->user = dg_alloc((size_t)ids->n, sizeof *s->user);
    if (s->user == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory to score stored users");
    for (int64_t k = 0; k < ids->n; k++) {
        size_t n;
        const char *id = dg_strings_at(ids, k, &n);
        s->user[k] = dg_names_find(&s->artifact->user_id, id, n);
    }
    return DG_OK;
}

static void copy_row(const dg_factors *f, int64_t from, float *row)
{
    const float *at = dg_factors_row(f, from, row);
    if (at != row) memcpy(row, at, (size_t)f->n_cols * sizeof *row);
}

/* Own items' rows, in place. LOCAL. */
static void fill_items(dg_stored *s)
{
    const dg_artifact *a = s->head.artifact;
    for (int64_t r = s->items.own.begin; r < s->items.own.end; r++) {
        size_t n;
        const char *id = dg_strings_at(&s->head.data->item_id, r - s->items.own.begin, &n);
        const int64_t from = dg_names_find(&a->item_id, id, n);
        float *row = dg_matrix_row(&s->items, r), *more = row + a->n_cols;
        more[UNKNOWN] = from < 0;
        if (from < 0) continue;
        copy_row(&a->item_factor, from, row);
        more[POPULARITY] = (float)a->popularity[from];
    }
}

static dg_status load(void *self, const int64_t *user, int n, dg_err *err)
{
    dg_stored *s = self;
    const dg_artifact *a = s->head.artifact;
    (void)err;
    s->n = n;
    for (int i = 0; i < n; i++) {
        const int64_t from = s->head.user[user[i] - s->head.data->train.begin];
        float *row = s->loaded + (size_t)i * (size_t)s->items.n_cols, *more = row + a->n_cols;
        memset(row, 0, (size_t)s->items.n_cols * sizeof *row);
        if (from >= 0) copy_row(&a->user_factor, from, row);
        s->head.knows[i] = !is_blank(row, a->n_cols);
        const bool popular = !a->clipped && !s->head.knows[i];
        more[POPULARITY] = popular;
        more[UNKNOWN] = a->clipped ? 0 : DG_STORED_BEHIND_ALL;
        s->start[i] = popular ? 0 : (float)a->offset;
    }
    return DG_OK;
}

static void score_marked(void *self, int64_t begin, int64_t end, const float *threshold, float *out,
                         uint16_t *mark)
{
    const dg_stored *s = self;
    const size_t width = (size_t)s->items.n_cols;
    const dg_queries q = {s->n, s->items.n_cols, width, s->loaded, s->start, NULL};
    s->kernels->scores(&q, (int)(end - begin), dg_matrix_row(&s->items, begin), width, threshold,
                       out, mark);
}

static void score(void *self, int64_t begin, int64_t end, float *out)
{
    score_marked(self, begin, end, NULL, out, NULL);
}

static float score_one(void *self, int i, int64_t item)
{
    const dg_stored *s = self;
    return s->kernels->score_one(s->items.n_cols, s->loaded + (size_t)i * (size_t)s->items.n_cols,
                                 dg_matrix_row(&s->items, item), s->start[i]);
}

static bool knows_item(const dg_stored_head *head, int64_t item)
{
    const dg_stored *s = (const dg_stored *)head;
    return dg_matrix_row(&s->items, item)[head->artifact->n_cols + UNKNOWN] == 0;
}

bool dg_stored_knows(const dg_scorer *scorer, int i, int64_t item)
{
    const dg_stored_head *s = scorer->self;
    return s->knows[i] && s->knows_item(s, item);
}

static void destroy(dg_scorer *out)
{
    dg_stored *s = out->self;
    if (s == NULL) return;
    dg_matrix_destroy(&s->items);
    dg_free(s->head.user);
    dg_free(s->loaded);
    dg_free(s);
    out->self = NULL;
}

static dg_status open_stored(dg_stored *s, const dg_dataset *d, const dg_artifact *a, dg_err *err)
{
    if (s == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring");
    *s = (dg_stored){.head = {.data = d, .artifact = a, .knows_item = knows_item},
                     .kernels = dg_panel()};
    s->loaded = dg_alloc((size_t)DG_SCORER_TILE * (size_t)(a->n_cols + MORE), sizeof *s->loaded);
    return s->loaded == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring")
                             : dg_stored__find_users(&s->head, err);
}

dg_status dg_stored_scorer(const dg_comm *c, const dg_dataset *d, const dg_artifact *a,
                           dg_scorer *out, dg_err *err)
{
    if (a->n_cols == 0) return dg_stored__links(c, d, a, out, err);
    dg_stored *s = dg_alloc(1, sizeof *s);
    *out = (dg_scorer){.self = s,
                       .n_items = d->items.begin[d->items.n],
                       .rates = a->clipped,
                       .clip_min = a->clip_min,
                       .clip_max = a->clip_max,
                       .load = load,
                       .score = score,
                       .score_marked = score_marked,
                       .score_one = score_one,
                       .destroy = destroy};
    dg_status st = dg_agree(c, open_stored(s, d, a, err), err);
    if (st == DG_OK) st = dg_matrix_create(c, &d->items, a->n_cols + MORE, &s->items, err);
    if (st == DG_OK) {
        fill_items(s);
        dg_matrix_publish(&s->items);
    } else {
        destroy(out);
    }
    return st;
}
