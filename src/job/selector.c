#include "job/selector.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct dg_selector {
    dg_attributes items, users;
    dg_names id;
    int32_t *by_hash;
    dg_goods *goods;
    dg_rules *rules;
    bool filtered;
    dg_condition filter;
    const char *scene;
    int64_t now;
};

static int by_hash(const void *a, const void *b, void *names)
{
    size_t nx, ny;
    const char *x = dg_names_at(names, *(const int32_t *)a, &nx);
    const char *y = dg_names_at(names, *(const int32_t *)b, &ny);
    const uint64_t hx = dg_id_hash(x, nx), hy = dg_id_hash(y, ny);
    if (hx != hy) return hx < hy ? -1 : 1;
    const int order = memcmp(x, y, nx < ny ? nx : ny);
    return order != 0 ? order : (nx > ny) - (nx < ny);
}

static dg_status order_ids(dg_selector *s, const dg_strings *item_id, dg_err *err)
{
    s->by_hash = dg_alloc((size_t)item_id->n, sizeof *s->by_hash);
    if (s->by_hash == NULL) return DG_FAIL(err, DG_ERR_NOMEM, "out of memory sorting ids");
    for (int64_t k = 0; k < item_id->n; k++) s->by_hash[k] = (int32_t)k;
    s->id = (dg_names){item_id->n, item_id->offset, item_id->bytes, s->by_hash};
    qsort_r(s->by_hash, (size_t)item_id->n, sizeof *s->by_hash, by_hash, &s->id);
    return DG_OK;
}

static dg_status read_filter(dg_selector *s, const char *text, dg_err *err)
{
    if (text == NULL) return DG_OK;
    const dg_status st = dg_condition_read(s->goods, text, strlen(text), &s->filter, err);
    s->filtered = true;
    if (st == DG_OK && s->filter.of_current)
        return DG_FAIL(err, DG_ERR_USAGE, "filter: it asks CurrentItem, and here is none");
    if (st != DG_ERR_USAGE) return st;
    const dg_err plain = *err;
    DG_FAIL(err, st, "filter: %.700s", plain.text);
    return plain.hint[0] == '\0' ? st : dg_err_hint(err, st, "%s", plain.hint);
}

static dg_status open_selector(const dg_work *w, const dg_container *f, const dg_strings *item_id,
                               const dg_selector_options *o, dg_selector *s, dg_err *err)
{
    const dg_dataset *d = &w->data;
    const int64_t n_items = d->items.begin[d->items.n], n_users = d->users.begin[d->users.n];
    s->scene = o->scene == NULL ? "" : o->scene;
    dg_status st = order_ids(s, item_id, err);
    if (st == DG_OK) st = dg_attributes_map(f, "attributes/item", n_items, &s->items, err);
    if (st == DG_OK) st = dg_attributes_map(f, "attributes/user", n_users, &s->users, err);
    const dg_goods_source from = {n_items, n_users, &s->items, &s->users, &s->id};
    if (st == DG_OK) st = dg_goods_create(&from, &s->goods, err);
    if (st == DG_OK) st = read_filter(s, o->filter, err);
    if (st == DG_OK && o->rules != NULL) st = dg_rules_open(o->rules, s->goods, &s->rules, err);
    return st;
}

dg_status dg_selector_open(const dg_work *w, const dg_container *f, const dg_strings *item_id,
                           const dg_selector_options *o, dg_selector **out, dg_err *err)
{
    dg_selector *s = *out = dg_alloc(1, sizeof *s);
    dg_status st = s == NULL ? DG_FAIL(err, DG_ERR_NOMEM, "out of memory for a filter")
                             : open_selector(w, f, item_id, o, s, err);
    st = dg_agree(w->comm, st, err);
    int64_t now = (int64_t)time(NULL);
    dg_bcast(w->comm, &now, sizeof now, 0); /* rules hold alike on every rank */
    if (st == DG_OK)
        s->now = now;
    else
        dg_selector_close(out);
    return st;
}

typedef struct dg_ranked { /* a user's goods, best first */
    const dg_hit *hit;
    int n;
} dg_ranked;

static dg_status first_of(void *from, const uint64_t *goods, int k, dg_hit *hit, int *n,
                          dg_err *err)
{
    const dg_ranked *r = from;
    (void)err;
    *n = 0;
    for (int h = 0; h < r->n && *n < k; h++)
        if (goods[r->hit[h].index / 64] >> (r->hit[h].index % 64) & 1) hit[(*n)++] = r->hit[h];
    return DG_OK;
}

dg_status dg_selector_choose(const dg_selector *s, int64_t user, const dg_hit *all, int n, int k,
                             dg_chosen *out, dg_err *err)
{
    dg_ranked ranked = {all, n};
    const dg_wish w = {.goods = s->goods,
                       .rules = s->rules,
                       .occasion = {.asked = {-1, user},
                                    .path = "recommend",
                                    .scene = s->scene,
                                    .n_scene = strlen(s->scene),
                                    .now = s->now},
                       .k = k,
                       .filter = s->filtered ? &s->filter : NULL,
                       .step = {{"user", first_of, &ranked}},
                       .n_steps = 1};
    return dg_choose(&w, out, err);
}

void dg_selector_close(dg_selector **selector)
{
    dg_selector *s = *selector;
    if (s == NULL) return;
    dg_rules_close(&s->rules);
    dg_goods_destroy(&s->goods);
    dg_free(s->by_hash);
    dg_free(s);
    *selector = NULL;
}
