#include "evaluate/stored_head.h"

#include "base/memory.h"
#include "serve/rank/links.h"

#include <string.h>

typedef struct dg_stored_links {
    dg_stored_head head;
    int64_t n_items;
    int64_t *item; /* (n_items,) row in the artifact and 1, 0 where there is none */
    int room, n;   /* users there is room for, and users loaded */
    float *score;  /* (n, n_items) */
} state;

static bool knows_item(const dg_stored_head *head, int64_t item)
{
    return ((const state *)head)->item[item] > 0;
}

/* Own items' rows; the sum over ranks gathers the others'. COLLECTIVE. */
static void find_items(const dg_comm *c, state *s)
{
    const dg_dataset *d = s->head.data;
    const int64_t first = d->train_by_item.begin;
    for (int64_t k = 0; k < d->item_id.n; k++) {
        size_t n;
        const char *id = dg_strings_at(&d->item_id, k, &n);
        s->item[first + k] = dg_names_find(&s->head.artifact->item_id, id, n) + 1;
    }
    dg_sum_int64(c, s->item, (int)s->n_items);
}

/* What an item gets that is in none of the artifact's rows. */
static float of_unknown(const dg_artifact *a, const dg_taste *t)
{
    const float base = a->user_base == NULL ? 0 : (float)t->base;
    if (!a->clipped) return DG_STORED_BEHIND_ALL;
    return dg_tally_score(&a->rule, (dg_tally){0}, base) + (float)a->offset;
}

/* A user's scores, or what is popular where nothing speaks for anything. */
static dg_status score_user(state *s, int i, int64_t user, float *out, dg_err *err)
{
    const dg_artifact *a = s->head.artifact;
    const dg_taste taste =
        dg_taste_of(a, s->head.user[user - s->head.data->train.begin], NULL); /* has no factors */
    float *score;
    const dg_status st = dg_links_scores(a, &taste, &score, &s->head.knows[i], err);
    if (st != DG_OK) return st;
    const bool popular = !a->clipped && !s->head.knows[i];
    const float unknown = of_unknown(a, &taste);
    for (int64_t k = 0; k < s->n_items; k++) {
        const int64_t from = s->item[k] - 1;
        out[k] = from < 0 ? unknown : popular ? (float)a->popularity[from] : score[from];
    }
    dg_free(score);
    return DG_OK;
}

static dg_status load(void *self, const int64_t *user, int n, dg_err *err)
{
    state *s = self;
    dg_status st = DG_OK;
    if (n > s->room) {
        dg_free(s->score);
        s->score = dg_alloc((size_t)n * (size_t)s->n_items, sizeof *s->score);
        s->room = s->score == NULL ? 0 : n;
        if (s->score == NULL) st = DG_FAIL(err, DG_ERR_NOMEM, "out of memory for %d lists", n);
    }
    s->n = st == DG_OK ? n : 0;
    for (int i = 0; i < n && st == DG_OK; i++)
        st = score_user(s, i, user[i], s->score + i * s->n_items, err);
    return st;
}

static void score(void *self, int64_t begin, int64_t end, float *out)
{
    const state *s = self;
    for (int i = 0; i < s->n; i++)
        memcpy(out + i * (end - begin), s->score + i * s->n_items + begin,
               (size_t)(end - begin) * sizeof *out);
}

static void score_row(void *self, int i, float *out)
{
    const state *s = self;
    memcpy(out, s->score + i * s->n_items, (size_t)s->n_items * sizeof *out);
}

static float score_one(void *self, int i, int64_t item)
{
    const state *s = self;
    return s->score[i * s->n_items + item];
}

static void destroy(dg_scorer *out)
{
    state *s = out->self;
    if (s == NULL) return;
    dg_free(s->head.user);
    dg_free(s->item);
    dg_free(s->score);
    dg_free(s);
    out->self = NULL;
}

dg_status dg_stored__links(const dg_comm *c, const dg_dataset *d, const dg_artifact *a,
                           dg_scorer *out, dg_err *err)
{
    const int64_t n_items = d->items.begin[d->items.n];
    state *s = dg_alloc(1, sizeof *s);
    *out = (dg_scorer){.self = s,
                       .n_items = n_items,
                       .rates = a->clipped,
                       .clip_min = a->clip_min,
                       .clip_max = a->clip_max,
                       .load = load,
                       .score = score,
                       .score_row = score_row,
                       .score_one = score_one,
                       .destroy = destroy};
    dg_status st = s == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring") : DG_OK;
    if (st == DG_OK) {
        *s = (state){.head = {.data = d, .artifact = a, .knows_item = knows_item},
                     .n_items = n_items};
        s->item = dg_alloc((size_t)n_items, sizeof *s->item);
        st = s->item == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for scoring")
                             : dg_stored__find_users(&s->head, err);
    }
    st = dg_agree(c, st, err);
    if (st == DG_OK)
        find_items(c, s);
    else
        destroy(out);
    return st;
}
